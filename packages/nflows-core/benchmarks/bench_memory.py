"""What a training step keeps, needs at its peak and takes, by depth, with ordinary and with recomputed activations.

python bench_memory.py [--device cuda] [--json results/NAME.json] [--plot ../docs/memory.svg]

Each row is a process of its own, so that none finds the memory of another. Bytes that are kept are those of tensors
that autograd saves in the forward pass, parameters and buffers left out; the peak is what a step needs above the model
with its gradients. The time is the processor's, of one thread, or a GPU's. The error is that of the whole gradient in
float32, after some ordinary updates.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import nflows_core
from nflows_core.bijections.reversible import recomputed_activations
from nflows_core.flow import Flow
from nflows_core.models import build

DEPTHS = (2, 4, 8, 16, 32)
SHAPE = (3, 32, 32)
IMAGES, LEVELS, WIDTH = 16, 2, 64
UPDATES = 10
TIMED_STEPS = 3
COLORS = {"glow": "#0072B2", "inverse-flow": "#D55E00"}


def images() -> Tensor:
    """Smooth random pictures, as pixels from 0 to 255."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(IMAGES, SHAPE[0], 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, SHAPE[1:], mode="bicubic")
    return (smooth * 200 + 55 * torch.rand(IMAGES, *SHAPE, generator=generator)).clamp(0, 255).to(torch.uint8)


def loss(flow: Flow, pixels: Tensor) -> Tensor:
    generator = torch.Generator(pixels.device).manual_seed(0)
    return flow.bits_per_dim(pixels, generator=generator).mean()


def step(flow: Flow, pixels: Tensor, mode: AbstractContextManager[None]) -> None:
    flow.zero_grad(set_to_none=False)
    with mode:
        loss(flow, pixels).backward()  # type: ignore[no-untyped-call]


def kept_bytes(flow: Flow, pixels: Tensor, mode: AbstractContextManager[None]) -> int:
    own = {tensor.untyped_storage().data_ptr() for tensor in flow.state_dict().values()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with mode, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss(flow, pixels)
    assert value.requires_grad
    return sum(kept.values())


def peak_bytes(run: Callable[[], None], device: str) -> int:
    """How far memory rises above what is held before."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    # The kernel's own record of the largest resident memory, begun anew (Linux).
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    run()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def milliseconds(run: Callable[[], None], device: str) -> float:
    # What else runs on the machine takes none of a process's own time.
    clock = time.perf_counter if device == "cuda" else time.process_time
    times = []
    for _ in range(TIMED_STEPS):
        start = clock()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((clock() - start) * 1e3)
    return statistics.median(times)


def gradient(flow: Flow, pixels: Tensor, mode: AbstractContextManager[None]) -> Tensor:
    step(flow, pixels, mode)
    return torch.cat([p.grad.flatten().double() for p in flow.parameters() if p.grad is not None])


def measure(model: str, depth: int, reversible: bool, device: str) -> dict[str, Any]:
    """One row, in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    flow = build(model, {"shape": SHAPE, "levels": LEVELS, "depth": depth, "width": WIDTH}).to(device)
    pixels = images().to(device)
    flow.initialize((pixels.float() + 0.5) / 256)
    for parameter in flow.parameters():
        parameter.grad = torch.zeros_like(parameter)

    def mode() -> AbstractContextManager[None]:
        return recomputed_activations(flow) if reversible else nullcontext()

    # On one image first, so that what libraries set up at their first call is not counted.
    step(flow, pixels[:1], mode())
    peak = peak_bytes(lambda: step(flow, pixels, mode()), device)
    row = {"model": model, "depth": depth, "reversible": reversible, "peak_bytes": peak}
    row["kept_bytes"] = kept_bytes(flow, pixels, mode())
    row["step_ms"] = milliseconds(lambda: step(flow, pixels, mode()), device)
    row["parameters_bytes"] = sum(parameter.nbytes for parameter in flow.parameters())
    if reversible:
        optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3)
        for _ in range(UPDATES):
            step(flow, pixels, nullcontext())
            optimizer.step()
        ordinary = gradient(flow, pixels, nullcontext())
        row["gradient_error"] = ((gradient(flow, pixels, mode()) - ordinary).norm() / ordinary.norm()).item()
    return row


def measure_apart(model: str, depth: int, reversible: bool, device: str) -> dict[str, Any]:
    """The same in a process of its own."""
    arguments = ["--row", model, str(depth), str(int(reversible)), "--device", device]
    result = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(result.stdout)
    return row


def show(row: dict[str, Any]) -> None:
    mode = "reversible" if row["reversible"] else "ordinary"
    kept, peak = (row[name] / 2**20 for name in ("kept_bytes", "peak_bytes"))
    print(f"{row['model']:>14}{row['depth']:>6}{mode:>12}{kept:>12.1f}{peak:>12.1f}{row['step_ms']:>12.0f}", end="")
    print(f"{row['gradient_error']:>12.1e}" if row["reversible"] else "", flush=True)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "memory"
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    panels = {
        "kept_bytes": ("kept by autograd", "MiB", 2**20),
        "peak_bytes": ("peak of a step", "MiB", 2**20),
        "step_ms": ("time of a step", "milliseconds", 1),
    }
    for axis, (name, (title, label, unit)) in zip(axes, panels.items(), strict=True):
        for model, color in COLORS.items():
            for reversible in (False, True):
                line = [row for row in rows if (row["model"], row["reversible"]) == (model, reversible)]
                style = {"linestyle": "--", "marker": "s"} if reversible else {"marker": "o"}
                mode = "reversible" if reversible else "ordinary"
                values = [row[name] / unit for row in line]
                axis.loglog([row["depth"] for row in line], values, color=color, label=f"{model}, {mode}", **style)
        axis.set(title=title, xlabel="steps of a level", ylabel=label)
        axis.set_xticks(DEPTHS, [str(depth) for depth in DEPTHS])
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.5)
    axes[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="needs matplotlib")
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        model, depth, reversible = arguments.row
        print(json.dumps(measure(model, int(depth), bool(int(reversible)), arguments.device)))
        return
    print(f"{'model':>14}{'depth':>6}{'mode':>12}{'kept MiB':>12}{'peak MiB':>12}{'step ms':>12}{'grad error':>12}")
    rows = []
    for model in COLORS:
        for depth in DEPTHS:
            for reversible in (False, True):
                rows.append(measure_apart(model, depth, reversible, arguments.device))
                show(rows[-1])
    setting = {"images": IMAGES, "shape": SHAPE, "levels": LEVELS, "width": WIDTH, "threads": 1}
    machine = {"processor": platform.processor() or platform.machine(), "device": arguments.device}
    versions = {"torch": torch.__version__, "nflows_core": nflows_core.__version__, "python": platform.python_version()}
    if arguments.json:
        record = {"setting": setting, "machine": machine, "versions": versions, "rows": rows}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
