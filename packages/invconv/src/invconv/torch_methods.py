r"""The methods of `inverse_conv2d` on torch tensors, without their derivatives.

Each writes the x with :math:`T x = y`, or with :math:`T^T x = y`, into ``x``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.grad import conv2d_weight

from invconv import cuda_ops, geometry, impulse_ops, numpy_ops, torch_internals
from invconv.anchor_ops import anchor_inverses, folded

P = ParamSpec("P")


def is_autocast(tensor: Tensor) -> bool:
    """Whether autocast is enabled where the tensor is; the meta device has none."""
    return not tensor.is_meta and torch.is_autocast_enabled(tensor.device.type)


def _without_autocast(function: Callable[Concatenate[Tensor, P], Tensor]) -> Callable[Concatenate[Tensor, P], Tensor]:
    """Autocast would round the convolutions by which a function computes: its inverse would be good to 1e-2."""

    @wraps(function)
    def exact(images: Tensor, /, *arguments: P.args, **keywords: P.kwargs) -> Tensor:
        if not is_autocast(images):
            return function(images, *arguments, **keywords)
        with torch.autocast(images.device.type, enabled=False):
            return function(images, *arguments, **keywords)

    return exact


@_without_autocast
def solve(y: Tensor, weight: Tensor, corners: tuple[str, ...], method: str, transposed: bool) -> Tensor:
    x = torch.empty_like(y)  # the strides that the operator's fake rule promises
    _METHODS[method](y, weight, corners, x, transposed)
    return x


@_without_autocast
def weight_gradient(v: Tensor, x: Tensor, weight_shape: tuple[int, ...], corners: tuple[str, ...]) -> Tensor:
    r"""Minus the sum over images and pixels of :math:`v_p x_{p-t}^T` for every tap :math:`t`, as a kernel."""
    if x.is_cuda and cuda_ops.has_solver():
        return cuda_ops.weight_gradient(v, x, weight_shape, corners)
    if x.device.type == "cpu" and numpy_ops.has_solver():
        threads = torch.get_num_threads()
        return torch.from_numpy(numpy_ops.weight_gradient(_array(v), _array(x), weight_shape, corners, threads))
    if x.numel() == 0:
        return x.new_zeros(weight_shape)
    parts = [
        conv2d_weight(  # type: ignore[no-untyped-call]
            pad(x[:, run.channels], weight_shape, run.corner),
            (run.channels.stop - run.channels.start, *weight_shape[1:]),
            v[:, run.channels],
            groups=run.groups,
        )
        for run in geometry.runs(corners, weight_shape[1])
    ]
    return -torch.cat(parts)


def gradients(
    of_x: Tensor, weight: Tensor, x: Tensor, corners: tuple[str, ...], transposed: bool
) -> tuple[Tensor, Tensor]:
    """The gradients of y and of the kernel for the ``x`` that ``wavefront`` has solved for on the CPU."""
    of_y, of_weight = torch.empty_like(of_x), torch.empty_like(weight)
    given, made = (_array(of_x), _array(weight), _array(x)), (of_y.numpy(), of_weight.numpy())
    numpy_ops.gradients(*given, corners, *made, torch.get_num_threads(), transposed)
    return of_y, of_weight


@_without_autocast
def conv2d(x: Tensor, weight: Tensor, corners: tuple[str, ...]) -> Tensor:
    if 0 in x.shape[2:]:  # which torch's convolution does not take, once padded
        return x + 0 * weight.sum()
    parts = [
        _convolve(pad(x[:, run.channels], weight.shape, run.corner), weight[run.channels], run.groups)
        for run in geometry.runs(corners, weight.shape[1])
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _convolve(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    """``F.conv2d``, kept from TF32, cuDNN's default for float32: with its ten bits an inverse would be good to 1e-3."""
    # torch's setting for that is one for the process. Changed for a call and back, it slows the networks of other
    # threads, is changed back by one of them while this one still computes, and makes torch raise an error where it is
    # read meanwhile. Hence the operator with an argument for it; and where torch.func, forward mode or a mode asks for
    # rules that it lacks, float64, which no setting rounds.
    if not _may_be_rounded(x):
        return F.conv2d(x, weight, groups=groups)
    cudnn, convolution = torch.backends.cudnn, torch_internals.cudnn_convolution
    if convolution is None or torch_internals.is_transformed() or not torch_internals.is_plain(x, weight):
        return F.conv2d(x.double(), weight.double(), groups=groups).to(x.dtype)
    deterministic = cudnn.deterministic or torch.are_deterministic_algorithms_enabled()
    return convolution(x, weight, (0, 0), (1, 1), (1, 1), groups, cudnn.benchmark, deterministic, False)


