"""What recursive filters cost, beside those of other packages that are installed, quiet and beside two busy processes.

python bench_filters.py [--threads 2] [--seconds 0.3] [--json results/NAME.json]

All filter by 1 / a, the poles of a Butterworth filter, in float32: torchlpc has no numerator. The gradients are of
signals and coefficients together. scipy and torch's signals are filtered in turn, so that all meet the same machine.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import torch
from torch import Tensor

import invconv
from invconv.bench.timing import milliseconds

ROWS = (
    (1, 4096, 2),
    (1, 48000, 2),
    (1, 480000, 2),
    (1, 48000, 8),
    (8, 48000, 2),
    (32, 4096, 2),
    (32, 48000, 2),
    (32, 48000, 8),
)
BUSY = 2
CUTOFF = 0.3  # of the Nyquist frequency

Filter = Callable[[Tensor, Tensor], Tensor]  # of signals [S, L] and coefficients [order + 1]


def _by_inverse_conv1d(x: Tensor, a: Tensor) -> Tensor:
    return invconv.inverse_conv1d(x[:, None], a.flip(0)[None, None])


def _by_lfilter(x: Tensor, a: Tensor) -> Tensor:
    return invconv.lfilter(torch.ones(1), a, x)  # type: ignore[return-value]


def _by_torchaudio(x: Tensor, a: Tensor) -> Tensor:
    one = torch.zeros_like(a)
    one[0] = 1
    return importlib.import_module("torchaudio.functional").lfilter(x, a, one, clamp=False)  # type: ignore[no-any-return]


def _by_torchlpc(x: Tensor, a: Tensor) -> Tensor:
    taps = a[1:].expand(*x.shape, -1)  # it takes coefficients for every sample
    return importlib.import_module("torchlpc").sample_wise_lpc(x, taps)  # type: ignore[no-any-return]


def filters() -> dict[str, Filter]:
    """The filters of torch tensors that are installed."""
    found: dict[str, Filter] = {"inverse_conv1d": _by_inverse_conv1d, "lfilter": _by_lfilter}
    for name, function in {"torchaudio": _by_torchaudio, "torchlpc": _by_torchlpc}.items():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            found[name] = function
    return found


def row(signals: int, samples: int, order: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of each package, of a filter and its gradients."""
    a = scipy.signal.butter(order, CUTOFF)[1].astype(np.float32)
    sos = scipy.signal.butter(order, CUTOFF, output="sos").astype(np.float32)
    x = np.random.default_rng(0).normal(size=(signals, samples)).astype(np.float32)
    one, taps, images = np.ones(1, np.float32), torch.from_numpy(a), torch.from_numpy(x)
    calls: dict[str, Callable[[], object]] = {
        "scipy_lfilter": lambda: scipy.signal.lfilter(one, a, x),
        "scipy_sosfilt": lambda: scipy.signal.sosfilt(sos, x),
        "numpy_lfilter": lambda: invconv.lfilter(one, a, x),
        "numpy_sosfilt": lambda: invconv.sosfilt(sos, x),
    }
    for name, function in filters().items():
        calls[name] = lambda function=function: function(images, taps)
        calls[f"{name}_gradients"] = gradients(function, images, taps)
    times = milliseconds(*calls.values(), seconds=seconds, device=torch.device("cpu"))
    return {"signals": signals, "samples": samples, "order": order, **dict(zip(calls, times, strict=True))}


def gradients(function: Filter, x: Tensor, a: Tensor) -> Callable[[], object]:
    """The backward pass alone."""
    leaves = x.clone().requires_grad_(), a.clone().requires_grad_()
    y = function(*leaves)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    return lambda: torch.autograd.grad(y, leaves, grad, retain_graph=True)


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """As many processes that want a core each."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def rows(seconds: float) -> list[dict[str, Any]]:
    measured = []
    for signals, samples, order in ROWS:
        measured.append(row(signals, samples, order, seconds))
        times = " ".join(f"{name} {value:.3f}" for name, value in list(measured[-1].items())[3:])
        print(f"{signals} x {samples}, order {order}: {times}", flush=True)
    return measured


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("invconv", "numpy", "scipy", "torch", "torchaudio", "torchlpc"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each call of each row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    record: dict[str, Any] = {
        "threads": arguments.threads,
        "machine": {"processor": platform.processor() or platform.machine(), "solver": invconv.backends()["wavefront"]},
        "versions": versions(),
        "quiet": rows(arguments.seconds),
    }
    print(f"beside {BUSY} busy processes:")
    with busy(BUSY):
        record["busy"] = rows(arguments.seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
