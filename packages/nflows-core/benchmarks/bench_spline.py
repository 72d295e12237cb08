"""The spline activation beside the splines of zuko, normflows and nflows, on the same numbers in the same run.

python bench_spline.py [--shape 100x4x14x14] [--bins 5] [--rounds 20] [--json results/NAME.json]

One monotone rational-quadratic spline a channel; the peers get its unconstrained parameters expanded to what they take.
"forward" is values and log-determinants without gradients, "training" those and all gradients, "inverse" the inverse.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from nflows.transforms.splines.rational_quadratic import unconstrained_rational_quadratic_spline as nflows_spline
from normflows.utils.splines import unconstrained_rational_quadratic_spline as normflows_spline
from torch import Tensor
from zuko.transforms import MonotonicRQSTransform

from nflows_core.bijections.channel_spline import channel_spline, inverse_channel_spline
from nflows_core.bijections.rational_quadratic import knots_and_derivatives
from nflows_core.evaluation import median_milliseconds
from nflows_core.runtime.report import machine, versions

TAIL = 20.0
Parameters = tuple[Tensor, Tensor, Tensor]
Spline = Callable[[Tensor, Parameters], tuple[Tensor, Tensor]]


def ours(x: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    return channel_spline(x, *knots_and_derivatives(*parameters, TAIL))


def our_inverse(x: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    return inverse_channel_spline(x, *knots_and_derivatives(*parameters, TAIL)), x.new_zeros(len(x))


def zuko(x: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    y, slopes = MonotonicRQSTransform(*parameters, bound=TAIL).call_and_ladj(x.movedim(1, -1))
    return y.movedim(-1, 1), slopes.sum((1, 2, 3))


def zuko_inverse(x: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
    return MonotonicRQSTransform(*parameters, bound=TAIL).inv(x.movedim(1, -1)).movedim(-1, 1), x.new_zeros(len(x))


def by(spline: Callable[..., tuple[Tensor, Tensor]], inverse: bool = False) -> Spline:
    """A spline of the authors' interface, in normflows and nflows alike: parameters for every entry."""

    def of_entries(x: Tensor, parameters: Parameters) -> tuple[Tensor, Tensor]:
        entries = x.movedim(1, -1)
        expanded = [part.expand(*entries.shape, part.shape[-1]) for part in parameters]
        y, slopes = spline(entries, *expanded, inverse=inverse, tails="linear", tail_bound=TAIL)
        return y.movedim(-1, 1), slopes.sum((1, 2, 3))

    return of_entries


Splines = dict[str, Spline]
FORWARD: Splines = {"nflows-core": ours, "zuko": zuko, "normflows": by(normflows_spline), "nflows": by(nflows_spline)}
INVERSE: Splines = {
    "nflows-core": our_inverse,
    "zuko": zuko_inverse,
    "normflows": by(normflows_spline, inverse=True),
    "nflows": by(nflows_spline, inverse=True),
}


@torch.no_grad()
def apply(spline: Spline, x: Tensor, parameters: Parameters) -> None:
    spline(x, parameters)


def train(spline: Spline, x: Tensor, parameters: Parameters) -> None:
    y, logdet = spline(x, parameters)
    torch.autograd.grad(y.square().sum() / 2 - logdet.sum(), [x, *parameters])


def measure(shape: tuple[int, ...], bins: int, rounds: int) -> dict[str, dict[str, float]]:
    torch.manual_seed(0)
    x = (6 * torch.randn(shape)).requires_grad_()
    widths, heights, derivatives = (torch.randn(shape[1], size).requires_grad_() for size in (bins, bins, bins - 1))

    def times(splines: Splines, work: Callable[[Spline, Tensor, Parameters], object]) -> dict[str, float]:
        works = [partial(work, spline, x, (widths, heights, derivatives)) for spline in splines.values()]
        return dict(zip(splines, median_milliseconds(works, rounds), strict=True))

    return {"forward": times(FORWARD, apply), "inverse": times(INVERSE, apply), "training": times(FORWARD, train)}


def show(times: dict[str, dict[str, float]]) -> None:
    print(f"{'milliseconds':>14} " + " ".join(f"{name:>18}" for name in FORWARD))
    for what, by_name in times.items():
        cells = [f"{time:9.2f} ({time / by_name['nflows-core']:5.1f})" for time in by_name.values()]
        print(f"{what:>14} " + " ".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="100x4x14x14")
    parser.add_argument("--bins", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    shape = tuple(int(size) for size in arguments.shape.split("x"))
    times = measure(shape, arguments.bins, arguments.rounds)
    show(times)
    if arguments.json:
        record = {"shape": shape, "bins": arguments.bins, "times": times, "machine": machine(), "versions": versions()}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
