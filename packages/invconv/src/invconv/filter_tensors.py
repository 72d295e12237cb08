r"""Recursive filters of torch tensors: the operator ``invconv::filter`` and its derivatives.

It has no state: :math:`y = T_a^{-1} T_b x` for the triangular Toeplitz matrices of denominator and numerator, or the
transposed map, which filters against time. With :math:`v = T_a^{-T} g` for a gradient :math:`g`, the gradient of ``x``
is :math:`T_b^T v`, that of :math:`b_j` is :math:`\sum_t v_t x_{t-j}`, and that of :math:`a_k` is
:math:`-\sum_t v_t y_{t-k}`: filters and correlations again, so that every derivative has one. States are terms of the
first inputs and the last outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, broadcast_shapes, broadcast_to, stack
from torch import movedim as moveaxis

from invconv import filter_arrays, numpy_ops, torch_ops
from invconv.torch_internals import is_plain, is_transformed

__all__ = ["arrays", "broadcast_shapes", "broadcast_to", "lfilter", "moveaxis", "stack"]


def arrays(b: Any, a: Any, x: Tensor, zi: Any) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """All as tensors of the dtype of ``x``, where it is."""
    if x.dtype not in (torch.float32, torch.float64):
        advice = "; filter real and imaginary parts apart" if x.is_complex() else ""
        raise TypeError(f"x: expected float32 or float64, got {x.dtype}{advice}")
    state = None if zi is None else _like(zi, x, "zi")
    b, a = (taps[None] if taps.ndim == 0 else taps for taps in (_like(b, x, "b"), _like(a, x, "a")))
    return b, a, x, state


def _like(array: Any, x: Tensor, name: str) -> Tensor:
    if not isinstance(array, Tensor):
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "iuf":
            raise TypeError(f"{name}: expected real numbers, got {numbers.dtype}")
        return torch.tensor(np.ascontiguousarray(numbers), dtype=x.dtype, device=x.device)
    if array.device != x.device:
        raise ValueError(f"{name}: on {array.device}, but x on {x.device}")
    if array.dtype != x.dtype:
        raise TypeError(f"{name}: expected the dtype of x, {x.dtype}, got {array.dtype}")
    return array


def lfilter(x: Tensor, b: Tensor, a: Tensor, zi: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Signals [B, F, L], through the filters [F, zeros + 1] and [F, poles + 1], with states [B, F, order]."""
    tensors = (x, b, a) if zi is None else (x, b, a, zi)
    if _is_compiled_for(x) and not _needs_derivative(*tensors) and is_plain(*tensors):
        return _without_derivative(x, b, a, zi)
    first = a[:, :1]
    if is_plain(a) and not first.all():
        raise ValueError(filter_arrays.singular(int(first.eq(0).nonzero()[0, 0])))
    b, a = b / first, a[:, 1:] / first
    return (_filter(x, b, a, False), None) if zi is None else _with_state(x, b, a, zi)


def _without_derivative(x: Tensor, b: Tensor, a: Tensor, zi: Tensor | None) -> tuple[Tensor, Tensor | None]:
    signals, numerator, denominator = (tensor.detach().numpy() for tensor in (x, b, a))
    state = None if zi is None else zi.detach().numpy()
    y, final = filter_arrays.lfilter(signals, numerator, denominator, state, torch.get_num_threads())
    return torch.from_numpy(y), None if final is None else torch.from_numpy(final)


def _with_state(x: Tensor, b: Tensor, a: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    order, length = zi.shape[-1], x.shape[-1]
    if order == 0:
        return _filter(x, b, a, False), zi
    begun = min(order, length)
    driven = _numerator(x, b) + F.pad(zi[..., :begun], (0, length - begun))
    y = _filter(driven, torch.ones_like(b[:, :1]), a, False)
    behind_y = _numerator(_rest(y, order), F.pad(a, (1, 0)))
    final = (_numerator(_rest(x, order), b) - behind_y)[..., order:] + F.pad(zi[..., begun:], (0, begun))
    return y, final


def _rest(signals: Tensor, order: int) -> Tensor:
    """The last samples, as many as the order, behind zeros where there are fewer, and as many zeros behind them."""
    last = signals[..., max(signals.shape[-1] - order, 0) :]
    return F.pad(last, (order - last.shape[-1], order))


def _numerator(x: Tensor, b: Tensor) -> Tensor:
    return _filter(x, b, b[:, :0], False)


def _is_compiled_for(x: Tensor) -> bool:
    return x.is_cpu and numpy_ops.has_solver()


def _needs_derivative(*tensors: Tensor) -> bool:
    return is_transformed() or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))


