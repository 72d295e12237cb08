"""What a flow is sure of: its guesses beside a regression, the small picture, and the errors that they should foresee.

python bench_flow.py RUN PICTURES [--held-out] [--regression MODEL] [--samples 16] [--json results/NAME.json]

RUN is the folder of a training of a flow, or the word flow; PICTURES a folder, of which --held-out takes the pictures
that a training on the same folder has left out. Each picture is made small bicubically and enlarged again: by bicubic
enlargement, by a regression, at temperature 0, and by so many samples of temperature 1, of which
`nflows_sr.evaluation.certainty` tells what they are worth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from nflows_core.runtime.report import machine, versions
from nflows_sr.data import read_pictures
from nflows_sr.degradations import Pixels, imresize
from nflows_sr.degradations.pictures import cropped
from nflows_sr.engines import EngineSettings, load_engine, resolve
from nflows_sr.evaluation.certainty import certainty, summary
from nflows_sr.evaluation.measuring import enlarge
from nflows_sr.metrics import luma, psnr
from nflows_sr.upscaling import Enlarge, enlarging


def way_of(model: str, scale: int, temperature: float | None = None) -> Enlarge:
    return enlarging(load_engine(resolve(EngineSettings(model, scale, "cpu", temperature=temperature))))


def pictures(folder: Path, scale: int, *, held_out: bool) -> list[Pixels]:
    return [cropped(pixels, scale) for pixels in read_pictures(folder, "test" if held_out else None).pixels]


def ratio(way: Enlarge, original: Pixels, scale: int) -> float:
    return psnr(luma(enlarge(imresize(original, 1 / scale), way, 0)), luma(original), scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--regression", default="coupling")
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    models = {"bicubic": "bicubic", "regression": given.regression, "temperature_0": given.run}
    originals = pictures(given.pictures, given.scale, held_out=given.held_out)
    result: dict[str, float] = {"pictures": len(originals)}
    for name, model in models.items():
        way = way_of(model, given.scale)
        result[f"{name}_psnr_db"] = float(np.mean([ratio(way, original, given.scale) for original in originals]))
    draw = way_of(given.run, given.scale, 1.0)
    result |= summary(certainty(original, given.scale, draw, given.samples) for original in originals)
    print("\n".join(f"{name:<30} {value:.4g}" for name, value in result.items()))
    if given.json:
        conditions = {"scale": given.scale, "samples": given.samples, "threads": 1, "machine": machine()}
        report = {**result, **conditions, "versions": versions(["nflows-sr"])}
        given.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
