"""What a test of a task gives: its measures, from means over the items of all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nflows_core.training.numerics import Autocast
from nflows_core.training.task import B, M, Place, Task


class Tally(NamedTuple):
    """How many items a process tested, and the sum over them of each value that the task measures, on the CPU."""

    items: int
    sums: Mapping[str, Tensor]


@torch.no_grad()
def tallied(task: Task[M, B], model: M, place: Place, autocast: Autocast) -> Tally:
    """What a process's share of the test data gives.

    Raises:
        ValueError: The task does not measure each item.
    """
    items, sums = 0, dict[str, Tensor]()
    for batch in task.test_batches(place):
        with autocast():
            values = task.measure(model, batch)
        items += _items(values)
        sums = {name: sums.get(name, 0) + value.float().sum(0) for name, value in values.items()}
    return Tally(items, {name: value.cpu() for name, value in sums.items()})


def summarized(task: Task[M, B], tallies: Sequence[Tally]) -> dict[str, float]:
    """The task's measures, from the tallies of all processes.

    Raises:
        ValueError: Nothing was tested, or the task measures something else than it names.
    """
    items = sum(tally.items for tally in tallies)
    if not items:
        raise ValueError(f"the task measures {', '.join(task.measures)}, but has no test data")
    tested = [tally.sums for tally in tallies if tally.items]
    means = {name: torch.stack([sums[name] for sums in tested]).sum(0) / items for name in tested[0]}
    summary = task.summarize(means)
    _check(task.measures, summary)
    return {name: summary[name].item() for name in task.measures}


def _items(values: Mapping[str, Tensor]) -> int:
    """The number of items of a batch, of which each value has one."""
    shapes = {name: tuple(value.shape) for name, value in values.items()}
    if not all(shapes.values()) or len({shape[0] for shape in shapes.values()}) > 1:
        expected = "measure must give a value for each item of a batch, of shape (B, ...)"
        raise ValueError(f"{expected}; got the shapes {shapes}")
    return next(iter(shapes.values()), (0,))[0]


def _check(measures: Sequence[str], summary: Mapping[str, Tensor]) -> None:
    if missing := [name for name in measures if name not in summary]:
        raise ValueError(f"measure gives {', '.join(summary) or 'nothing'}, and not {', '.join(missing)}")
    shapes = {name: tuple(summary[name].shape) for name in measures}
    if any(shapes.values()):
        raise ValueError(f"a measure is one number; the task gives the shapes {shapes}, which `summarize` may join")
