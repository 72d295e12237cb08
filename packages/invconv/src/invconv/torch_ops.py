r"""Torch tensors: the operators ``invconv::inverse_conv2d`` and ``invconv::weight_gradient`` and their derivatives.

One rule differentiates all methods. With :math:`x = T^{-1} y` and :math:`v = T^{-T} g` for a gradient :math:`g`, the
gradient of :math:`y` is :math:`v` and that of :math:`K_t` is :math:`-\sum_p v_p x_{p-t}^T` (Nagar 2025, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from invconv import cuda_ops, numpy_ops, onnx_ops, torch_methods
from invconv.anchor_ops import anchors
from invconv.geometry import CORNERS, corner_numbers
from invconv.method_choice import choose_method
from invconv.series import impulse_response
from invconv.torch_internals import TRANSFORMS, forward_rule, is_plain, is_transformed

__all__ = ["anchors", "choose_method", "conv2d", "impulse_response", "inverse_conv2d", "logabsdet"]

_DTYPES = (torch.float32, torch.float64)
_HALF = (torch.float16, torch.bfloat16)
_SHORT = 1 << 16  # products: of one signal, forward and backward by both ways were timed at 192 to 65,000 of them


def conv2d(x: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    x, weight = _checked(x, weight, "x")
    if _is_filter(x, weight):
        from invconv import filter_tensors

        return filter_tensors.conv2d_of_rows(x, weight, corners)
    return torch_methods.conv2d(x, weight, corners)


def _is_filter(x: Tensor, weight: Tensor) -> bool:
    """Whether these are signals of one channel a group, for which torch's convolution takes up to 300 times as long.

    A short signal by itself it convolves in the time that a function of autograd takes.
    """
    if x.shape[2] != 1 or weight.shape[1:3] != (1, 1) or x.dtype not in _DTYPES or not x.is_cpu:
        return False
    if x.shape[:2] == (1, 1) and x.shape[3] * weight.shape[3] < _SHORT:
        return False
    return numpy_ops.has_solver() and not is_transformed() and is_plain(x, weight)


def inverse_conv2d(y: Tensor, weight: Tensor, corners: tuple[str, ...], method: str) -> Tensor:
    y, weight = _checked(y, weight, "y")
    # A recursion over all pixels needs the mantissa of float32.
    if y.dtype in _HALF:
        return inverse_conv2d(y.float(), weight.float(), corners, method).to(y.dtype)
    if onnx_ops.is_exported():
        raise NotImplementedError(
            "ONNX has no operator for the inverse of a convolution, nor for that of any anchor: export the modules of "
            "invconv.nn, whose anchors are triangular, so that convolutions can stand for it"
        )
    if method == "auto":
        method = choose_method(y, weight, corners).method
    if method == "wavefront" and not (y.is_cpu or y.is_meta or (y.is_cuda and cuda_ops.has_solver())):
        raise ValueError(
            f"method: 'wavefront' is not compiled for {y.device}, where y is; use 'impulse' or 'fixed_point'"
        )
    return _inverse(y, weight, corners, method, False)


def logabsdet(weight: Tensor, size: tuple[int, int], corners: tuple[str, ...]) -> Tensor:
    blocks = anchors(weight, corners)
    if not (is_transformed() or torch.compiler.is_compiling()):
        terms = torch.linalg.slogdet(blocks).logabsdet
    else:  # In forward mode torch's rule for slogdet has no derivative in that mode: it would be 0, without a word.
        terms = torch.linalg.lu_factor_ex(blocks).LU.diagonal(dim1=1, dim2=2).abs().log()
    return terms.sum() * (size[0] * size[1])  # type: ignore[no-any-return]


def _checked(image: Tensor, weight: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The tensors, which fit each other; under autocast in the wider of their dtypes, and that of float32 at least.

    In any narrower one the convolution and its inverse would undo each other to two digits.
    """
    if image.device != weight.device:
        raise ValueError(f"weight: on {weight.device}, but {name} on {image.device}")
    if image.dtype not in _DTYPES + _HALF:
        raise TypeError(f"{name}: expected float32, float64, float16 or bfloat16, got {image.dtype}")
    if torch_methods.is_autocast(image) and weight.dtype in _DTYPES + _HALF:
        wide = torch.float64 if torch.float64 in (image.dtype, weight.dtype) else torch.float32
        return image.to(wide), weight.to(wide)
    if weight.dtype != image.dtype:
        raise TypeError(f"weight: expected the dtype of {name}, {image.dtype}, got {weight.dtype}")
    return image, weight


