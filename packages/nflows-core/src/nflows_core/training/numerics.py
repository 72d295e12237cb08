"""In which precision and how reproducibly a training step computes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from accelerate.utils import convert_outputs_to_fp32
from torch import nn

from nflows_core.bijections.base import Bijection
from nflows_core.training.config import Precision


@contextmanager
def network_precision(model: nn.Module, precision: Precision, device: torch.device) -> Iterator[None]:
    """Runs the networks inside a model's bijections in this precision; what they give is in full precision again.

    Only the networks, where nearly all the work is. An image that is rounded to 8 bits of mantissa between two
    bijections would no longer be the one whose log-determinants are summed, nor could it be recovered.
    """
    networks = list(_networks(model)) if precision != "no" and _has_bijections(model) else []
    for network in networks:
        # Each weight is cast once a pass. Kept from a pass without gradients, as reversible flows make, a cast weight
        # would be taken by the next pass for one that needs none: torch 2.10 keeps it across both.
        cast = torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)
        network.forward = convert_outputs_to_fp32(cast(network.forward))
    try:
        yield
    finally:
        for network in networks:
            del network.forward


Autocast = Callable[[], AbstractContextManager[Any]]
"""Makes a context in which a loss is computed in some precision."""


def loss_precision(model: nn.Module, precision: Precision, device: torch.device) -> Autocast:
    """How the losses of a model are computed: in mixed precision, or as they are if it has bijections.

    For these `network_precision` sees to the networks.
    """
    if precision == "no" or _has_bijections(model):
        return nullcontext
    return partial(torch.autocast, device.type, dtype=torch.bfloat16)


@contextmanager
def deterministic_convolutions() -> Iterator[None]:
    """Keeps cuDNN from algorithms that add up in a different order every time."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before


@contextmanager
def any_gradient_layout() -> Iterator[None]:
    """Keeps data-parallel training from warning, in every process, that it copies the gradients of 1 x 1 kernels.

    With the channels innermost their strides are not those of the parameter; the copy is of a few numbers.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        yield


def _has_bijections(module: nn.Module) -> bool:
    return any(isinstance(part, Bijection) for part in module.modules())


def _networks(module: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules that hold ordinary layers and no bijection."""
    for child in module.children():
        if _has_bijections(child):
            yield from _networks(child)
        elif any(isinstance(part, nn.Conv2d | nn.Linear) for part in child.modules()):
            yield child
