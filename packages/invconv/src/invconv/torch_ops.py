r"""Torch tensors: the operator ``invconv::inverse_conv2d`` with its fake, autograd and autocast rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.grad import conv2d_weight

from invconv import geometry, impulse_ops, numpy_ops
from invconv.anchor_ops import anchor_inverses, anchors, folded
from invconv.geometry import CORNERS
from invconv.method_choice import choose_method
from invconv.series import impulse_response

__all__ = ["anchors", "choose_method", "conv2d", "impulse_response", "inverse_conv2d", "logabsdet"]

_DTYPES = (torch.float32, torch.float64)


def conv2d(x: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    _check_tensors(x, weight, "x")
    parts = [
        F.conv2d(_pad(x[:, run.channels], weight, run.corner), weight[run.channels], groups=run.groups)
        for run in geometry.runs(corners, weight.shape[1])
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def inverse_conv2d(y: Tensor, weight: Tensor, corners: tuple[str, ...], method: str) -> Tensor:
    _check_tensors(y, weight, "y")
    if method == "auto":
        method = choose_method(y, weight, corners).method
    if method == "wavefront" and y.device.type != "cpu":
        raise ValueError(f"method: 'wavefront' runs on the CPU, y is on {y.device}; use 'impulse' or 'fixed_point'")
    solve = _solve_transformed if _is_transformed() else torch.ops.invconv.inverse_conv2d
    return solve(y, weight, [CORNERS.index(c) for c in corners], method)


def logabsdet(weight: Tensor, size: tuple[int, int], corners: tuple[str, ...]) -> Tensor:
    terms = torch.linalg.slogdet(anchors(weight, corners)).logabsdet
    return terms.sum() * (size[0] * size[1])  # type: ignore[no-any-return]


def _pad(x: Tensor, weight: Tensor, corner: str) -> Tensor:
    top, bottom, left, right = geometry.padding(corner, (weight.shape[2], weight.shape[3]))
    return F.pad(x, (left, right, top, bottom))


def _check_tensors(image: Tensor, weight: Tensor, name: str) -> None:
    if image.device != weight.device:
        raise ValueError(f"weight: on {weight.device}, but {name} on {image.device}")
    if torch.is_autocast_enabled(image.device.type):
        return
    if image.dtype not in _DTYPES:
        raise TypeError(f"{name}: expected float32 or float64, got {image.dtype}")
    if weight.dtype != image.dtype:
        raise TypeError(f"weight: expected the dtype of {name}, {image.dtype}, got {weight.dtype}")


# The methods. Each writes the x with T x = y into ``x``; all are differentiated by the one rule below.


def _wavefront(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor) -> None:
    y_array, weight_array, x_array = (tensor.detach().numpy() for tensor in (y, weight, x))
    numpy_ops.solve(y_array, weight_array, corners, x_array, torch.get_num_threads())


def _fixed_point(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor) -> None:
    inverses = anchor_inverses(weight, corners)
    constant = _apply_to_groups(inverses.to(y.dtype), y)
    kernel = folded(weight, inverses, corners)
    x.copy_(constant)
    tolerance = torch.finfo(y.dtype).eps
    # N is nilpotent: after H + W - 2 steps nothing is left that could change x.
    for _ in range(y.shape[2] + y.shape[3] - 2 if y.numel() else 0):
        update = constant - conv2d(x, kernel, corners)
        change = (update - x).abs()
        x.copy_(update)
        if change.max() <= tolerance * update.abs().max():
            # What is negligible beside the largest pixel may still grow: it must be so beside each pixel's own terms.
            terms = conv2d(update.abs(), kernel.abs(), corners) + constant.abs()
            if (change <= 2 * tolerance * terms).all():
                break


def _dense(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor) -> None:
    anchor_inverses(weight, corners)  # for its errors
    size = math.prod(y.shape[1:])
    basis = torch.eye(size, dtype=y.dtype, device=y.device).reshape(size, *y.shape[1:])
    matrix = conv2d(basis, weight, corners).flatten(1).T
    x.copy_(torch.linalg.solve(matrix, y.flatten(1).T).T.reshape(y.shape))


_SOLVERS = {"wavefront": _wavefront, "impulse": impulse_ops.solve, "fixed_point": _fixed_point, "dense": _dense}


def _apply_to_groups(matrices: Tensor, images: Tensor) -> Tensor:
    """One matrix for the channels of each group, [G, n, n], on images [B, G n, H, W]."""
    kernel = matrices.flatten(0, 1)[:, :, None, None]
    return F.conv2d(images, kernel, groups=len(matrices))


# The operator.

torch.library.define("invconv::inverse_conv2d", "(Tensor y, Tensor weight, int[] corners, str method) -> Tensor")


@torch.library.impl("invconv::inverse_conv2d", ("cpu", "cuda"))
def _solve(y: Tensor, weight: Tensor, corners: list[int], method: str) -> Tensor:
    x = torch.empty_like(y)  # the strides that the fake rule promises
    _SOLVERS[method](y, weight, _names(corners), x)
    return x


@torch.library.register_fake("invconv::inverse_conv2d")  # type: ignore[untyped-decorator]
def _solve_fake(y: Tensor, weight: Tensor, corners: list[int], method: str) -> Tensor:
    return torch.empty_like(y)


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Sequence[int], str], output: Tensor) -> None:
    _, weight, ctx.corners, ctx.method = inputs
    ctx.save_for_backward(weight, output)


def _backward(
    ctx: Any, grad: Tensor, solve: Any = torch.ops.invconv.inverse_conv2d
) -> tuple[Tensor, Tensor | None, None, None]:
    weight, x = ctx.saved_tensors
    corners = _names(ctx.corners)
    opposite = [CORNERS.index(geometry.opposite(corner)) for corner in corners]
    transposed = _transposed(weight, len(corners))
    if ctx.method == "impulse":
        impulse_ops.remember_transposed(weight, transposed, corners)
    v = solve(grad, transposed, opposite, ctx.method)
    grad_weight = -_weight_gradient(v, x, weight, corners) if ctx.needs_input_grad[1] else None
    return v, grad_weight, None, None


torch.library.register_autograd("invconv::inverse_conv2d", _backward, setup_context=_setup_context)


@torch.library.register_vmap("invconv::inverse_conv2d")  # type: ignore[untyped-decorator]
def _solve_vmap(
    info: Any, in_dims: tuple[int | None, ...], y: Tensor, weight: Tensor, corners: list[int], method: str
) -> tuple[Tensor, int]:
    """More images where the kernel is one for all, more channel groups where each has its own: one call either way."""
    y_dim, weight_dim = in_dims[:2]
    count = info.batch_size
    y = y.expand(count, *y.shape) if y_dim is None else y.movedim(y_dim, 0)
    if weight_dim is None:
        x = torch.ops.invconv.inverse_conv2d(y.flatten(0, 1), weight, corners, method)
        return x.unflatten(0, (count, -1)), 0
    kernels = weight.movedim(weight_dim, 0).flatten(0, 1)
    x = torch.ops.invconv.inverse_conv2d(y.transpose(0, 1).flatten(1, 2), kernels, corners * count, method)
    return x.unflatten(1, (count, -1)), 1


class _Transformable(torch.autograd.Function):
    """The operator with the same rule for those who differentiate otherwise, which register_autograd leaves out:
    ``torch.func`` and forward mode, where with no rule of its own it would pass for a constant."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Tensor, weight: Tensor, corners: bytes, method: str) -> Tensor:
        return torch.ops.invconv.inverse_conv2d(y, weight, list(corners), method)  # type: ignore[no-any-return]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, bytes, str], output: Tensor) -> None:
        _setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[1], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _backward(ctx, grad, _solve_transformed)

    @staticmethod
    def jvp(ctx: Any, y: Tensor | None, weight: Tensor | None, *_: None) -> Any:
        kernel, x = ctx.saved_tensors
        change = torch.zeros_like(x) if y is None else y
        if weight is not None:
            change = change - conv2d(x, weight, _names(ctx.corners))
        return _solve_transformed(change, kernel, ctx.corners, ctx.method)


