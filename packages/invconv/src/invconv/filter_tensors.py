r"""Recursive filters of torch tensors: the operator ``invconv::filter`` and its derivatives.

It has no state: :math:`y = T_a^{-1} T_b x` for the triangular Toeplitz matrices of denominator and numerator, or the
transposed map, which filters against time. With :math:`v = T_a^{-T} g` for a gradient :math:`g`, the gradient of ``x``
is :math:`T_b^T v`, that of :math:`b_j` is :math:`\sum_t v_t x_{t-j}`, and that of :math:`a_k` is
:math:`-\sum_t v_t y_{t-k}`: filters and correlations again, so that every derivative has one. Where none is asked for,
compiled code computes all in one pass. States are terms of the first inputs and the last outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, broadcast_shapes, broadcast_to, stack
from torch import movedim as moveaxis

from invconv import filter_arrays, geometry, numpy_ops, torch_methods, torch_ops
from invconv.torch_internals import TRANSFORMS, forward_rule, is_plain, is_transformed
from invconv.torch_ops import batched

__all__ = ["arrays", "broadcast_shapes", "broadcast_to", "lfilter", "moveaxis", "rounded", "stack"]

_DTYPES = (torch.float32, torch.float64)
_HALF = (torch.float16, torch.bfloat16)


def arrays(b: Any, a: Any, x: Tensor, zi: Any) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """All as tensors of one dtype, where ``x`` is."""
    if x.dtype not in _DTYPES + _HALF:
        advice = "; filter real and imaginary parts apart" if x.is_complex() else ""
        raise TypeError(f"x: expected float32, float64, float16 or bfloat16, got {x.dtype}{advice}")
    dtype = _common_dtype(x, b, a, zi)
    state = None if zi is None else _like(zi, x, dtype, "zi")
    b, a = (taps[None] if taps.ndim == 0 else taps for taps in (_like(b, x, dtype, "b"), _like(a, x, dtype, "a")))
    return b, a, x.to(dtype), state


def _common_dtype(x: Tensor, *others: Any) -> torch.dtype:
    """That of ``x``, but float32 for half precision, which is too little for a recursion; by autocast the widest."""
    if not torch_methods.is_autocast(x):
        return torch.float32 if x.dtype in _HALF else x.dtype
    dtypes = [x.dtype, *(other.dtype for other in others if isinstance(other, Tensor))]
    return torch.float64 if torch.float64 in dtypes else torch.float32


def rounded(result: Any, x: Tensor) -> Any:
    """Signals as precise as ``x``, if it was widened for no autocast; states go on in float32, for blocks to come."""
    if x.dtype not in _HALF or torch_methods.is_autocast(x):
        return result
    return result.to(x.dtype) if isinstance(result, Tensor) else (result[0].to(x.dtype), result[1])


def _like(array: Any, x: Tensor, dtype: torch.dtype, name: str) -> Tensor:
    if not isinstance(array, Tensor):
        numbers = np.asarray(array)
        # A compiler knows the kinds of tensors, not those of arrays.
        if not torch.compiler.is_compiling() and numbers.dtype.kind not in "iuf":
            raise TypeError(f"{name}: expected real numbers, got {numbers.dtype}")
        return torch.as_tensor(np.ascontiguousarray(numbers)).to(x.device, dtype, copy=True)
    if array.device != x.device:
        raise ValueError(f"{name}: on {array.device}, but x on {x.device}")
    if array.dtype == dtype:
        return array
    if array.dtype not in (_DTYPES + _HALF if torch_methods.is_autocast(x) else (x.dtype,)):
        raise TypeError(f"{name}: expected the dtype of x, {x.dtype}, got {array.dtype}")
    return array.to(dtype)


def lfilter(x: Tensor, b: Tensor, a: Tensor, zi: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Signals [B, F, L], through the filters [F, zeros + 1] and [F, poles + 1], with states [B, F, order]."""
    tensors = (x, b, a) if zi is None else (x, b, a, zi)
    if _is_compiled_for(x) and not _needs_derivative(*tensors) and is_plain(*tensors):
        return _without_derivative(x, b, a, zi)
    if not _is_compiled_for(x) and is_plain(a) and not a[:, 0].all():
        zero = int(a[:, 0].eq(0).nonzero()[0, 0])
        raise ValueError(f"a: the first coefficient of filter {zero} is 0, by which all others are divided")
    return (_filter(x, b, a, False), None) if zi is None else _with_state(x, b / a[:, :1], a / a[:, :1], zi)


