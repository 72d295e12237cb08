r"""Torch tensors: the operator ``invconv::inverse_conv2d`` with its fake, autograd and autocast rules."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from invconv import geometry, numpy_ops
from invconv.geometry import CORNERS

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
        method = "wavefront" if y.device.type == "cpu" and numpy_ops.has_solver() else "fixed_point"
    if method == "wavefront" and y.device.type != "cpu":
        raise ValueError(f"method: 'wavefront' runs on the CPU, y is on {y.device}; use 'fixed_point'")
    return torch.ops.invconv.inverse_conv2d(y, weight, [CORNERS.index(c) for c in corners], method)  # type: ignore[no-any-return]


def anchors(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    """The anchor tap of each channel group, [G, n, n]."""
    blocks = weight.reshape(len(corners), -1, *weight.shape[1:])
    return torch.stack([blocks[(g, ..., *geometry.anchor_index(corner))] for g, corner in enumerate(corners)])


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
    inverse = _anchor_inverses(weight, corners)
    x.copy_(_apply_to_groups(inverse, y))
    tolerance = torch.finfo(y.dtype).eps
    # The off-anchor part is nilpotent: after H + W - 2 steps nothing is left that could change x.
    for _ in range(y.shape[2] + y.shape[3] - 2):
        change = _apply_to_groups(inverse, y - conv2d(x, weight, corners))
        x += change
        if change.numel() == 0 or change.abs().max() <= tolerance * x.abs().max():
            break


def _dense(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor) -> None:
    _anchor_inverses(weight, corners)  # for its errors
    size = math.prod(y.shape[1:])
    basis = torch.eye(size, dtype=y.dtype, device=y.device).reshape(size, *y.shape[1:])
    matrix = conv2d(basis, weight, corners).flatten(1).T
    x.copy_(torch.linalg.solve(matrix, y.flatten(1).T).T.reshape(y.shape))


_SOLVERS = {"wavefront": _wavefront, "fixed_point": _fixed_point, "dense": _dense}


def _anchor_inverses(weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    if not weight.isfinite().all():
        index = [int(i) for i in (~weight.isfinite()).nonzero()[0]]
        raise ValueError(f"weight: not finite at {index}")
    blocks = anchors(weight, corners).double()
    smallest = torch.linalg.svdvals(blocks)[:, -1]
    limit = blocks.abs().amax((1, 2)) * blocks.shape[1] * torch.finfo(torch.float64).eps
    singular = (smallest <= limit).nonzero()
    if len(singular):
        raise ValueError(
            f"weight: the anchor tap of channel group {int(singular[0])} is singular, so the convolution has no inverse"
        )
    return torch.linalg.inv(blocks).to(weight.dtype)  # type: ignore[no-any-return]


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


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, list[int], str], output: Tensor) -> None:
    _, weight, ctx.corners, ctx.method = inputs
    ctx.save_for_backward(weight, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
    weight, x = ctx.saved_tensors
    corners = _names(ctx.corners)
    opposite = [CORNERS.index(geometry.opposite(corner)) for corner in corners]
    v = torch.ops.invconv.inverse_conv2d(grad, _transposed(weight, len(corners)), opposite, ctx.method)
    grad_weight = -_weight_gradient(v, x, weight, corners) if ctx.needs_input_grad[1] else None
    return v, grad_weight, None, None


torch.library.register_autograd("invconv::inverse_conv2d", _backward, setup_context=_setup_context)

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


def _names(corners: list[int]) -> tuple[str, ...]:
    return tuple(CORNERS[index] for index in corners)