def _names(corners: Sequence[int] | Sequence[str] | str) -> tuple[str, ...]:
    """Corners as the operators and the functions of autograd take them: by number, by name, or in one string."""
    if isinstance(corners, str):
        return tuple(corners.split(","))
    return tuple(CORNERS[corner] if isinstance(corner, int) else corner for corner in corners)


# Two ways lead to the same methods: the operator, for all who have to see it, and a function of autograd alone, because
# torch's dispatcher costs more than a small layer.


def _inverse(y: Tensor, weight: Tensor, corners: tuple[str, ...], method: str, transposed: bool) -> Tensor:
    if is_transformed():
        # In one string, because transforms take a tuple for that many arguments.
        return _TransformableInverse.apply(y, weight, ",".join(corners), method, transposed)  # type: ignore[no-any-return]
    if torch.is_grad_enabled() and (y.requires_grad or weight.requires_grad) and not torch.compiler.is_compiling():
        return _Inverse.apply(y, weight, corners, method, transposed)  # type: ignore[no-any-return]
    return _inverse_without_derivative(y, weight, corners, method, transposed)


def _inverse_without_derivative(
    y: Tensor, weight: Tensor, corners: tuple[str, ...], method: str, transposed: bool
) -> Tensor:
    if is_plain(y, weight):
        return torch_methods.solve(y, weight, corners, method, transposed)
    return torch.ops.invconv.inverse_conv2d(y, weight, corner_numbers(corners), method, transposed)  # type: ignore[no-any-return]


def weight_gradient(v: Tensor, x: Tensor, weight_shape: Sequence[int], corners: tuple[str, ...]) -> Tensor:
    r"""Minus the sum over images and pixels of :math:`v_p x_{p-t}^T` for every tap, as a kernel; differentiable."""
    if is_transformed() or (torch.is_grad_enabled() and (v.requires_grad or x.requires_grad)):
        return _WeightGradient.apply(v, x, ",".join(corners), *weight_shape)  # type: ignore[no-any-return]
    return _weight_gradient_without_derivative(v, x, weight_shape, corners)


def _weight_gradient_without_derivative(
    v: Tensor, x: Tensor, weight_shape: Sequence[int], corners: tuple[str, ...]
) -> Tensor:
    if is_plain(v, x):
        return torch_methods.weight_gradient(v, x, tuple(weight_shape), corners)
    return torch.ops.invconv.weight_gradient(v, x, weight_shape, corner_numbers(corners))  # type: ignore[no-any-return]


# The operators.

torch.library.define(
    "invconv::inverse_conv2d", "(Tensor y, Tensor weight, int[] corners, str method, bool transposed) -> Tensor"
)
torch.library.define("invconv::weight_gradient", "(Tensor v, Tensor x, SymInt[] weight_shape, int[] corners) -> Tensor")


@torch.library.impl("invconv::inverse_conv2d", ("cpu", "cuda"))
def _inverse_op(y: Tensor, weight: Tensor, corners: list[int], method: str, transposed: bool) -> Tensor:
    return torch_methods.solve(y, weight, _names(corners), method, transposed)


@torch.library.impl("invconv::weight_gradient", ("cpu", "cuda"))
def _weight_gradient_op(v: Tensor, x: Tensor, weight_shape: list[int], corners: list[int]) -> Tensor:
    return torch_methods.weight_gradient(v, x, tuple(weight_shape), _names(corners))


