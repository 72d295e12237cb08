"""``nflows sample``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.cli.options import FilePath, RunPath
from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import seed_option
from nflows_core.runtime.terminal import echo


@click.command(cls=Command)
@RunPath
@click.option("-n", "count", type=click.IntRange(1), default=64, show_default=True, help="How many images.")
@click.option("-o", "--output", type=FilePath, required=True, help="A PNG file.")
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@click.option(
    "--class",
    "names",
    metavar="NAME",
    multiple=True,
    help="Of a conditional run; repeat it for several.  [default: all]",
)
@seed_option
def sample(folder: Path, count: int, output: Path, temperature: float, names: tuple[str, ...], seed: int) -> None:
    """Draw images from the flow of RUN, as many of each class if it is conditional, each class in a row."""
    from nflows_core.runs.conditioning import class_rows
    from nflows_core.runs.folder import load_on_device, read_run
    from nflows_core.runs.pictures import save_samples

    rows = class_rows(read_run(folder), count, names)
    save_samples(load_on_device(folder), output, count, temperature=temperature, seed=seed, rows=rows)
    echo(output)
