"""The time of one call, measured so that several calls can be compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

Call = Callable[[], object]

BURST = 20


def milliseconds(*calls: Call, seconds: float, device: torch.device) -> list[float]:
    """Median time of each call in its own caches, in bursts taken in turn so that all meet the same machine.

    Arguments:
        calls: The calls that are measured.
        seconds: The time for each of them; a call that takes longer is measured once, after another one unmeasured.
        device: On a GPU the time is that between two events on its stream, without the launches waiting for it.
    """
    burst = _burst_on_gpu if device.type == "cuda" else _burst
    for call in calls:
        call()  # libraries set themselves up
    firsts = [burst(call, 1)[0] for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    used = [first / 1e3 for first in firsts]
    while any(spent < seconds for spent in used):
        for i, (call, first) in enumerate(zip(calls, firsts, strict=True)):
            if used[i] >= seconds:
                continue
            start = time.perf_counter()
            call()  # what the others left in the caches
            times[i] += burst(call, max(1, min(BURST, int(seconds * 100 / max(first, 1e-3)))))
            used[i] += time.perf_counter() - start
    return [statistics.median(record or [first]) for record, first in zip(times, firsts, strict=True)]


def _burst(call: Call, count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def _burst_on_gpu(call: Call, count: int) -> list[float]:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    for _ in range(count):
        call()
    end.record()
    end.synchronize()
    return [start.elapsed_time(end) / count]
