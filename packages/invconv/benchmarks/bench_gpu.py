"""The exact inverse on a GPU beside cuDNN's convolution, which does the same multiplications in the same run.

Times are of CUDA graphs with many calls in each, so that Python is not measured; `eager_us` is one call from Python.

python bench_gpu.py [--json results/NAME.json]
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import torch
import torch.nn.functional as F

import invconv
from invconv import cuda_ops, geometry

SHAPES = [  # images, channels, height and width, kernel size, channel groups
    (100, 12, 16, 3, 1),
    (100, 12, 16, 3, 4),
    (100, 48, 32, 3, 1),
    (16, 3, 16, 3, 1),
    (1, 12, 64, 3, 1),
]
CALLS = 50
REPEATS = 20
THREADS_OF_FLOOR = 128


def event_microseconds(work: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) * 1e3


def in_graph(call: Callable[[], object]) -> Callable[[], object]:
    """CALLS calls as one graph, on tensors that stay where they are."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            call()
    return graph.replay


def microseconds(*calls: Callable[[], object]) -> list[float]:
    """Median time of each call, the calls taken in turn so that all meet the same clocks."""
    graphs = [in_graph(call) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(REPEATS):
        for graph, record in zip(graphs, times, strict=True):
            record.append(event_microseconds(graph) / CALLS)
    return [statistics.median(record) for record in times]


def eager_microseconds(call: Callable[[], object]) -> float:
    def burst() -> None:
        for _ in range(CALLS):
            call()

    return statistics.median(event_microseconds(burst) / CALLS for _ in range(REPEATS))


def compile_barriers() -> Callable[[int, int], None] | None:
    """A launch with so many blocks and steps and nothing in them; None without a CUDA compiler."""
    if not shutil.which("nvcc"):
        return None
    library = Path(tempfile.mkdtemp()) / "barriers.so"
    major, minor = torch.cuda.get_device_capability()
    source = Path(__file__).with_name("barriers.cu")
    command = ["nvcc", "-O3", f"-arch=sm_{major}{minor}", "-shared", "-Xcompiler", "-fPIC", source, "-o", library]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(library)).barriers

    def launch(blocks: int, steps: int) -> None:
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        if error := function(blocks, THREADS_OF_FLOOR, steps, stream):
            raise RuntimeError(f"the empty kernel: CUDA error {error}")

    return launch


def cudnn(*, tf32: bool) -> AbstractContextManager[None]:
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=tf32)


class Layer:
    """One layer on random images, as cuDNN's convolution and as its exact inverse."""

    def __init__(self, B: int, C: int, m: int, k: int, groups: int) -> None:
        torch.manual_seed(0)
        self.corners, n = invconv.CORNERS[:groups], C // groups
        self.weight = torch.randn(C, n, k, k, device="cuda") * 0.1 / C
        for g, corner in enumerate(self.corners):
            i, j = geometry.anchor_index(corner)
            self.weight[g * n : (g + 1) * n, :, i, j] += torch.eye(n, device="cuda")
        self.y, self.g = torch.randn(2, B, C, m, m, device="cuda")
        self.x, self.v = torch.empty_like(self.y), torch.empty_like(self.y)
        self.blocks, self.steps, self.padding, self.groups = B * groups, 2 * m - 1, k // 2, groups
        self.name = f"{B}x{C}x{m}x{m}, k={k}, G={groups}"

    def conv(self) -> None:
        F.conv2d(self.y, self.weight, padding=self.padding, groups=self.groups)

    def conv_both(self) -> None:
        self.conv()
        sizes = ((1, 1), (self.padding, self.padding), (1, 1), False, (0, 0), self.groups, (True, True, False))
        torch.ops.aten.convolution_backward(self.g, self.y, self.weight, None, *sizes)

    def inverse(self) -> None:
        cuda_ops.solve(self.y, self.weight, self.corners, self.x)

    def inverse_both(self) -> None:
        self.inverse()
        cuda_ops.solve(self.g, self.weight, self.corners, self.v, transposed=True)
        cuda_ops.weight_gradient(self.v, self.x, self.weight.shape, self.corners)

    def check(self) -> None:
        torch.testing.assert_close(invconv.conv2d(self.x, self.weight, self.corners), self.y, rtol=1e-3, atol=1e-3)

    def bytes_moved(self) -> int:
        return (2 * self.y.numel() + self.weight.numel()) * self.y.element_size()


def measure(shape: tuple[int, ...], barriers: Callable[[int, int], None] | None) -> dict[str, float | str]:
    layer = Layer(*shape)
    with cudnn(tf32=True):
        (conv_tf32,) = microseconds(layer.conv)
    with cudnn(tf32=False):
        conv, inverse, conv_both, inverse_both = microseconds(
            layer.conv, layer.inverse, layer.conv_both, layer.inverse_both
        )
        layer.check()
    floor = microseconds(lambda: barriers(layer.blocks, layer.steps))[0] if barriers else float("nan")
    return {
        "shape": layer.name,
        "conv2d_us": conv,
        "conv2d_tf32_us": conv_tf32,
        "inverse_us": inverse,
        "ratio": inverse / conv,
        "barriers_us": floor,
        "gigabytes_per_s": layer.bytes_moved() / inverse / 1e3,
        "eager_us": eager_microseconds(layer.inverse),
        "conv2d_both_us": conv_both,
        "inverse_both_us": inverse_both,
        "both_ratio": inverse_both / conv_both,
    }


def width(column: str) -> int:
    return 28 if column == "shape" else 17


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not cuda_ops.has_solver():
        parser.error(f"CUDA solver: {cuda_ops.describe_solver()}")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; microseconds a call, float32; `both`: with")
    print("both gradients; barriers: as many blocks and steps with nothing in them, the floor of the recursion")
    barriers = compile_barriers()
    rows: list[dict[str, float | str]] = []
    for shape in SHAPES:
        rows.append(measure(shape, barriers))
        if len(rows) == 1:
            print("".join(f"{name.removesuffix('_us'):>{width(name)}}" for name in rows[0]))
        cells = [value if isinstance(value, str) else f"{value:.2f}" for value in rows[-1].values()]
        print("".join(f"{cell:>{width(name)}}" for cell, name in zip(cells, rows[0], strict=True)), flush=True)
        if arguments.json:  # after each row: who has little time keeps what was measured
            arguments.json.write_text(json.dumps({**conditions(), "rows": rows}, indent=2) + "\n")


def conditions() -> dict[str, dict[str, str | int | None]]:
    """Machine and versions."""
    return {
        "machine": {"device": torch.cuda.get_device_name(), "solver": cuda_ops.describe_solver()},
        "versions": {
            "invconv": invconv.__version__,
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "python": platform.python_version(),
        },
    }


if __name__ == "__main__":
    main()
