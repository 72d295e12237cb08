"""Train the inspector that comes with nflows-heritage, measure it, and put it there with its card.

    python apps/train_inspector.py PICTURES --on paintings --on Set14/HR

PICTURES is a folder of good pictures; those that a hash of their names holds out decide how sure it is, and from where
on it calls a picture damaged. --on are pictures that nothing was chosen on: the card's figures are measured there. Each
step that is done stays in the folder of the run, and is not done again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from inspector_shipping import ship

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.tensors import load_tensors, read_tensors, write_tensors
from nflows_core.training import EngineConfig, Labelled, StepMetrics, Trainer
from nflows_heritage.inspection.traces import ENGINE as TRACE_ENGINE
from nflows_heritage.inspection.traces import TracedCrops, TraceNetwork
from nflows_heritage.inspection.training import ENGINE, examples, train_inspector
from nflows_heritage.inspection.variety import Pixels
from nflows_heritage.networks.pixel_finding import PixelFinding
from nflows_sr.data.pictures import read_pictures

CROPS, TESTED, SIDE = 4000, 256, 96
_KIND = "nflows-heritage inspector in the making"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of the training pictures")
    parser.add_argument("--on", type=Path, action="append", default=[], help="a folder that is measured on; repeatable")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/inspector"), help="the run (%(default)s)")
    parser.add_argument("--epochs", type=int, default=12, help=f"passes over {CROPS} crops with traces (%(default)s)")
    parser.add_argument("--examples", type=int, default=6000, help="pictures that are inspected (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    train, test = (read_pictures(arguments.data, split).pixels for split in ("train", "test"))
    traces = trained_traces(train, test, arguments.output, arguments.epochs, arguments.seed)

    def made(name: str, pictures: Sequence[Pixels], count: int, seed: int, clean: float = 0.15) -> Labelled:
        path = arguments.output / f"{name}.safetensors"
        return kept(path, lambda: examples(pictures, count, seed, traces, clean, told))

    learned = made("train", train, arguments.examples, arguments.seed)
    held_out = made("held_out", test, arguments.examples * 3 // 20, arguments.seed + 1)
    clean = made("clean", test, arguments.examples * 3 // 20, arguments.seed + 2, 1.0)
    config = EngineConfig(**{**ENGINE, "seed": arguments.seed})
    inspector = train_inspector(traces, learned, held_out, clean.x, config)
    shipped = ship(inspector, (learned, held_out), (len(train), len(test)), arguments.on)
    print(f"shipped in {shipped}", flush=True)


def trained_traces(
    train: Sequence[Pixels], test: Sequence[Pixels], folder: Path, epochs: int, seed: int
) -> TraceNetwork:
    """The network that sees local damage, trained to its end, if it is not there."""
    network, path = TraceNetwork(), folder / "traces.safetensors"
    if not path.exists():
        torch.manual_seed(seed)
        network = TraceNetwork()
        config = EngineConfig(**{**TRACE_ENGINE, "epochs": epochs, "seed": seed})
        task = PixelFinding(network, TracedCrops(train, CROPS, SIDE), config, TracedCrops(test, TESTED, SIDE))
        network = Trainer(task, folder / "traces", show).fit()
        write_tensors(path, network.state_dict(), _KIND)
    load_tensors(network, read_tensors(path, _KIND)[0], path)
    return network.eval()


def kept(path: Path, make: Callable[[], Labelled]) -> Labelled:
    """What is in a file, or is made and put there."""
    if not path.exists():
        made = make()
        write_tensors(path, {"x": made.x, "labels": made.labels}, _KIND)
    tensors, _ = read_tensors(path, _KIND)
    return Labelled(tensors["x"], tensors["labels"])


def show(metrics: StepMetrics, total: int) -> None:
    if metrics.step % 50 == 0 or metrics.step == total:
        print(f"{metrics.step} of {total}  {metrics.loss:.4f}  {metrics.seconds:.0f} s", flush=True)


def told(number: int) -> None:
    if number % 500 == 499:
        print(f"{number + 1} pictures inspected", flush=True)


if __name__ == "__main__":
    run_script(main)
