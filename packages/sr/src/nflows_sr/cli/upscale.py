"""``nflows sr upscale``."""

from __future__ import annotations

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.pictures.options import PictureOptions, picture_options


@click.command(cls=Command)
@picture_options(metadata="keep", is_random=True)
@click.option("--scale", type=click.IntRange(1), help="How many times the sides grow; by default the model's, or 2.")
@click.option(
    "--model",
    default="bicubic",
    show_default=True,
    metavar="NAME|PATH",
    help="bicubic, coupling, or the path of a model's file or folder.",
)
@click.option("--tile", type=click.IntRange(1), help="The side of a tile; less where memory runs out.")
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto is the GPU if there is one.")
@click.option("--fp32", is_flag=True, help="On a GPU too, which else computes in float16 where that is safe.")
def upscale(pictures: PictureOptions, scale: int | None, model: str, tile: int | None, device: str, fp32: bool) -> int:
    """Enlarge pictures: each INPUT, a file or a folder, becomes one of more pixels in the folder OUTPUT."""
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import run_pictures
    from nflows_sr.engines import EngineSettings, resolve, weights_of
    from nflows_sr.upscaling import Upscale
    from nflows_sr.upscaling.upscale import loaded

    work = Upscale(resolve(EngineSettings(model, scale, device, fp32)), tile)
    if pictures.dask is None:
        loaded(work)  # what is wrong with it is wrong for all pictures
    path = weights_of(work.engine)
    weights = {} if path is None else {"weights": path}
    return run_pictures(pictures, work, PictureReport("Enlarged pictures", "lr_psnr_db", weights, ["nflows-sr"]))
