"""What a test of a task gives: the mean of each of its measures over all items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nflows_core.training.numerics import Autocast
from nflows_core.training.task import B, M, Place, Task


@torch.no_grad()
def sums_of_measures(task: Task[M, B], model: M, place: Place, autocast: Autocast) -> Tensor:
    """How many items a process tests, and the sum of each measure over them, :math:`(1 + M,)`.

    Raises:
        ValueError: The task measures something else than it names, or not for each item.
    """
    total = torch.zeros(1 + len(task.measures), device=place.device)
    for batch in task.test_batches(place):
        with autocast():
            values = task.measure(model, batch)
        _check(task.measures, values)
        sums = [values[name].sum() for name in task.measures]
        total = total + torch.stack([sums[0].new_tensor(len(values[task.measures[0]])), *sums])
    return total


def means_of_measures(measures: Sequence[str], sums: Sequence[float]) -> dict[str, float]:
    """The means, from `sums_of_measures` of all processes together.

    Raises:
        ValueError: Nothing was tested.
    """
    items, *totals = sums
    if not items:
        raise ValueError(f"the task measures {', '.join(measures)}, but has no test data")
    return {name: total / items for name, total in zip(measures, totals, strict=True)}


def _check(measures: Sequence[str], values: Mapping[str, Tensor]) -> None:
    if missing := [name for name in measures if name not in values]:
        raise ValueError(f"measure gives {', '.join(values) or 'nothing'}, and not {', '.join(missing)}")
    shapes = {name: tuple(values[name].shape) for name in measures}
    if len(set(shapes.values())) > 1 or len(shapes[measures[0]]) != 1:
        raise ValueError(f"measure must give a value for each item of a batch, of shape (B,); got the shapes {shapes}")