def _filter(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    if not _is_compiled_for(x):
        return _filter_by_convolutions(x, b, a, reversed)
    if torch.compiler.is_compiling():
        return torch.ops.invconv.filter(x, b, a, reversed)  # type: ignore[no-any-return]
    if _needs_derivative(x, b, a):
        return _Filter.apply(x, b, a, reversed)  # type: ignore[no-any-return]
    return _filter_without_derivative(x, b, a, reversed)


def _filter_by_convolutions(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    """The same by the methods that work everywhere."""
    if reversed:
        return _filter_by_convolutions(x.flip(-1), b, a, False).flip(-1)
    corners = ("tl",) * len(b)
    y = torch_ops.conv2d(x[:, :, None], b.flip(-1)[:, None, None], corners)
    if a.shape[-1]:
        y = torch_ops.inverse_conv2d(y, F.pad(a, (1, 0), value=1).flip(-1)[:, None, None], corners, "auto")
    return y.squeeze(2)


def _filter_without_derivative(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    if is_plain(x, b, a):
        return _run(x, b, a, reversed)
    return torch.ops.invconv.filter(x, b, a, reversed)  # type: ignore[no-any-return]


def _run(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    y = x.new_empty(x.shape)
    order = slice(None, None, -1 if reversed else 1)
    signals, results = (tensor.detach().numpy()[..., order] for tensor in (x, y))
    numerator, denominator = (taps.detach().contiguous().numpy() for taps in (b, a))
    numpy_ops.call_filter(signals, numerator, denominator, results, None, None, torch.get_num_threads())
    return y


torch.library.define("invconv::filter", "(Tensor x, Tensor b, Tensor a, bool reversed) -> Tensor")
torch.library.impl("invconv::filter", "cpu", _run)


@torch.library.register_fake("invconv::filter")  # type: ignore[untyped-decorator]
def _filter_fake(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, b, a, ctx.reversed = inputs
    ctx.save_for_backward(x, b, a, output)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
    x, b, a, y = ctx.saved_tensors
    back = not ctx.reversed
    if not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2]):
        return _filter(grad, b, a, back), None, None, None
    v = _filter(grad, torch.ones_like(b[:, :1]), a, back) if a.shape[-1] else grad
    of_x = _filter(v, b, a[:, :0], back) if ctx.needs_input_grad[0] else None
    of_b = _correlate(v, x, b.shape[-1], ctx.reversed) if ctx.needs_input_grad[1] else None
    of_a = -_correlate(v, y, a.shape[-1] + 1, ctx.reversed)[:, 1:] if ctx.needs_input_grad[2] else None
    return of_x, of_b, of_a, None


def _correlate(v: Tensor, x: Tensor, taps: int, reversed: bool) -> Tensor:
    """The sums of v_t x_{t-k}, or of v_t x_{t+k}, over batch and time, [F, taps]."""
    first, second = (x, v) if reversed else (v, x)
    filters = x.shape[1]
    kernel = torch_ops.weight_gradient(first[:, :, None], second[:, :, None], (filters, 1, 1, taps), ("tl",) * filters)
    return -kernel.flip(-1)[:, 0, 0]


torch.library.register_autograd("invconv::filter", _differentiate, setup_context=_setup)


class _Filter(torch.autograd.Function):
    """The operator for autograd without the dispatcher, for ``torch.func`` and for forward mode."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
        return _filter_without_derivative(x, b, a, reversed)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _setup(ctx, inputs, output)
        ctx.save_for_forward(*inputs[:3], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _differentiate(ctx, grad)

    @staticmethod
    def jvp(ctx: Any, x: Tensor | None, b: Tensor | None, a: Tensor | None, _: None) -> Any:
        signals, numerator, denominator, y = ctx.saved_tensors
        change = torch.zeros_like(y) if x is None else _filter(x, numerator, denominator, ctx.reversed)
        driven = torch.zeros_like(y)
        if b is not None:
            driven = driven + _filter(signals, b, denominator[:, :0], ctx.reversed)
        if a is not None:
            driven = driven - _filter(y, F.pad(a, (1, 0)), denominator[:, :0], ctx.reversed)
        return change + _filter(driven, torch.ones_like(numerator[:, :1]), denominator, ctx.reversed)


@torch.library.register_vmap("invconv::filter")  # type: ignore[untyped-decorator]
def _filter_vmap(
    info: Any, in_dims: tuple[Any, ...], x: Tensor, b: Tensor, a: Tensor, reversed: bool
) -> tuple[Tensor, int]:
    """More signals where the filters are those of all, more filters where each has its own: one call either way."""
    count = info.batch_size
    x = _batched(x, in_dims[0], count)
    if in_dims[1] is None and in_dims[2] is None:
        return torch.ops.invconv.filter(x.flatten(0, 1), b, a, reversed).unflatten(0, (count, -1)), 0
    b, a = (_batched(taps, dim, count).flatten(0, 1) for taps, dim in zip((b, a), in_dims[1:3], strict=True))
    y = torch.ops.invconv.filter(x.transpose(0, 1).flatten(1, 2), b, a, reversed)
    return y.unflatten(1, (count, -1)), 1


def _batched(tensor: Tensor, dim: int | None, count: int) -> Tensor:
    return tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
