"""``nflows heritage mask``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import Number
from nflows_core.runtime.pictures.options import LOSSLESS, PictureOptions, picture_options

FOUND = ("cracks", "colour", "all", "nothing")


@click.command(cls=Command)
@picture_options(metadata="strip", format="png")
@click.option(
    "--find",
    type=click.Choice(FOUND),
    default="cracks",
    show_default=True,
    help="cracks: dark and light; colour: losses of a --colour; all: both; nothing: what is painted by --brush alone.",
)
@click.option("--colour", help="Of losses: white, black, or red, green and blue as #f4efe6.")
@click.option(
    "--tolerance",
    type=Number(0),
    default=10.0,
    show_default=True,
    help="How far a colour may be from that, in CIELAB; 2.3 is just seen.",
)
@click.option(
    "--least", type=click.IntRange(1), default=20, show_default=True, help="Pixels of a loss; smaller ones are left."
)
@click.option(
    "--grow", type=click.IntRange(0, 64), default=1, show_default=True, help="Pixels that are marked around a loss."
)
@click.option(
    "--brush",
    type=click.Path(exists=True, path_type=Path),
    help="A picture of the same size in which all that is not black is marked too, or a folder of such masks, named as"
    " their pictures.",
)
def mask(
    pictures: PictureOptions,
    find: str,
    colour: str | None,
    tolerance: float,
    least: int,
    grow: int,
    brush: Path | None,
) -> int:
    """Mark what is damaged: for each INPUT, a file or a folder, a mask of black and white in the folder OUTPUT.

    The report shows what is marked over each picture, and how much of it that is. Look before you restore.
    """
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_pictures

    _check(pictures, find, colour, brush)
    batch = plan_pictures(pictures)  # before torch is there, which takes seconds
    from nflows_heritage.masks.colour import parse_colour
    from nflows_heritage.masks.cracks import SHIPPED, load_finder
    from nflows_heritage.masks.pictures import FindDamage, mask_sheets

    if colour is not None:
        parse_colour(colour)  # what is wrong with it is wrong for all pictures
    cracks = find in ("cracks", "all")
    if cracks:
        load_finder(SHIPPED)
    work = FindDamage(cracks, colour, tolerance, least, grow, None if brush is None else str(brush.absolute()))
    weights = {"weights": SHIPPED / "model.safetensors"} if cracks else {}
    if brush is not None:
        weights["brush"] = brush  # a result is current for the same masks alone
    about = PictureReport("Damage", "marked_percent", weights, ["nflows-heritage"], sheets=mask_sheets)
    return run_pictures(pictures, batch, work, about)


def _check(pictures: PictureOptions, find: str, colour: str | None, brush: Path | None) -> None:
    if set(pictures.target_suffix.values()) - LOSSLESS:
        raise click.UsageError("a mask is black and white to the bit: give --format png or tiff")
    if (find in ("colour", "all")) != (colour is not None):
        raise click.UsageError("--colour says what losses look like: give it with --find colour or all, and only there")
    if find == "nothing" and brush is None:
        raise click.UsageError("--find nothing marks what was painted alone: give --brush")
