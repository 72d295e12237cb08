"""``nflows agri segment``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.batch import inputs_argument, skip_existing_option
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.options import dask_option
from nflows_core.runtime.pictures.options import READ
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_agri.trays.files import Segmenting
    from nflows_core.runtime.attempt import Outcome
    from nflows_core.runtime.batch import BatchResult

_TABLE = "seeds.csv"


@click.command(cls=Command)
@inputs_argument
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="A folder.")
@skip_existing_option
@click.option("--touching/--no-touching", default=True, show_default=True, help="Tell seeds apart that touch.")
@click.option("--min-area", type=float, help="Of a seed, in pixels; by default a fifth of a typical one.")
@click.option(
    "--background",
    type=click.Choice(["black", "kept"]),
    default="black",
    show_default=True,
    help="What is around the seed in its crop.",
)
@click.option("--px-per-mm", type=float, help="The scale, for areas and lengths in millimetres besides.")
@click.option("--mm-width", type=float, help="The same, as the width of what each upright photograph shows.")
@dask_option
@json_option
def segment(inputs: tuple[Path, ...], output: Path, skip_existing: bool, dask: str | None, **how: Any) -> ExitCode:
    """Cut trays into seeds: each INPUT, a photograph or a folder of them, gets a folder in OUTPUT.

    The folder of a.jpg is a: crops/a_0001.png and on, labels.png (16 bits, the number of the seed at each pixel),
    overlay.jpg and seeds.csv, whose seeds of all trays are in OUTPUT/seeds.csv. Seeds may be dark or pale, on paper,
    film or cloth. A mask that cannot be right is refused: its overlay is a-refused.jpg, and the exit code 1.
    """
    from nflows_agri.trays.files import Segmenting, SegmentTrays, tray_sheets
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_files, run_files

    process = SegmentTrays(Segmenting(**how))
    batch = plan_files(inputs, output, READ, {"": ""}, files=[_TABLE])
    refused: list[Outcome] = []
    about = PictureReport(
        "Seeds of trays",
        "seeds",
        packages=["nflows-agri", "scikit-image", "scipy"],
        what="trays",
        sheets=lambda report, done: tray_sheets(report, done, refused),
    )

    def export(result: BatchResult) -> None:
        refused.extend(result.failed)
        _export(result, output, process.how)

    return run_files(batch, process, about, skip_existing=skip_existing, dask=dask, export=export)


def _export(result: BatchResult, output: Path, how: Segmenting) -> None:
    """Tells the totals, and writes the table of the seeds of all trays."""
    from nflows_agri.trays.files import all_rows, table_columns
    from nflows_agri.trays.measuring import write_table

    done = result.told
    write_table(output / _TABLE, ["tray", *table_columns(how)], all_rows(done, output))
    numbers = [(outcome.job.source, (outcome.result or {})["numbers"]) for outcome in done]
    echo(f"{sum(one.get('seeds', 0) for _, one in numbers)} seeds in {len(numbers)} trays", err=True)
    for source, one in numbers:
        if one.get("flat_colours"):
            echo(f"{visible(source)}: no texture; if this is a mask and no photograph, leave it out", err=True)
