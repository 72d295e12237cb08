"""What a flow is sure of: its guesses beside a regression, the small picture, and the errors that they should foresee.

python bench_flow.py RUN PICTURES [--held-out] [--regression MODEL] [--samples 16] [--json results/NAME.json]

RUN is the folder of a training of a flow, or the word flow; PICTURES a folder, of which --held-out takes the pictures
that a training on the same folder has left out. Each picture is made small bicubically and enlarged again, at
temperature 0, and by so many samples of temperature 1. Given are, over all pictures,

- the PSNR of the luma, without a border as wide as the scale, at temperature 0, of the mean of the samples, of one
  sample, of bicubic enlargement, and of a regression to compare with;
- the lowest LR-PSNR: a guess made small again, beside the small picture;
- Spearman's rank correlation of the samples' standard deviation and the absolute error of their mean, of the pixels of
  a picture and of its patches of 8 x 8, the mean of the pictures;
- the root of the mean square of both: were each original another sample, their ratio would be 1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.runtime.pictures.samples import to_tensor
from nflows_core.runtime.report import machine, versions
from nflows_sr.data import read_pictures
from nflows_sr.degradations import Pixels, imresize, resize_bicubic
from nflows_sr.engines import EngineSettings, load_engine, resolve
from nflows_sr.evaluation.measuring import enlarge
from nflows_sr.metrics import luma, psnr
from nflows_sr.upscaling import Enlarge, enlarging

PATCH = 8
Map = NDArray[np.float64]


def way_of(model: str, scale: int, temperature: float | None = None) -> Enlarge:
    settings = EngineSettings(model, scale, "cpu", temperature=temperature)
    return enlarging(load_engine(resolve(settings)))


def pairs(folder: Path, scale: int, *, held_out: bool) -> Iterator[tuple[Pixels, Pixels]]:
    for pixels in read_pictures(folder, "test" if held_out else None).pixels:
        height, width = (side // scale * scale for side in pixels.shape[:2])
        large = np.ascontiguousarray(pixels[:height, :width])
        yield imresize(large, 1 / scale), large


def lr_psnr(guess: Pixels, small: Pixels) -> float:
    error = resize_bicubic(to_tensor(guess), small.shape[:2]) - to_tensor(small)
    return float(-10 * error.square().mean().log10())


def rank_correlation(one: Map, other: Map) -> float:
    """Spearman's, of values among which hardly two are the same."""
    ranks = [np.argsort(np.argsort(values, axis=None)) for values in (one, other)]
    return float(np.corrcoef(ranks)[0, 1])


def in_patches(values: Map) -> Map:
    height, width = (side // PATCH * PATCH for side in values.shape)
    blocks = values[:height, :width].reshape(height // PATCH, PATCH, width // PATCH, PATCH)
    return np.sqrt(np.square(blocks).mean((1, 3)))


def measure(ways: dict[str, Enlarge], small: Pixels, large: Pixels, scale: int, samples: int) -> dict[str, float]:
    original = luma(large)
    row = {name: psnr(luma(enlarge(small, way, 0)), original, scale) for name, way in ways.items() if name != "sample"}
    guesses = [enlarge(small, ways["sample"], seed) for seed in range(samples)]
    lumas = np.stack([luma(guess) for guess in guesses])
    inner = np.s_[scale:-scale, scale:-scale]
    spread, error = lumas.std(0, ddof=1)[inner], np.abs(lumas.mean(0) - original)[inner]
    return {
        **row,
        "one sample": psnr(lumas[0], original, scale),
        "mean of samples": psnr(lumas.mean(0), original, scale),
        "lr_psnr": min(lr_psnr(guess, small) for guess in (*guesses, enlarge(small, ways["temperature 0"], 0))),
        "rank correlation, pixels": rank_correlation(spread, error),
        "rank correlation, patches": rank_correlation(in_patches(spread), in_patches(error)),
        "spread_squared": float(np.square(spread).mean()),
        "error_squared": float(np.square(error).mean()),
    }


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    means["lr_psnr"] = min(row["lr_psnr"] for row in rows)
    means |= {f"{name}, grey levels": means.pop(f"{name}_squared") ** 0.5 for name in ("spread", "error")}
    return {"pictures": len(rows), **means}


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
    ways = {
        "bicubic": way_of("bicubic", given.scale),
        "regression": way_of(given.regression, given.scale),
        "temperature 0": way_of(given.run, given.scale),
        "sample": way_of(given.run, given.scale, 1.0),
    }
    chosen = pairs(given.pictures, given.scale, held_out=given.held_out)
    result: dict[str, Any] = summary([measure(ways, *pair, given.scale, given.samples) for pair in chosen])
    print("\n".join(f"{name:<30} {value:.4g}" for name, value in result.items()))
    if given.json:
        conditions = {"scale": given.scale, "samples": given.samples, "threads": 1, "machine": machine()}
        given.json.write_text(
            json.dumps({**result, **conditions, "versions": versions(["nflows-sr"])}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
