"""``nflows agri purity``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_agri.cli.options import Names, device_option
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import output_folder_option


@click.command(cls=Command)
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("crops", nargs=-1, required=True, type=click.Path(path_type=Path))
@output_folder_option
@click.option("--pure", type=Names(), default="", help="The classes that are pure seed.  [default: those of the run]")
@click.option("--views", is_flag=True, help="CROPS are folders of views: files of one path below them show one seed.")
@device_option
@json_option
def purity(
    run: Path, crops: tuple[Path, ...], folder: Path, pure: tuple[str, ...], views: bool, device: str
) -> ExitCode:
    """Say how pure the lot of CROPS is, counted, and corrected for the errors that RUN made in its test.

    Both shares have 95 % intervals. The corrected one holds if the impurities of the lot are such as those of the test.
    OUTPUT gets the report and crops.csv, as `predict` writes it.
    """
    from nflows_agri.inspection.judging import judge_lot

    report, lot = judge_lot(run, crops, folder, views=views, device=device, weighs=True, pure=pure)
    print_report(report)
    return ExitCode.FAILED if lot.failed else ExitCode.DONE
