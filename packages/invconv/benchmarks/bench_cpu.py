"""The exact inverse beside the convolution it inverts: the same multiplications, so the convolution is the floor.

python bench_cpu.py [--threads 2] [--json results/NAME.json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

import invconv

SHAPES = [  # images, channels, height and width, kernel size
    (16, 3, 16, 3),
    (16, 12, 16, 3),
    (100, 3, 16, 3),
    (16, 12, 32, 3),
    (16, 48, 16, 3),
    (100, 12, 16, 3),
    (1, 12, 64, 3),
    (1, 48, 32, 3),
]
BURST = 20


def milliseconds(*calls: Callable[[], object], seconds: float = 1.0) -> list[float]:
    """Median time of each call in its own caches, in bursts taken in turn so that all meet the same machine."""
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end:
        for call, record in zip(calls, times, strict=True):
            call()
            for _ in range(BURST):
                start = time.perf_counter()
                call()
                record.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(record) for record in times]


def measure(B: int, C: int, m: int, k: int) -> dict[str, float | str]:
    torch.manual_seed(0)
    weight = torch.randn(C, C, k, k) * 0.1 / C
    weight[:, :, -1, -1] += torch.eye(C)
    x = torch.randn(B, C, m, m)
    y, g = invconv.conv2d(x, weight), torch.randn_like(x)
    weight_g, x_g = weight.clone().requires_grad_(), x.clone().requires_grad_()
    z, out = invconv.inverse_conv2d(x_g, weight_g), F.conv2d(x_g, weight_g, padding=k // 2)
    with torch.no_grad():
        conv, wavefront = milliseconds(
            lambda: F.conv2d(x, weight, padding=k // 2), lambda: invconv.inverse_conv2d(y, weight)
        )
        (fixed_point,) = milliseconds(lambda: invconv.inverse_conv2d(y, weight, method="fixed_point"))
    conv_backward, backward = milliseconds(
        lambda: torch.autograd.grad(out, (x_g, weight_g), g, retain_graph=True),
        lambda: torch.autograd.grad(z, (x_g, weight_g), g, retain_graph=True),
    )
    return {
        "shape": f"{B}x{C}x{m}x{m}, k={k}",
        "conv2d_ms": conv,
        "inverse_ms": wavefront,
        "ratio": wavefront / conv,
        "fixed_point_ms": fixed_point,
        "conv2d_backward_ms": conv_backward,
        "inverse_backward_ms": backward,
        "backward_ratio": backward / conv_backward,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, {invconv.backends()['wavefront']}, torch {torch.__version__}; milliseconds")
    rows = []
    for shape in SHAPES:
        rows.append(measure(*shape))
        if len(rows) == 1:
            print("".join(f"{name.removesuffix('_ms'):>18}" for name in rows[0]))
        print("".join(f"{value:>18}" if isinstance(value, str) else f"{value:>18.3f}" for value in rows[-1].values()))
    if arguments.json:
        machine = {"processor": platform.processor() or platform.machine(), "solver": invconv.backends()["wavefront"]}
        versions = {"invconv": invconv.__version__, "torch": torch.__version__, "python": platform.python_version()}
        record = {"threads": arguments.threads, "machine": machine, "versions": versions, "rows": rows}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
