"""How large a network is, and how much it computes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(module: nn.Module) -> int:
    """How many numbers a module has that can be learned."""
    return sum(parameter.numel() for parameter in module.parameters())


def learnable_parameters(module: nn.Module) -> int:
    """How many of them are: those that take gradients."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def multiply_adds(module: nn.Module, *inputs: Tensor) -> int:
    """The multiplications, each with an addition, of the convolutions and matrix products of one pass.

    Nothing is computed: a copy of the module and the inputs have shapes alone.

    Arguments:
        module: The network.
        inputs: What it is called with.
    """
    shapes = copy.deepcopy(module).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shapes(*(tensor.to("meta") for tensor in inputs))
    flops: int = counter.get_total_flops()
    return flops // 2
