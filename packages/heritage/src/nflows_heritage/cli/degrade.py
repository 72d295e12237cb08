"""``nflows heritage degrade``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import Number
from nflows_core.runtime.pictures.options import PictureOptions, picture_options

KINDS = (
    "blur",
    "dull",
    "fade",
    "gaussian",
    "motion",
    "salt-and-pepper",
    "speckle",
    "pixelate",
    "radial",
    "rain",
    "water",
)
"""Named here too, so that help need not load what they are; a test compares them."""


@click.command(cls=Command)
@picture_options(metadata="keep", is_random=True)
@click.option("--type", "kind", type=click.Choice(KINDS), required=True, help="What the pictures suffer from.")
@click.option("--level", type=Number(1, 5), default=3, show_default=True, help="How much, 1 to 5.")
def degrade(pictures: PictureOptions, kind: str, level: float) -> int:
    """Damage good pictures as time does: each INPUT, a file or a folder, becomes one in the folder OUTPUT.

    To try a restoration where the truth is known, or to train one. Of JPEG files, --format png keeps the exact pixels.
    """
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_pictures

    batch = plan_pictures(pictures)  # before torch is there, which takes seconds
    from nflows_heritage.distortions.pictures import Degrade

    about = PictureReport("Damaged pictures", "psnr_db", packages=["nflows-heritage"])
    return run_pictures(pictures, batch, Degrade(kind, level), about)