def conv2d_of_rows(x: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """Images of one row, [B, C, 1, W], with kernels [C, 1, 1, kw]: filters without poles, from the left or right."""
    signals, taps, parts = x.squeeze(2), weight.flatten(1), []
    for corner, channels, groups in geometry.runs(corners, 1):
        is_right, is_all = corner[1] == "r", groups == len(taps)
        b = taps if is_right else taps.flip(-1)
        parts.append(
            _numerator(signals, b, is_right) if is_all else _numerator(signals[:, channels], b[channels], is_right)
        )
    return (parts[0] if len(parts) == 1 else torch.cat(parts, 1)).unsqueeze(2)


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
    y = _filter(driven, _one(b), a, False)
    final = (_numerator(_rest(x, order), b) - _numerator(_rest(y, order), a))[..., order:]
    return y, final + F.pad(zi[..., begun:], (0, begun))


def _rest(signals: Tensor, order: int) -> Tensor:
    """The last samples, as many as the order, behind zeros where there are fewer, and as many zeros behind them."""
    last = signals[..., max(signals.shape[-1] - order, 0) :]
    return F.pad(last, (order - last.shape[-1], order))


def _numerator(x: Tensor, b: Tensor, reversed: bool = False) -> Tensor:
    return _filter(x, b, _one(b), reversed)


def _one(taps: Tensor) -> Tensor:
    """As many filters as there are, that change nothing."""
    return torch.ones(taps.shape[0], 1, dtype=taps.dtype, device=taps.device)


def _is_compiled_for(x: Tensor) -> bool:
    return (x.is_cpu or x.is_meta) and numpy_ops.has_solver()


def _needs_derivative(*tensors: Tensor) -> bool:
    return is_transformed() or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))