@torch.library.register_fake("invconv::inverse_conv2d")  # type: ignore[untyped-decorator]
def _inverse_fake(y: Tensor, weight: Tensor, corners: list[int], method: str, transposed: bool) -> Tensor:
    return torch.empty_like(y)


@torch.library.register_fake("invconv::weight_gradient")  # type: ignore[untyped-decorator]
def _weight_gradient_fake(v: Tensor, x: Tensor, weight_shape: list[int], corners: list[int]) -> Tensor:
    return x.new_empty(weight_shape)


for _device in ("cpu", "cuda"):
    torch.library.register_autocast("invconv::inverse_conv2d", _device, torch.float32)
    torch.library.register_autocast("invconv::weight_gradient", _device, torch.float32)


# Their derivatives.


def _setup_inverse(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, weight, corners, ctx.method, ctx.transposed = inputs
    ctx.corners = _names(corners)
    ctx.save_for_backward(weight, output)


def _differentiate_inverse(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
    weight, x = ctx.saved_tensors
    if ctx.needs_input_grad[1] and _is_substituted_plainly(ctx.method, grad, weight, x):
        return *torch_methods.gradients(grad, weight, x, ctx.corners, ctx.transposed), None, None, None
    v = _inverse(grad, weight, ctx.corners, ctx.method, not ctx.transposed)
    if not ctx.needs_input_grad[1]:
        return v, None, None, None, None
    first, second = (x, v) if ctx.transposed else (v, x)
    return v, weight_gradient(first, second, weight.shape, ctx.corners), None, None, None


def _is_substituted_plainly(method: str, *tensors: Tensor) -> bool:
    """Whether compiled code may compute both gradients at once: they have no derivatives, and nobody looks on."""
    if method != "wavefront" or not tensors[0].is_cpu or torch.is_grad_enabled() or is_transformed():
        return False
    return is_plain(*tensors)


def _setup_weight_gradient(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    v, x, _, corners = inputs
    ctx.corners = _names(corners)
    ctx.save_for_backward(v, x)


def _differentiate_weight_gradient(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
    v, x = ctx.saved_tensors
    return (
        -torch_methods.conv2d(x, grad, ctx.corners),
        -torch_methods.conv2d(v, *torch_methods.transposed_map(grad, ctx.corners)),
        None,
        None,
    )


torch.library.register_autograd("invconv::inverse_conv2d", _differentiate_inverse, setup_context=_setup_inverse)
torch.library.register_autograd(
    "invconv::weight_gradient", _differentiate_weight_gradient, setup_context=_setup_weight_gradient
)


class _Inverse(torch.autograd.Function):
    """The operator for autograd without the dispatcher."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        x = _inverse_without_derivative(*inputs)
        _setup_inverse(ctx, inputs, x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _differentiate_inverse(ctx, grad)


class _TransformableInverse(torch.autograd.Function):
    """The same for ``torch.func`` and forward mode, which ask for more and take longer."""

    @staticmethod
    def forward(y: Tensor, weight: Tensor, corners: str, method: str, transposed: bool) -> Tensor:
        return _inverse_without_derivative(y, weight, _names(corners), method, transposed)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _setup_inverse(ctx, inputs, output)
        ctx.save_for_forward(inputs[1], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _differentiate_inverse(ctx, grad)

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, saved: Sequence[Tensor], y: Tensor | None, weight: Tensor | None, *_: None) -> Any:
        kernel, x = saved
        change = torch.zeros_like(x) if y is None else y
        if weight is not None:
            change_of_map = weight, ctx.corners
            if ctx.transposed:
                change_of_map = torch_methods.transposed_map(*change_of_map)
            change = change - torch_methods.conv2d(x, *change_of_map)
        return _inverse(change, kernel, ctx.corners, ctx.method, ctx.transposed)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], y: Tensor, weight: Tensor, corners: str, method: str, transposed: bool
    ) -> tuple[Tensor, int]:
        def solve(y: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
            return _inverse(y, weight, corners, method, transposed)

        return _solve_batch(solve, info.batch_size, in_dims, y, weight, _names(corners))


class _WeightGradient(torch.autograd.Function):
    """The other operator, for second derivatives and transforms."""

    @staticmethod
    def forward(v: Tensor, x: Tensor, corners: str, *weight_shape: int) -> Tensor:
        return _weight_gradient_without_derivative(v, x, weight_shape, _names(corners))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        v, x, corners, *ctx.weight_shape = inputs
        ctx.corners = _names(corners)
        ctx.save_for_backward(v, x)
        ctx.save_for_forward(v, x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return *_differentiate_weight_gradient(ctx, grad)[:2], *[None] * 5

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, saved: Sequence[Tensor], v: Tensor | None, x: Tensor | None, *_: None) -> Any:
        first, second = saved
        changes = [] if v is None else [(v, second)]
        changes += [] if x is None else [(first, x)]
        return sum(weight_gradient(*pair, ctx.weight_shape, ctx.corners) for pair in changes)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], v: Tensor, x: Tensor, corners: str, *weight_shape: int
    ) -> tuple[Tensor, int]:
        return _weight_gradient_of_batch(info.batch_size, in_dims, v, x, weight_shape, _names(corners))


# The operators under transforms, of which a compiler makes no functions of autograd.


@torch.library.impl("invconv::inverse_conv2d", TRANSFORMS)
def _inverse_transformed(y: Tensor, weight: Tensor, corners: list[int], method: str, transposed: bool) -> Tensor:
    return _TransformableInverse.apply(y, weight, ",".join(_names(corners)), method, transposed)  # type: ignore[no-any-return]


@torch.library.impl("invconv::weight_gradient", TRANSFORMS)
def _weight_gradient_transformed(v: Tensor, x: Tensor, weight_shape: list[int], corners: list[int]) -> Tensor:
    return _WeightGradient.apply(v, x, ",".join(_names(corners)), *weight_shape)  # type: ignore[no-any-return]


# Batches under ``vmap``.


def _solve_batch(
    solve: Callable[[Tensor, Tensor, tuple[str, ...]], Tensor],
    count: int,
    in_dims: tuple[Any, ...],
    y: Tensor,
    weight: Tensor,
    corners: tuple[str, ...],
) -> tuple[Tensor, int]:
    """More images where the kernel is one for all, more channel groups where each has its own: one call either way."""
    y = batched(y, in_dims[0], count)
    if in_dims[1] is None:
        return solve(y.flatten(0, 1), weight, corners).unflatten(0, y.shape[:2]), 0  # type: ignore[no-untyped-call]
    weight = weight.movedim(in_dims[1], 0)
    if count == 0:
        return y + weight.sum()[None], 0  # nothing, but with gradients
    x = solve(y.transpose(0, 1).flatten(1, 2), weight.flatten(0, 1), corners * count)
    return x.unflatten(1, (count, y.shape[2])), 1  # type: ignore[no-untyped-call]


def _weight_gradient_of_batch(
    count: int,
    in_dims: tuple[Any, ...],
    v: Tensor,
    x: Tensor,
    weight_shape: Sequence[int],
    corners: tuple[str, ...],
) -> tuple[Tensor, int]:
    """As many more channel groups."""
    v, x = (batched(images, dim, count) for images, dim in zip((v, x), in_dims[:2], strict=True))
    if count == 0:
        return (v.sum()[None] + x.sum()[None])[:, None, None, None, None].expand(1, *weight_shape)[:0], 0
    v, x = (images.transpose(0, 1).flatten(1, 2) for images in (v, x))
    kernels = weight_gradient(v, x, [count * weight_shape[0], *weight_shape[1:]], corners * count)
    return kernels.unflatten(0, (count, weight_shape[0])), 0  # type: ignore[no-untyped-call]


def batched(tensor: Tensor, dim: int | None, count: int) -> Tensor:
    """A tensor of as many on the first axis, from that axis or one for all."""
    return tensor.expand(count, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
