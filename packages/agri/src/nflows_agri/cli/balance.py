"""``nflows agri balance``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_agri.cli.generators import temperature_option, truncation_option
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.options import Number, output_folder_option, seed_option
from nflows_core.runtime.terminal import echo

_RunPath = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=Command)
@click.argument("run", type=_RunPath)
@output_folder_option
@click.option(
    "--ratio",
    type=Number(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Crops of each class, real and made together, for each real one of the largest class.",
)
@click.option("--flow", type=_RunPath, help="Refuse crops that the flow of this run finds unlikely.")
@click.option(
    "--share",
    type=Number(0, 1, max_open=True),
    default=0.05,
    show_default=True,
    help="The part of real crops that would be unlikely too.",
)
@truncation_option
@temperature_option
@seed_option
@json_option
def balance(
    run: Path,
    folder: Path,
    ratio: float,
    flow: Path | None,
    share: float,
    truncation: float | None,
    temperature: float,
    seed: int,
) -> None:
    """Fill small classes with crops made by the generator of RUN, for `train --made`.

    It counts the real crops of the training side on which the generator was trained; the made ones belong there and
    nowhere else, and say so. Those that nearly copy a real crop are refused, and with --flow the unlikely ones.
    """
    from nflows_agri.balancing.filling import Balancing, fill

    settings = Balancing(ratio, None if flow is None else str(flow.absolute()), share, truncation, temperature, seed)
    report = fill(run, folder, settings)
    for row in report["tables"]["Crops by class"]:
        echo(f"{row['class']:<32} {row['made']:,} made beside {row['real']:,}, of {row['tried']:,} tried")
    echo(f"{'report':<32} {folder / 'report.html'}")
    print_report(report)