def _filter(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    if not _is_compiled_for(x):
        return _filter_by_convolutions(x, b, a, reversed)
    if torch.compiler.is_compiling():
        return torch.ops.invconv.filter(x, b, a, reversed)  # type: ignore[no-any-return]
    if is_transformed():
        return _TransformableFilter.apply(x, b, a, reversed)  # type: ignore[no-any-return]
    if _needs_derivative(x, b, a):
        return _Filter.apply(x, b, a, reversed)  # type: ignore[no-any-return]
    return _filter_without_derivative(x, b, a, reversed)


def _filter_by_convolutions(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    """The same by the methods that work everywhere."""
    if reversed:
        return _filter_by_convolutions(x.flip(-1), b, a, False).flip(-1)
    corners = ("tl",) * len(b)
    numerator, denominator = (taps.flip(-1)[:, None, None] for taps in (b / a[:, :1], a / a[:, :1]))
    y = torch_ops.conv2d(x[:, :, None], numerator, corners)
    if a.shape[-1] > 1:
        y = torch_ops.inverse_conv2d(y, denominator, corners, "auto")
    return y.squeeze(2)


def _filter_without_derivative(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    if is_plain(x, b, a):
        return _run(x, b, a, reversed)
    return torch.ops.invconv.filter(x, b, a, reversed)  # type: ignore[no-any-return]


def _run(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    y = x.new_empty(x.shape)
    signals, numerator, denominator = _array(x), _array(b.contiguous()), _array(a.contiguous())
    numpy_ops.call_filter(signals, numerator, denominator, y.numpy(), None, None, torch.get_num_threads(), reversed)
    return y


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().numpy()


torch.library.define("invconv::filter", "(Tensor x, Tensor b, Tensor a, bool reversed) -> Tensor")
torch.library.impl("invconv::filter", "cpu", _run)


@torch.library.register_fake("invconv::filter")  # type: ignore[untyped-decorator]
def _filter_fake(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, b, a, ctx.reversed = inputs
    ctx.save_for_backward(x, b, a, output)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, b, a, y = ctx.saved_tensors
    needed, back = ctx.needs_input_grad, not ctx.reversed
    if not (needed[1] or needed[2]):
        return _filter(grad, b, a, back), None, None, None
    if _is_compiled_for(x) and not _needs_derivative(grad, x, b, a) and is_plain(grad, x, b, a, y):
        return *_gradients(grad, x, b, a, y, needed, ctx.reversed), None
    v = _filter(grad, _one(b), a, back)
    of_x = _numerator(v, b, back) if needed[0] else None
    of_b = _correlate(v, x, b.shape[-1], ctx.reversed) if needed[1] else None
    of_a = -_correlate(v, y, a.shape[-1], ctx.reversed) if needed[2] else None
    return of_x, of_b, of_a, None


def _gradients(
    grad: Tensor, x: Tensor, b: Tensor, a: Tensor, y: Tensor, needed: tuple[bool, ...], reversed: bool
) -> tuple[Tensor | None, ...]:
    """Those of x, b and a that are needed, in one pass."""
    b, a = b.contiguous(), a.contiguous()
    given = grad, x if needed[1] else None, y if needed[2] else None, b, a
    made = [t.new_empty(t.shape) if need else None for t, need in zip((x, b, a), needed, strict=False)]
    arrays = (None if tensor is None else _array(tensor) for tensor in (*given, *made))
    numpy_ops.filter_gradients(*arrays, reversed=reversed, threads=torch.get_num_threads())
    return tuple(made)


def _correlate(v: Tensor, x: Tensor, taps: int, reversed: bool) -> Tensor:
    """The sums of v_t x_{t-k}, or of v_t x_{t+k}, over batch and time, [F, taps]."""
    first, second = (x, v) if reversed else (v, x)
    filters = x.shape[1]
    kernel = torch_ops.weight_gradient(first[:, :, None], second[:, :, None], (filters, 1, 1, taps), ("tl",) * filters)
    return -kernel.flip(-1)[:, 0, 0]


torch.library.register_autograd("invconv::filter", _differentiate, setup_context=_setup)


class _Filter(torch.autograd.Function):
    """The operator for autograd without the dispatcher."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        y = _filter_without_derivative(*inputs)
        _setup(ctx, inputs, y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _differentiate(ctx, grad)


class _TransformableFilter(torch.autograd.Function):
    """The same for ``torch.func`` and forward mode, which ask for more and take longer."""

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
    @forward_rule
    def jvp(ctx: Any, saved: Sequence[Tensor], x: Tensor | None, b: Tensor | None, a: Tensor | None, *_: None) -> Any:
        signals, numerator, denominator, y = saved
        driven = torch.zeros_like(y) if x is None else _numerator(x, numerator, ctx.reversed)
        if b is not None:
            driven = driven + _numerator(signals, b, ctx.reversed)
        if a is not None:
            driven = driven - _numerator(y, a, ctx.reversed)
        return _filter(driven, _one(numerator), denominator, ctx.reversed)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], x: Tensor, b: Tensor, a: Tensor, reversed: bool
    ) -> tuple[Tensor, int]:
        """More signals where the filters are those of all, more filters where each has its own: one call either way."""
        count = info.batch_size
        x = batched(x, in_dims[0], count)
        if count == 0:
            return x + b.sum()[None] + a.sum()[None], 0  # nothing, but with gradients
        if in_dims[1] is None and in_dims[2] is None:
            return _filter(x.flatten(0, 1), b, a, reversed).unflatten(0, x.shape[:2]), 0  # type: ignore[no-untyped-call]
        b, a = (batched(taps, dim, count).flatten(0, 1) for taps, dim in zip((b, a), in_dims[1:3], strict=True))
        y = _filter(x.transpose(0, 1).flatten(1, 2), b, a, reversed)
        return y.unflatten(1, (count, x.shape[2])), 1  # type: ignore[no-untyped-call]


@torch.library.impl("invconv::filter", TRANSFORMS)
def _filter_transformed(x: Tensor, b: Tensor, a: Tensor, reversed: bool) -> Tensor:
    return _TransformableFilter.apply(x, b, a, reversed)  # type: ignore[no-any-return]
