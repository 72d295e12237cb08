"""What recursive filters cost, beside those of other packages that are installed: on one thread, on two, and on two
beside as many busy processes.

python bench_filters.py [--seconds 0.3] [--json results/NAME.json]

All filter by 1 / a, the poles of a Butterworth filter, in float32: torchlpc has no numerator. The gradients are of
signals and coefficients together. All take turns, so that they meet the same machine. Of each the least and the median
time are kept: the least is that of a quiet machine, even where one is not quite quiet.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import torch
from torch import Tensor

import invconv

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
THREADS = 2
BURST, SHORT = 20, 5.0  # calls in a row, of those that take less than so many milliseconds
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
    times = {
        name: {"least": min(found), "median": statistics.median(found)} for name, found in measured(calls, seconds)
    }
    return {"signals": signals, "samples": samples, "order": order, "milliseconds": times}


def measured(calls: dict[str, Callable[[], object]], seconds: float) -> Iterator[tuple[str, list[float]]]:
    """The times of all calls, in milliseconds, taken in turn until each has had so many seconds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    waiting = list(calls)
    while waiting:
        for name in waiting:
            calls[name]()  # what the others left in the caches, or the first call, which sets a library up
            times[name] += [_time(calls[name]) for _ in range(BURST if sum(times[name][:1]) < SHORT else 1)]
        waiting = [name for name in waiting if sum(times[name]) < seconds * 1e3]
    yield from times.items()


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


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
    found = []
    for signals, samples, order in ROWS:
        found.append(row(signals, samples, order, seconds))
        times = (f"{name} {of['least']:.3f} {of['median']:.3f}" for name, of in found[-1]["milliseconds"].items())
        print(f"{signals} x {samples}, order {order}: {'; '.join(times)}", flush=True)
    return found


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("invconv", "numpy", "scipy", "torch", "torchaudio", "torchlpc"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each call of each row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "solver": invconv.backends()["wavefront"]},
        "versions": versions(),
    }
    for name, threads, processes in (("one_thread", 1, 0), ("two_threads", THREADS, 0), ("busy", THREADS, THREADS)):
        print(f"{threads} threads, beside {processes} busy processes: least and median milliseconds")
        torch.set_num_threads(threads)
        with busy(processes):
            record[name] = rows(arguments.seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
