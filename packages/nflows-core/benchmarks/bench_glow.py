"""Our Glow and Inverse-Flow beside the Glow of normflows, of the same levels, steps and widths, in the same run.

python bench_glow.py [--shape 1x28x28] [--levels 2] [--depth 4] [--width 64] [--json results/NAME.json]

The coupling networks are the same convolutions, 3 x 3, 1 x 1, 3 x 3, as wide. Milliseconds for 100 images: samples,
densities without gradients, and densities with all gradients.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import normflows
import torch
from torch import nn

from nflows_core.evaluation import TIMED_IMAGES, median_milliseconds, parameters
from nflows_core.models import Glow, InverseFlow
from nflows_core.runtime.memory import keep_freed_memory
from nflows_core.runtime.report import machine, versions

Shape = tuple[int, int, int]
WORKS = ("sampling", "density", "training")


def glow_of_normflows(shape: Shape, levels: int, depth: int, width: int) -> normflows.MultiscaleFlow:
    channels, height, width_ = shape
    bases, flows, merges = [], [], []
    for level in range(levels, 0, -1):  # samples begin at the last level
        squeezed = channels * 2 ** (level + 1)
        blocks = [normflows.flows.GlowBlock(squeezed, width * 2 ** (level - 1)) for _ in range(depth)]
        flows.append([*blocks, normflows.flows.Squeeze()])
        latent = squeezed if level == levels else squeezed // 2
        bases.append(normflows.distributions.DiagGaussian((latent, height // 2**level, width_ // 2**level)))
        if level < levels:
            merges.append(normflows.flows.Merge())
    return normflows.MultiscaleFlow(bases, flows, merges, class_cond=False)


def works(model: nn.Module, density: Callable[..., Any], x: torch.Tensor) -> list[Callable[[], object]]:
    @torch.no_grad()
    def sample() -> None:
        model.sample(TIMED_IMAGES)

    @torch.no_grad()
    def evaluate() -> None:
        density(x)

    def train() -> None:
        model.zero_grad()
        density(x).mean().backward()

    return [sample, evaluate, train]


def measure(shape: Shape, levels: int, depth: int, width: int, rounds: int) -> list[dict[str, Any]]:
    torch.manual_seed(0)
    x = torch.rand(TIMED_IMAGES, *shape)
    peer = glow_of_normflows(shape, levels, depth, width)
    models: dict[str, nn.Module] = {"normflows, Glow": peer}
    work = works(peer, lambda images: peer.log_prob(images, None), x)
    for name, preset in (("ours, Glow", Glow), ("ours, Inverse-Flow", InverseFlow)):
        flow = models[name] = preset(shape, levels, depth, width=width)
        flow.initialize(x)
        work += works(flow, flow.log_prob, x)
    times = iter(median_milliseconds(work, rounds))
    return [
        {"model": name, "parameters": parameters(model), **{what: next(times) for what in WORKS}}  # type: ignore[arg-type]
        for name, model in models.items()
    ]


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'milliseconds for 100':>20} {'parameters':>12} " + " ".join(f"{what:>18}" for what in WORKS))
    for row in rows:
        cells = [f"{row[what]:9.1f} ({row[what] / rows[0][what]:.2f})" for what in WORKS]
        print(f"{row['model']:>20} {row['parameters']:12,} " + " ".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="1x28x28")
    for name, default in (("levels", 2), ("depth", 4), ("width", 64), ("rounds", 9)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    arguments = vars(parser.parse_args())
    path = arguments.pop("json")
    channels, height, width = map(int, arguments.pop("shape").split("x"))
    keep_freed_memory()
    rows = measure((channels, height, width), **arguments)
    show(rows)
    if path:
        record = {**arguments, "rows": rows, "machine": machine(), "versions": versions()}
        path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
