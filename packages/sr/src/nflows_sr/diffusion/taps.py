"""Taps: what modules of somebody else's network give, read or changed on the way, without their code being ours.

A tap does nothing until a call is made within `tapped`. What it does then belongs to that call alone: threads may run
one network at the same time with different changes, and `checkpoint` repeats them when it computes activations again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch.utils.checkpoint
from torch import Tensor, nn

Changes = Mapping[Hashable, Callable[[Tensor], Tensor]]
"""What is done with the output of a tapped module, by the name of the tap."""

_CHANGES: ContextVar[Changes] = ContextVar("changes")


def tap(module: Any, name: Hashable) -> None:
    """Taps a module, whose output is a tensor; once, however often it is asked for."""
    if getattr(module, "tap", None) is None:  # a copy of a module that is tapped is so too
        module.tap = name
        module.register_forward_hook(_change)


@contextmanager
def tapped(changes: Changes) -> Iterator[None]:
    """Applies changes to what tapped modules give; taps without a change leave it as it is."""
    token = _CHANGES.set(changes)
    try:
        yield
    finally:
        _CHANGES.reset(token)


def checkpoint(module: nn.Module, *arguments: Any) -> Any:
    """Gradient checkpointing (Chen et al. 2016) for ``enable_gradient_checkpointing`` of diffusers' networks.

    The backward pass runs later, maybe in another thread: the module is run again with the changes of its first pass.
    """
    run = partial(_run, _CHANGES.get({}), module)
    return torch.utils.checkpoint.checkpoint(run, *arguments, use_reentrant=False)


def _run(changes: Changes, module: nn.Module, *arguments: Any) -> Any:
    with tapped(changes):
        return module(*arguments)


def _change(module: Any, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
    """The hook of a tapped module."""
    change = _CHANGES.get({}).get(module.tap)
    return None if change is None else change(output)
