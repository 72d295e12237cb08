"""The state of an optimizer as tensors with the names of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Iterable[str]) -> dict[str, Tensor]:
    """The state of an optimizer as ``parameter.entry``, for parameters of these names in its order."""
    names = list(names)
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{names[i]}.{key}": value for i, entries in state.items() for key, value in entries.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, names: Iterable[str], tensors: Mapping[str, Tensor]) -> None:
    """Undoes `optimizer_tensors`."""
    index = {name: i for i, name in enumerate(names)}
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, _, entry = name.rpartition(".")
        state.setdefault(index[parameter], {})[entry] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