def _solve_transformed(y: Tensor, weight: Tensor, corners: Sequence[int], method: str) -> Tensor:
    # As bytes, because transforms take a list for that many arguments.
    return _Transformable.apply(y, weight, bytes(corners), method)  # type: ignore[no-any-return]


def _is_transformed() -> bool:
    if torch.compiler.is_compiling():
        return False
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


# A recursion over all pixels needs the mantissa of float32.
for _device in ("cpu", "cuda"):
    torch.library.register_autocast("invconv::inverse_conv2d", _device, torch.float32)


def _transposed(weight: Tensor, groups: int) -> Tensor:
    """The kernel of the transposed map: channels exchanged in each group, taps reversed."""
    n = weight.shape[1]
    return weight.reshape(groups, n, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape).flip(2, 3)


def _weight_gradient(v: Tensor, x: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """Sum over images and pixels of v_p x_{p-t}^T for every tap t, as a kernel."""
    parts = [
        conv2d_weight(  # type: ignore[no-untyped-call]
            _pad(x[:, run.channels], weight, run.corner),
            weight[run.channels].shape,
            v[:, run.channels],
            groups=run.groups,
        )
        for run in geometry.runs(corners, weight.shape[1])
    ]
    return torch.cat(parts)


def _names(corners: Sequence[int]) -> tuple[str, ...]:
    return tuple(CORNERS[index] for index in corners)
