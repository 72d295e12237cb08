"""Train a flow for so many seconds by the command line that users have, and say how fast and how exact it is.

    python -m gpu_check.train WORK --seconds 120 [--device cuda] [OPTIONS OF nflows train]

on pictures drawn here, since the machine has no data. Two epochs tell how many fit; the report of the run that follows
has the bits per dimension, and the largest error of decode(encode(x)), on the device. WORK/train.json gets the figures,
those of the two epochs first.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEYS = (
    "bits_per_dim", "bits_per_dim_before_training", "gaussian_bits_per_dim", "max_reconstruction_error", "parameters",
    "forward_ms_per_100", "sampling_ms_per_100", "versions",
)  # fmt: skip


def pictures(count: int, side: int, seed: int = 0) -> NDArray[np.uint8]:
    """Discs of random colours before random gradients, :math:`(N, H, W, 3)`."""
    rng = np.random.default_rng(seed)
    i, j = np.mgrid[:side, :side] / side
    slopes, shades = rng.uniform(-0.4, 0.4, (2, count, 1, 1, 3)), rng.uniform(0.3, 0.7, (count, 1, 1, 3))
    background = shades + slopes[0] * (i[..., None] - 0.5) + slopes[1] * (j[..., None] - 0.5)
    centers, radii = rng.uniform(0.2, 0.8, (2, count, 1, 1)), rng.uniform(0.1, 0.4, (count, 1, 1))
    inside = ((i - centers[0]) ** 2 + (j - centers[1]) ** 2 < radii**2)[..., None]
    noise = rng.normal(0, 0.02, background.shape)
    image = np.where(inside, rng.uniform(0, 1, (count, 1, 1, 3)), background) + noise
    levels: NDArray[np.uint8] = (image.clip(0, 1) * 255).round().astype(np.uint8)
    return levels


def train(data: Path, run: Path, epochs: int, options: Sequence[str]) -> dict[str, Any]:
    """Trains anew for so many epochs and reads the figures of the run."""
    command = [sys.executable, "-m", "nflows_core.cli", "train", str(data), "-o", str(run), "--overwrite"]
    subprocess.run([*command, "--epochs", str(epochs), "--warmup-steps", "20", *options], check=True)
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    updates, seconds = int(last["step"]), float(last["seconds"])
    return {
        "epochs": epochs,
        "updates": updates,
        "seconds": seconds,
        "updates_per_second": updates / seconds,
        **{key: report[key] for key in KEYS if key in report},
    }


def cuda_device() -> str | None:
    """The name of the GPU that torch finds."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--side", type=int, default=32)
    given, options = parser.parse_known_args(arguments)
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    device = cuda_device()
    if given.device == "cuda" and device is None:
        print("torch finds no CUDA device, and training on the CPU would say nothing of one", file=sys.stderr)
        return 1
    given.work.mkdir(parents=True, exist_ok=True)
    data, run = given.work / "pictures.npy", given.work / "run"
    np.save(data, pictures(given.images, given.side))
    figures: dict[str, Any] = {
        "device": device or "cpu",
        "data": f"{given.images} pictures, 3 x {given.side} x {given.side}",
    }
    epochs = 2
    for name in ("two_epochs", "training"):
        figures[name] = train(data, run, epochs, options)
        (given.work / "train.json").write_text(json.dumps(figures, indent=2) + "\n")
        epochs = max(1, int(given.seconds / figures[name]["seconds"] * figures[name]["epochs"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
