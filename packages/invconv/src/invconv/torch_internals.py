r"""Every name of torch that we use and that torch does not promise to keep, and what happens without it.

The ways round torch's dispatcher may be taken only where nobody has to see what is done to a tensor, and torch tells
that by private names. A version that lacks one cannot tell: there everything goes through the public operators, and
nothing is kept of frozen kernels, which is slower and gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

NAMES = (
    "_C._are_functorch_transforms_active",
    "_C._functorch.is_functorch_wrapped_tensor",
    "_C._len_torch_dispatch_stack",
    "_C._get_tracing_state",
    "_C._dispatch_keys",
    "_C.DispatchKeySet.raw_repr",
    "Tensor._version",
    "autograd.forward_ad._current_level",
    "cudnn_convolution",
)
"""Below ``torch``."""


def _look_up(name: str) -> Any:
    try:
        return attrgetter(name)(torch)
    except AttributeError:
        return None


_are_transforms_active, _is_wrapped, _modes, _tracing_state, _keys, _bits, _version = map(_look_up, NAMES[:7])
_has_level = _look_up("autograd.forward_ad._current_level") is not None

cudnn_convolution: Callable[..., Tensor] | None = _look_up("cudnn_convolution")
"""The one convolution that takes its precision as an argument."""


def is_transformed() -> bool:
    """Whether `torch.func` or forward mode has to see what is done, which takes more than an operator's derivative."""
    if torch.compiler.is_compiling():
        return False
    return (
        _are_transforms_active is None or not _has_level or _are_transforms_active() or forward_ad._current_level >= 0
    )


def is_plain(*tensors: Tensor) -> bool:
    """Whether the tensors are just memory, and no compiler, mode or transform has to see what is done to them."""
    if _modes is None or _tracing_state is None or _keys is None or _bits is None:
        return False
    return not (
        torch.compiler.is_compiling()
        or _modes() > 0
        or _tracing_state() is not None
        or any(_bits(_keys(t)) != _plain_bits(t.device.type, t.is_inference()) for t in tensors)
    )


@cache
def _plain_bits(device: str, is_inference: bool) -> int:
    with torch.inference_mode(is_inference):
        return _bits(_keys(torch.empty(0, device=device)))  # type: ignore[no-any-return]


def version(tensor: Tensor) -> int | None:
    """How often the tensor was changed in place; None where that is not known, or of what a transform put there."""
    if _is_wrapped is None or _version is None or _is_wrapped(tensor):
        return None
    return _version.__get__(tensor)  # type: ignore[no-any-return]
