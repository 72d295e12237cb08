"""``nflows heritage restore``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import Number
from nflows_core.runtime.pictures.options import EXACT, PictureOptions, picture_options
from nflows_heritage.cli.degrade import KINDS

AUTO, LOSS = "auto", "loss"
"""Named here too, so that help need not load what they are; a test compares them."""


@click.command(cls=Command)
@picture_options(metadata="keep", is_random=True, format=EXACT)
@click.option(
    "--type",
    "kind",
    type=click.Choice([AUTO, *KINDS, LOSS]),
    default=AUTO,
    show_default=True,
    help="What the pictures suffer from; auto looks, and leaves clean ones alone; loss fills what a --mask marks.",
)
@click.option("--engine", default="classic", show_default=True, metavar="NAME|RUN", help="classic, unified, or a run.")
@click.option(
    "--strength", type=Number(0, 1), default=1, show_default=True, help="The part of the change that is made."
)
@click.option(
    "--mask",
    type=click.Path(exists=True, path_type=Path),
    help="A picture, or a folder with one for each: nothing changes where it is black.",
)
@click.option("--tile", type=click.IntRange(1), help="The side of a tile; less where memory runs out.")
def restore(
    pictures: PictureOptions, kind: str, engine: str, strength: float, mask: Path | None, tile: int | None
) -> int:
    """Restore pictures: each INPUT, a file or a folder, gets a restored one in the folder OUTPUT.

    Beside each lie a picture of what was changed, black where nothing was, and a record, from which `replay` makes the
    same file again. The originals are never touched.
    """
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_files

    batch = plan_pictures(pictures, ("-change.png", ".json"))  # before torch is there, which takes seconds
    from nflows_heritage.inspection import FILE, SHIPPED, load_inspector
    from nflows_heritage.restoring import Restoration, RestoreFiles, restored_sheets
    from nflows_heritage.restoring.engines import load_engine, resolve, weights_of

    where = None if mask is None else str(mask.absolute())
    restoration = Restoration(kind, resolve(engine), strength, where, tile)
    load_engine(restoration.engine)  # what is wrong with it is wrong for all pictures
    if kind == AUTO:
        load_inspector(SHIPPED)
    weights = weights_of(restoration.engine) | ({"inspector": SHIPPED / FILE} if kind == AUTO else {})
    about = PictureReport(
        "Restored pictures", "changed_percent", weights, ["nflows-heritage", "nflows-sr"], sheets=restored_sheets
    )
    writing = replace(pictures.writing(batch), beside=())
    process = RestoreFiles(restoration, writing, about.digests())
    return run_files(batch, process, about, skip_existing=pictures.skip_existing, dask=pictures.dask)
