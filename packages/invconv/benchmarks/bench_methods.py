"""What the methods cost by image size, frozen kernels, and how exact they are by weight scale.

python bench_methods.py [--threads 2] [--device cuda] [--json results/NAME.json] [--plot NAME.svg]
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch

import invconv
from invconv import impulse_ops

SIZES = (16, 32, 64, 128, 256, 512)
SHAPES = [*itertools.product((1, 16), (3, 12), (3, 5, 7)), *itertools.product((1, 16), (1, 3), (15, 21, 31))]
MOST_VALUES = 3_200_000  # in one batch of images
SCALES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0)
ERROR_SHAPE = (4, 3, 12, 3)  # images, channels, height and width, kernel size
COLORS = {"wavefront": "#0072B2", "impulse": "#D55E00", "fixed_point": "#009E73", "auto": "#444444"}


def problem(B: int, C: int, m: int, k: int, std: float, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Standard normal images and a kernel with normal taps and the identity as its anchor."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(C, C, k, k, generator=generator) * std
    weight[:, :, -1, -1] = torch.eye(C)
    return torch.randn(B, C, m, m, generator=generator).to(device), weight.to(device)


def methods(device: str) -> list[str]:
    return ["wavefront", "impulse", "fixed_point"] if device == "cpu" else ["impulse", "fixed_point"]


def milliseconds(y: torch.Tensor, weight: torch.Tensor, method: str, seconds: float = 0.3) -> float:
    """Median time of a call, the first left out."""
    times = []
    invconv.inverse_conv2d(y, weight, method=method)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        invconv.inverse_conv2d(y, weight, method=method)
        if y.is_cuda:
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def costs(device: str) -> list[dict[str, Any]]:
    """One row a shape and size; impulse is left out where its response is too large to be kept."""
    rows = []
    for (B, C, k), m in itertools.product(SHAPES, SIZES):
        if B * C * m * m > MOST_VALUES:
            continue
        y, weight = problem(B, C, m, k, 0.1 / (C**0.5 * k), device)
        row: dict[str, Any] = {"images": B, "channels": C, "kernel_size": k, "size": m}
        kept = impulse_ops.spectrum_bytes(weight, (m, m)) <= impulse_ops.MEMORY
        for method in methods(device):
            row[f"{method}_ms"] = milliseconds(y, weight, method) if kept or method != "impulse" else None
        invconv.choose_method(y, weight)
        rows.append({**row, "auto": invconv.choose_method(y, weight).method})
        show(rows)
    return rows


def errors(device: str) -> list[dict[str, Any]]:
    """The largest error over the largest value, against back substitution in float64."""
    rows = []
    B, C, m, k = ERROR_SHAPE
    for scale in SCALES:
        y, weight = problem(B, C, m, k, scale, device)
        exact = invconv.inverse_conv2d(y.cpu().double(), weight.cpu().double(), method="wavefront")
        row: dict[str, Any] = {"weight_std": scale}
        row["amplification"] = invconv.amplification(weight.cpu(), (m, m)).exact.item()
        for method in (*methods(device), "auto"):
            x = [invconv.inverse_conv2d(y, weight, method=method) for _ in range(2)][-1].cpu().double()
            row[f"{method}_error"] = ((x - exact).abs().max() / exact.abs().max()).item()
        rows.append({**row, "auto": invconv.choose_method(y, weight).method})
        show(rows)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    if len(rows) == 1:
        print("".join(f"{name:>18}" for name in rows[0]))
    print("".join(f"{value:>18.4g}" if isinstance(value, float) else f"{value!s:>18}" for value in rows[-1].values()))


def plot(cost: list[dict[str, Any]], error: list[dict[str, Any]], device: str, path: Path) -> None:
    """Cost by size for a kernel of flows and one of blurs, error by scale."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axis, (B, C, k) in zip(axes, [(16, 3, 3), (1, 3, 31)], strict=False):
        rows = [r for r in cost if (r["images"], r["channels"], r["kernel_size"]) == (B, C, k)]
        for method in methods(device):
            values = [r[f"{method}_ms"] for r in rows]
            axis.loglog([r["size"] for r in rows], values, marker="o", color=COLORS[method], label=method)
        images = "1 image" if B == 1 else f"{B} images"
        axis.set(title=f"{images}, {C} channels, k = {k}", xlabel="height and width", ylabel="milliseconds")
        axis.set_xticks([r["size"] for r in rows], [str(r["size"]) for r in rows], minor=False)
        axis.minorticks_off()
    for method in (*methods(device), "auto"):
        style = {"linestyle": "--", "linewidth": 3, "alpha": 0.5} if method == "auto" else {"marker": "o"}
        values = [r[f"{method}_error"] for r in error]
        axes[2].loglog([r["weight_std"] for r in error], values, color=COLORS[method], label=method, **style)
    B, C, m, k = ERROR_SHAPE
    title = f"error in float32, {C} x {m} x {m}, k = {k}"
    axes[2].set(title=title, xlabel="standard deviation of the taps", ylabel="largest error / largest value")
    axes[2].legend(frameon=False)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.5)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="needs matplotlib")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    solver = invconv.backends()["wavefront"]
    print(f"{arguments.device}, {arguments.threads} threads, {solver}, torch {torch.__version__}")
    record: dict[str, Any] = {
        "device": arguments.device,
        "threads": arguments.threads,
        "machine": {"processor": platform.processor() or platform.machine(), "solver": solver},
        "versions": {"invconv": invconv.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "cost": costs(arguments.device),
        "error": errors(arguments.device),
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    if arguments.plot:
        plot(record["cost"], record["error"], arguments.device, arguments.plot)


if __name__ == "__main__":
    main()