def _may_be_rounded(x: Tensor) -> bool:
    """Whether cuDNN computes with these images, in float32, for somebody else than a compiler."""
    return (
        x.is_cuda
        and x.dtype == torch.float32
        and x.numel() > 0
        and torch.version.cuda is not None
        and not torch.compiler.is_compiling()
        and torch.backends.cudnn.is_acceptable(x)  # type: ignore[no-untyped-call]
    )


def pad(x: Tensor, weight_shape: tuple[int, ...], corner: str) -> Tensor:
    top, bottom, left, right = geometry.padding(corner, (weight_shape[2], weight_shape[3]))
    return F.pad(x, (left, right, top, bottom))


def transposed_map(weight: Tensor, corners: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
    """Kernel and corners of the transposed map: channels exchanged in each group, taps reversed."""
    n = weight.shape[1]
    exchanged = weight.reshape(len(corners), n, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)
    return exchanged.flip(2, 3), tuple(geometry.opposite(corner) for corner in corners)


def _array(tensor: Tensor) -> NDArray[Any]:
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def _wavefront(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor, transposed: bool) -> None:
    if y.is_cuda:
        cuda_ops.solve(y, weight, corners, x, transposed=transposed)
        return
    numpy_ops.solve(_array(y), _array(weight), corners, x.numpy(), torch.get_num_threads(), transposed)


def _fixed_point(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor, transposed: bool) -> None:
    if transposed:
        weight, corners = transposed_map(weight, corners)
    inverses = anchor_inverses(weight, corners)
    if y.numel() == 0:
        return
    constant = apply_to_groups(inverses.to(y.dtype), y)
    kernel = folded(weight, inverses, corners)
    x.copy_(constant)
    tolerance = torch.finfo(y.dtype).eps
    # N is nilpotent: after H + W - 2 steps nothing is left that could change x.
    for _ in range(y.shape[2] + y.shape[3] - 2):
        update = constant - conv2d(x, kernel, corners)
        change = (update - x).abs()
        x.copy_(update)
        if change.max() <= tolerance * update.abs().max():
            # What is negligible beside the largest pixel may still grow: it must be so beside each pixel's own terms.
            terms = conv2d(update.abs(), kernel.abs(), corners) + constant.abs()
            if (change <= 2 * tolerance * terms).all():
                break


def _dense(y: Tensor, weight: Tensor, corners: tuple[str, ...], x: Tensor, transposed: bool) -> None:
    anchor_inverses(weight, corners)  # for its errors
    if y.numel() == 0:
        return
    size = math.prod(y.shape[1:])
    basis = torch.eye(size, dtype=y.dtype, device=y.device).reshape(size, *y.shape[1:])
    rows = conv2d(basis, weight, corners).flatten(1)  # of T^T
    x.copy_(torch.linalg.solve(rows if transposed else rows.T, y.flatten(1).T).T.reshape(y.shape))


_METHODS = {"wavefront": _wavefront, "impulse": impulse_ops.solve, "fixed_point": _fixed_point, "dense": _dense}


def apply_to_groups(matrices: Tensor, images: Tensor) -> Tensor:
    """One matrix for the channels of each group, [G, n, n], on images [B, G n, H, W]."""
    kernel = matrices.flatten(0, 1)[:, :, None, None]
    return F.conv2d(images, kernel, groups=len(matrices))
