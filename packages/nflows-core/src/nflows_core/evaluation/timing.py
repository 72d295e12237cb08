"""How long a flow takes: several pieces of work in turn, so that a busy moment of the machine falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nflows_core.flow import Flow

Work = Callable[[], object]

TIMED_IMAGES = 100
"""The number of images that a time is for."""


def median_milliseconds(works: Sequence[Work], runs: int = 5) -> list[float]:
    """Times several pieces of work, which take turns, after a turn that does not count.

    Arguments:
        works: The pieces of work.
        runs: The number of turns.

    Returns:
        The median of each work, in milliseconds.
    """
    for work in works:
        work()
    turns = [[_milliseconds(work) for work in works] for _ in range(runs)]
    return [statistics.median(turn[i] for turn in turns) for i in range(len(works))]


def sampling(flow: Flow, context: Tensor | None = None) -> Work:
    """Draws 100 images; ``context``, :math:`(100, D)`, on the flow's device."""
    return lambda: flow.sample(TIMED_IMAGES, context=context)


def density(flow: Flow, context: Tensor | None = None) -> Work:
    """The log-density of 100 images."""
    x = _images(flow)

    @torch.no_grad()
    def work() -> Tensor:
        return flow.log_prob(x, context)

    return work


def training(flow: Flow, context: Tensor | None = None) -> Work:
    """The log-density of 100 images and its gradient."""
    x = _images(flow)

    def work() -> None:
        flow.zero_grad()
        flow.log_prob(x, context).mean().backward()  # type: ignore[no-untyped-call]

    return work


def _images(flow: Flow) -> Tensor:
    return torch.rand(TIMED_IMAGES, *flow.shape, device=flow.device, dtype=flow.dtype)


def _milliseconds(work: Work) -> float:
    _synchronize()
    start = time.perf_counter()
    work()
    _synchronize()
    return 1000 * (time.perf_counter() - start)


def _synchronize() -> None:
    """CUDA returns from a call before the work is done."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
