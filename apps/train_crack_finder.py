"""Train the crack finder that comes with nflows-heritage, on made-up cracks, and put it there with its card.

    python apps/train_crack_finder.py PICTURES
    python apps/train_crack_finder.py PICTURES --on Set14/HR --on paintings --epochs 10

PICTURES is a folder of good pictures; those that a hash of their names holds out decide the threshold. --on are
pictures that nothing was chosen on: the card's figures are measured there. A training that was stopped goes on where it
was, and a finished one is not done again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from crack_shipping import ship
from numpy.typing import NDArray

from nflows_core.data.others import is_named_as_picture
from nflows_core.data.split import SplitName, belongs
from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import read_picture
from nflows_core.training import EngineConfig, StepMetrics, Trainer
from nflows_heritage.masks.network import CrackNetwork
from nflows_heritage.masks.runs import Run, load_network, read_run, save_run
from nflows_heritage.masks.training import ENGINE, CrackedCrops
from nflows_heritage.networks.pixel_finding import PixelFinding

CROPS, TESTED, SIDE = 4000, 256, 64
WIDTH = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the training pictures")
    parser.add_argument("--on", type=Path, action="append", default=[], help="a folder that is measured on; repeatable")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/cracks"), help="the run (%(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help=f"passes over {CROPS} crops (%(default)s)")
    parser.add_argument("--start", type=Path, help="a run whose weights it begins with, at half the learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    arguments = parser.parse_args()
    rate = ENGINE["learning_rate"] / (2 if arguments.start else 1)
    own = {**ENGINE, "epochs": arguments.epochs, "seed": arguments.seed, "learning_rate": rate}
    train, test = (pictures(arguments.data, split) for split in ("train", "test"))
    if not (arguments.output / WEIGHTS_FILE).exists():
        trained(train, test, arguments.output, EngineConfig(**own), arguments.start)
    shipped = ship(arguments.output, arguments.start, len(train), test, arguments.on)
    print(f"shipped in {shipped}", flush=True)


def pictures(folder: Path, split: SplitName) -> list[NDArray[np.uint8]]:
    """The pictures of a part, in colour, that are no smaller than a crop."""
    found = [path for _, files in walk(folder) for path in files if is_named_as_picture(path.name)]
    read = [read_picture(path).pixels[..., :3] for path in sorted(found) if belongs(path.name, split)]
    large = [pixels for pixels in read if min(pixels.shape[:2]) >= SIDE]
    if not large:
        raise ValueError(f"{folder}: no pictures of {SIDE} pixels or more of the part {split!r}; give more")
    return [np.broadcast_to(pixels, (*pixels.shape[:2], 3)) for pixels in large]


def trained(
    train: list[NDArray[np.uint8]],
    test: list[NDArray[np.uint8]],
    folder: Path,
    config: EngineConfig,
    start: Path | None,
) -> None:
    """Trains a run to its end, from its last checkpoint if it was stopped.

    Raises:
        ValueError: The run that is there has other settings of the engine.
    """

    def progress(metrics: StepMetrics, total: int) -> None:
        if metrics.step % 50 == 0 or metrics.step == total:
            print(f"{metrics.step} of {total}  {metrics.loss:.4f}  {metrics.seconds:.0f} s", flush=True)

    torch.manual_seed(config.seed)
    run = Run(WIDTH, 0.5, str(folder), config)
    network = CrackNetwork(WIDTH) if start is None else load_network(start, read_run(start))
    crops = CrackedCrops(train, CROPS, SIDE)
    if (folder / CONFIG_FILE).exists() and (stored := read_run(folder).training) != config:
        raise ValueError(f"{folder} is of {stored.epochs} epochs and other settings; give these, or another --output")
    save_run(folder, run)
    task = PixelFinding(network, crops, config, CrackedCrops(test, TESTED, SIDE))
    save_run(folder, run, Trainer(task, folder, progress).fit(resume=True))


if __name__ == "__main__":
    run_script(main)
