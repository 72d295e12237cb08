"""``nflows heritage inspect``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.batch import inputs_argument, output_option, skip_existing_option
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.options import dask_option
from nflows_core.runtime.pictures.options import READ


@click.command(cls=Command)
@inputs_argument
@output_option
@skip_existing_option
@dask_option
@json_option
def inspect(inputs: tuple[Path, ...], output: Path, skip_existing: bool, dask: str | None) -> int:
    """Say what pictures suffer from, and how sure that is: of each INPUT, a file or a folder, a file in OUTPUT."""
    from nflows_core.runtime.pictures.running import plan_files, run_files

    batch = plan_files(inputs, output, READ, {"": ".json"})
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_heritage.inspection import FILE, SHIPPED, load_inspector
    from nflows_heritage.inspection.process import InspectFiles, inspected_sheets

    load_inspector(SHIPPED)
    weights = {"inspector": SHIPPED / FILE}
    about = PictureReport(
        "What pictures suffer from", "probability_clean", weights, ["nflows-heritage"], sheets=inspected_sheets
    )
    return run_files(batch, InspectFiles(about.digests()), about, skip_existing=skip_existing, dask=dask)
