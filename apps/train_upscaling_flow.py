"""Train the flow that comes with nflows-sr, measure what it is sure of, and put it there with its card.

    python apps/train_upscaling_flow.py PICTURES
    python apps/train_upscaling_flow.py PICTURES --scale 3 --epochs 30

It begins with the weights of the upscaler of the scale that comes with the package. A training that was stopped goes on
where it was, and a finished one is not done again. All figures are of pictures that a hash of their names holds out.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from upscaler_shipping import ship, trained

from nflows_core.runtime.errors import run_script
from nflows_core.training import EngineConfig
from nflows_core.training.curve import TEST_METRICS_FILE, read_curve
from nflows_sr import shipped
from nflows_sr.data import read_pictures
from nflows_sr.degradations.pictures import cropped
from nflows_sr.engines import EngineSettings
from nflows_sr.engines.flow import NAME, load_flow_run
from nflows_sr.evaluation.certainty import certainty, summary
from nflows_sr.training import RECIPES, read_run
from nflows_sr.upscaling import enlarging

SAMPLES = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the training pictures")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/flow"), help="the runs (%(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the pictures (%(default)s)")
    parser.add_argument("--scale", type=int, default=2, help="how many times the sides grow (%(default)s)")
    arguments = parser.parse_args()
    scale = arguments.scale
    run, start = arguments.output / f"x{scale}", shipped.find("coupling", scale)
    settings = {"scale": scale} | ({} if scale == 2 else {"crop": 24})
    config = EngineConfig(epochs=arguments.epochs, **RECIPES[NAME].engine)
    begin = start if start.exists() else None
    trained(arguments.data, run, NAME, settings, config, begin, f"{NAME.capitalize()} x{scale}")
    folder = ship(run, NAME, "flow_card.md", figures(run, arguments.data, scale), start=start.name)
    print(f"shipped in {folder}", flush=True)


def figures(run: Path, data: Path, scale: int) -> Mapping[str, object]:
    """What the card says of a run besides its training."""
    draw = enlarging(load_flow_run(EngineSettings(str(run.absolute()), device="cpu", temperature=1.0)))
    held_out = [cropped(pixels, scale) for pixels in read_pictures(data, "test").pixels]
    curves = {name: read_curve(run / TEST_METRICS_FILE, name) for name in ("bits_per_pixel", "psnr")}
    return {
        **summary(certainty(original, scale, draw, SAMPLES) for original in held_out),
        "samples": SAMPLES,
        "bits": curves["bits_per_pixel"][-1][1],
        "still": curves["psnr"][-1][1],
        "before": curves["psnr"][0][1],
        "begun": "" if read_run(run).start is None else f" It began with the weights of coupling, x{scale}.",
    }


if __name__ == "__main__":
    run_script(main)
