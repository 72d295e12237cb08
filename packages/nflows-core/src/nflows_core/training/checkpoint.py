"""The state of an optimizer as tensors under the names of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def optimizer_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The state of an optimizer as ``parameter.entry``, by the names that its parameters have in a model."""
    names = _names(optimizer, model)
    state: dict[int, dict[str, Tensor | None]] = optimizer.state_dict()["state"]
    entries = {f"{names[i]}.{key}": value for i, own in state.items() for key, value in own.items()}
    kept = {name: value for name, value in entries.items() if value is not None}
    if other := [name for name, value in kept.items() if not isinstance(value, Tensor)]:
        raise TypeError(
            f"a checkpoint holds tensors, and {type(optimizer).__name__} keeps {other[0]} as something else"
        )
    return kept


def describe_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What a checkpoint keeps of an optimizer beside its tensors: its type, and the numbers in its groups."""
    return {"type": type(optimizer).__name__, "groups": [_numbers(group) for group in optimizer.param_groups]}


def _numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if isinstance(value, bool | int | float | str)}


def load_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor], described: Mapping[str, Any]
) -> None:
    """Undoes `optimizer_tensors` and `describe_optimizer`; what is of the parameters of others is left out."""
    names, parameters = _names(optimizer, model), dict(model.named_parameters())
    index = {name: i for i, name in enumerate(names)}
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, _, entry = name.rpartition(".")
        if parameter in index:
            state.setdefault(index[parameter], {})[entry] = _laid_out(tensor, parameters[parameter])
    own = optimizer.state_dict()["param_groups"]
    groups = [group | kept for group, kept in zip(own, described["groups"], strict=True)]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _laid_out(tensor: Tensor, parameter: Tensor) -> Tensor:
    """The tensor in memory as its parameter is: a fused optimizer takes both as they lie, without a look at strides."""
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _names(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[str]:
    """The names of an optimizer's parameters, in its order."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if any(parameter not in names for parameter in parameters):
        raise ValueError("an optimizer has parameters that are not the model's: checkpoints would lose their state")
    return [names[parameter] for parameter in parameters]
