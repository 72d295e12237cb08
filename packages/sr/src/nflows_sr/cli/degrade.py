"""``nflows sr degrade``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.pictures.options import PictureOptions, picture_options

KINDS = ("bicubic", "real")


@click.command(cls=Command)
@picture_options(metadata="keep", is_random=True)
@click.option("--scale", type=click.IntRange(1), default=2, show_default=True, help="How many times the sides shrink.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="MATLAB's imresize, or the second-order chain of Real-ESRGAN: blur, noise, JPEG, each twice.",
)
def degrade(pictures: PictureOptions, scale: int, kind: str) -> int:
    """Make small pictures of good ones: each INPUT, a file or a folder, becomes one in the folder OUTPUT.

    Sides that are no multiples of the scale lose their last pixels first. Of JPEG files, --format png keeps the exact
    pixels.
    """
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_pictures

    batch = plan_pictures(pictures)  # before torch is there, which takes seconds
    from nflows_sr.degradations.pictures import Degrade

    work = Degrade(kind, scale)  # type: ignore[arg-type]  # one of KINDS
    about = PictureReport("Degraded pictures", "rows_cut_off", packages=["nflows-sr"])
    return run_pictures(pictures, batch, work, about)
