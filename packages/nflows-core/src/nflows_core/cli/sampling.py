"""``nflows sample``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.cli.options import RunPath, batch_size_option, condition_option
from nflows_core.runtime.cli import Command
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import Number, seed_option
from nflows_core.runtime.terminal import echo


@click.command(cls=Command)
@RunPath
@click.option("-n", "count", type=click.IntRange(1), default=64, show_default=True, help="How many images.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="A PNG file of all, a .npy array, or a new folder of a PNG file each.",
)
@click.option("--temperature", type=Number(0), default=1.0, show_default=True)
@click.option(
    "--class",
    "names",
    metavar="NAME",
    multiple=True,
    help="Of a conditional run; repeat it for several.  [default: all]",
)
@condition_option
@batch_size_option
@seed_option
def sample(
    folder: Path,
    count: int,
    output: Path,
    temperature: float,
    names: tuple[str, ...],
    condition_on: str | None,
    batch_size: int,
    seed: int,
) -> ExitCode:
    """Draw images from the flow of RUN, as many of each class if it is conditional, each class in a row.

    A flow that is conditioned on pictures draws as many of each picture in FOLDER, or in the run's own folder.
    """
    from nflows_core.runs.conditioning import rows_of
    from nflows_core.runs.data import refuse_inside
    from nflows_core.runs.folder import load_on_device, read_run
    from nflows_core.runs.samples import save_samples

    run = read_run(folder)
    refuse_inside(output, run.data, condition_on or run.condition_on)
    rows = rows_of(run, count, names, condition_on)
    bad = save_samples(
        load_on_device(folder),
        output,
        count,
        temperature=temperature,
        seed=seed,
        rows=rows,
        classes=() if run.condition_on else run.classes,
        batch_size=batch_size,
    )
    echo(output)
    if not bad:
        return ExitCode.DONE
    numbers = ", ".join(map(str, bad[:10])) + (" ..." if bad[10:] else "")
    what = "are left out" if output.is_dir() or output.suffix == ".npy" else "have a cross in their place"
    echo(f"{len(bad)} samples are not finite and {what}, counted from 0: {numbers}", err=True)
    return ExitCode.FAILED
