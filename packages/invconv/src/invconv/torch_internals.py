r"""Every name of torch that we use and that torch does not promise to keep, and what happens without it.

The ways round torch's dispatcher may be taken only where nobody has to see what is done to a tensor, and torch tells
that by private names. A version that lacks one cannot tell: there everything goes through the public operators, and
nothing is kept of frozen kernels, which is slower and gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache, wraps
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
    "autograd.forward_ad._set_fwd_grad_enabled",
    "cudnn_convolution",
)
"""Below ``torch``."""

TRANSFORMS = "FuncTorchDynamicLayerFrontMode"
"""The dispatch key under which an operator meets the transforms of `torch.func`, all levels of them at once."""


def _look_up(name: str) -> Any:
    try:
        return attrgetter(name)(torch)
    except AttributeError:
        return None


def _set_all_modes(enabled: bool) -> AbstractContextManager[None]:
    """The same by a public name, which turns on reverse mode as well: slower, where nobody asked for that."""
    return torch.inference_mode(not enabled)


_are_transforms_active, _is_wrapped, _modes, _tracing_state, _keys, _bits, _version = map(_look_up, NAMES[:7])
_has_level = _look_up("autograd.forward_ad._current_level") is not None
_set_forward_mode: Callable[[bool], AbstractContextManager[None]] = (
    _look_up("autograd.forward_ad._set_fwd_grad_enabled") or _set_all_modes
)

cudnn_convolution: Callable[..., Tensor] | None = _look_up("cudnn_convolution")
"""The one convolution that takes its precision as an argument."""


def is_transformed() -> bool:
    """Whether `torch.func` or forward mode has to see what is done, which takes more than an operator's derivative."""
    if torch.compiler.is_compiling():
        _refuse_compiled_dual_numbers()
        return False
    return (
        _are_transforms_active is None or not _has_level or _are_transforms_active() or forward_ad._current_level >= 0
    )


def _refuse_compiled_dual_numbers() -> None:
    """An error while dual numbers are compiled outside `torch.func`: there an operator would lose the tangents."""
    if not torch.compiler.is_dynamo_compiling() or _are_transforms_active is None or not _has_level:
        return
    if forward_ad._current_level >= 0 and not _are_transforms_active():
        raise NotImplementedError("torch.autograd.forward_ad cannot be compiled here: use torch.func.jvp")


def forward_rule(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The ``jvp`` of a function of autograd, by ``rule(ctx, saved_tensors, *tangents)``, right at every level.

    torch turns forward mode off while it runs a rule, at all levels and not at that of the rule alone, so that a
    derivative of this derivative would lack all that the rule does, without a word. It is turned on again here, and
    what was saved goes without the tangents of the rule's own level, which are given apart.
    """

    @wraps(rule)
    def jvp(ctx: Any, *tangents: Tensor | None) -> Any:
        with _set_forward_mode(True):
            return rule(ctx, _primals(ctx.saved_tensors), *tangents)

    return jvp


def _primals(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [forward_ad.unpack_dual(tensor, level=0).primal for tensor in tensors]  # type: ignore[no-untyped-call]


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
    if device == "meta":
        return -1  # the bits of no tensor, for there is no memory
    with torch.inference_mode(is_inference):
        return _bits(_keys(torch.empty(0, device=device)))  # type: ignore[no-any-return]


def version(tensor: Tensor) -> int | None:
    """How often the tensor was changed in place; None where that is not known, or of what a transform put there."""
    if _is_wrapped is None or _version is None or _is_wrapped(tensor):
        return None
    return _version.__get__(tensor)  # type: ignore[no-any-return]
