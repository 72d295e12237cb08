"""``nflows sr upscale``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import Number
from nflows_core.runtime.pictures.options import PictureOptions, picture_options
from nflows_sr.diffusion.settings import Colour, Sampler, Sampling


@click.command(cls=Command)
@picture_options(metadata="keep", is_random=True)
@click.option("--scale", type=click.IntRange(1), help="How many times the sides grow; by default the model's, or 2.")
@click.option(
    "--model",
    default="coupling",
    show_default=True,
    metavar="NAME|PATH",
    help="coupling, bicubic, flow, realesrgan-x4plus, -x2plus, -x4plus-anime, or the path of a file or folder.",
)
@click.option("--tile", type=click.IntRange(1), help="The side of a tile; less where memory runs out.")
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto is the GPU if there is one.")
@click.option("--fp32", is_flag=True, help="On a GPU too, which else computes in float16 where that is safe.")
@click.option("--sampler", type=click.Choice(get_args(Sampler)), help="Of a diffusion.  [default: the model's own]")
@click.option("--steps", type=click.IntRange(1), help="Steps of a diffusion.  [default: 20; of ddpm 200]")
@click.option(
    "--fidelity",
    type=Number(0, 1),
    help="How much of the picture's features the decoder of a diffusion takes back.  [default: 0.5 if it can]",
)
@click.option("--colour", type=click.Choice(get_args(Colour)), help="Colours after a diffusion.  [default: wavelet]")
@click.option("--temperature", type=Number(0), help="Of the noise of a flow.  [default: 0; of samples 1]")
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Guesses of a flow or a diffusion, the further ones as NAME-2 and so on, and where they differ as NAME-spread:"
    " white is a deviation of 32 of 255 levels.",
)
def upscale(
    pictures: PictureOptions, model: str, scale: int | None, tile: int | None, samples: int, **options: Any
) -> int:
    """Enlarge pictures: each INPUT, a file or a folder, becomes one of more pixels in the folder OUTPUT."""
    from nflows_core.runtime.pictures.report import PictureReport
    from nflows_core.runtime.pictures.running import plan_pictures, run_pictures

    beside = (*(f"-{number}" for number in range(2, samples + 1)), "-spread") if samples > 1 else ()
    batch = plan_pictures(pictures, beside)  # before torch is there, which takes seconds
    from nflows_sr.engines import EngineSettings, is_flow, resolve, weights_of
    from nflows_sr.upscaling import Upscale
    from nflows_sr.upscaling.upscale import loaded

    sampling = Sampling(*(options[name] for name in ("sampler", "steps", "fidelity", "colour")))
    engine = EngineSettings(model, scale, options["device"], options["fp32"], sampling, options["temperature"])
    engine = resolve(engine)
    if samples > 1 and engine.temperature is None and is_flow(engine):
        engine = replace(engine, temperature=1.0)
    work = Upscale(engine, tile, samples)
    if pictures.dask is None:
        loaded(work)  # what is wrong with it is wrong for all pictures
    path = weights_of(work.engine)
    weights = {} if path is None else {"weights": path}
    notable = "spread" if samples > 1 else "lr_psnr_db"
    return run_pictures(pictures, batch, work, PictureReport("Enlarged pictures", notable, weights, ["nflows-sr"]))
