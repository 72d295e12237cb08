"""``nflows agri predict``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_agri.cli.options import device_option
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import output_folder_option


@click.command(cls=Command)
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("crops", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_folder_option
@click.option("--views", is_flag=True, help="CROPS are folders of views: files of one path below them show one seed.")
@device_option
@json_option
def predict(run: Path, crops: tuple[Path, ...], folder: Path, views: bool, device: str) -> ExitCode:
    """Say of each crop which class it is of, by the RUN that `train` left or the ONNX file that `export` wrote.

    CROPS are files and folders. OUTPUT gets crops.csv, a row for each crop with the probability of every class, and a
    report. Of several views, as from above and from below, a class must be likely in all. A file that cannot be read is
    a row that says why, and exit code 1.
    """
    from nflows_agri.inspection.judging import judge_lot

    report, lot = judge_lot(run, crops, folder, views=views, device=device)
    print_report(report)
    return ExitCode.FAILED if lot.failed else ExitCode.DONE
