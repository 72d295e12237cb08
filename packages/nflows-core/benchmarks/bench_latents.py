"""Whether an edit moves the thickness of strokes, and which way between two images keeps them images.

python bench_latents.py RUN [--data DATA] [--images 200] [--json results/NAME.json] [--picture NAME.png]

RUN is a run on MNIST, or on other strokes. Test images are edited along the direction of `thickness` from training
images, and measured again. Others are interpolated along the sphere and along the straight line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.data import read_images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.evaluation import image_grid
from nflows_core.flow import Flow, density_to_bits_per_dim
from nflows_core.latents import MEASURES, decode_vectors, edit, edit_response, encode_vectors, slerp
from nflows_core.latents.attributes import spread
from nflows_core.latents.strips import find_direction
from nflows_core.runs import load_run, read_run
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.report import machine, versions

AMOUNTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHOWN = 8
WAYS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {"sphere": slerp, "line": torch.lerp}


def edits(flow: Flow, x: Tensor, data: str, size: int | None) -> tuple[dict[str, Any], Tensor]:
    """The response of the thickness, and the edited images."""
    direction = find_direction(flow, "thickness", read_images(data, "train", size))
    edited = edit(flow, x, direction, AMOUNTS)
    response = edit_response(edited, AMOUNTS, MEASURES["thickness"], flow.quantization)
    row = {
        "images": len(x),
        "training_images": direction.images,
        "training_standard_deviation": direction.standard_deviation,
        "amounts": AMOUNTS,
        "mean_thickness": response.means,
        "mean_thickness_interval_95": response.intervals,
        "increasing_fraction": response.increasing,
        "increasing_fraction_interval_95": response.increasing_interval,
    }
    return row, edited


@torch.no_grad()
def ways(flow: Flow, x: Tensor) -> dict[str, Any]:
    """Bits per dimension and brightness on the way between two halves of the images."""
    start, end = encode_vectors(flow, x).tensor_split(2)
    pairs = min(len(start), len(end))
    rows: dict[str, Any] = {"pairs": pairs, "weights": WEIGHTS}
    for name, between in WAYS.items():
        images = [decode_vectors(flow, between(start[:pairs], end[:pairs], weight)) for weight in WEIGHTS]
        rows[f"{name}_bits_per_dim"] = [bits(flow, image) for image in images]
        rows[f"{name}_brightness"] = [image.mean().item() for image in images]
    return rows


def bits(flow: Flow, x: Tensor) -> float:
    inside = x.clamp(1e-6, 1 - 1e-6)
    return density_to_bits_per_dim(flow.log_prob(inside), flow.shape, flow.quantization).mean().item()


def show(edited: dict[str, Any], between: dict[str, Any]) -> None:
    print(f"thickness of {edited['images']} images, direction from {edited['training_images']:,}")
    print(f"{'amount':>8} {'mean':>8} {'95 % interval':>18}")
    columns = ("amounts", "mean_thickness", "mean_thickness_interval_95")
    for amount, mean, (low, high) in zip(*(edited[name] for name in columns), strict=True):
        print(f"{amount:8.1f} {mean:8.3f} {low:9.3f}{high:9.3f}")
    low, high = edited["increasing_fraction_interval_95"]
    print(f"increases at every amount: {edited['increasing_fraction']:.3f} of them ({low:.3f} to {high:.3f})\n")
    print(f"between {between['pairs']} pairs of images\n{'weight':>8} {'sphere':>18} {'line':>18}")
    for i, weight in enumerate(between["weights"]):
        cells = [f"{between[f'{way}_bits_per_dim'][i]:9.3f}{between[f'{way}_brightness'][i]:9.4f}" for way in WAYS]
        print(f"{weight:8.2f} {' '.join(cells)}")
    print("bits per dimension and brightness of each")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", help="where the run's data is now")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    run, flow = read_run(arguments.run), load_run(arguments.run)
    data = arguments.data or run.data
    test = read_images(data, "test", run.size)
    test = test[spread(len(test), arguments.images)]
    x = dequantize(test.pixels, test.quantization, torch.Generator().manual_seed(0))
    edited, images = edits(flow, x, data, run.size)
    between = ways(flow, x)
    show(edited, between)
    if arguments.json:
        settings = {"model": run.model, **run.arguments, "epochs": run.training.epochs}
        record = {"run": settings, "edit": edited, "between": between, "machine": machine(), "versions": versions()}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    if arguments.picture:
        grid = image_grid(images[:SHOWN].flatten(0, 1), columns=len(AMOUNTS))
        write_picture(arguments.picture, Picture(grid))


if __name__ == "__main__":
    main()
