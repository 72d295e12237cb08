r"""The CUDA solver on torch tensors. Every call only puts work on the current stream of the tensors' device: nothing
waits for the device, so calls can be captured into CUDA graphs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache

import torch
from torch import Tensor

from invconv.geometry import corner_numbers

try:
    from invconv import _cuda
except ImportError:  # which is compiled only if asked for
    _cuda = None  # type: ignore[assignment]

_DTYPES = {torch.float32: "float32", torch.float64: "float64"}


def is_compiled() -> bool:
    """Whether the extension was compiled."""
    return _cuda is not None


@cache
def has_solver() -> bool:
    """Whether the extension was compiled and there is a device for it."""
    return is_compiled() and _cuda.device_count() > 0


def describe_solver() -> str:
    """What `invconv.backends` says of the solver."""
    if not is_compiled():
        return "missing: not compiled; reinstall with nvcc and pip's -C cmake.define.INVCONV_CUDA=ON"
    if not has_solver():
        return "compiled, but there is no CUDA device or driver"
    names = sorted({_cuda.device_name(device) for device in range(_cuda.device_count())})
    return f"cuda, {', '.join(names)}"


def solve(y: Tensor, weight: Tensor, corners: Sequence[str], x: Tensor, *, transposed: bool = False) -> None:
    r"""Writes the x with :math:`T x = y` into ``x``; with ``transposed``, that with :math:`T^T x = y`.

    A channel group whose anchor is singular or not finite gets NaN in all of its outputs: an error would have to wait
    for the device.

    Arguments:
        y: Images, :math:`(B, C, H, W)`, float32 or float64, any strides.
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`, same dtype and device, any strides.
        corners: The corner of each channel group.
        x: Like ``y``, any strides; shares no memory with ``y``.
        transposed: Whether to solve with the transposed map, that of the gradients.
    """
    images, kernel, indices, dtype = (
        tuple(y.shape),
        tuple(weight.shape),
        corner_numbers(tuple(corners)),
        _DTYPES[y.dtype],
    )
    device = y.device.index
    workspace = _workspace("solve", images, kernel, indices, dtype, device)
    _cuda.solve(
        images,
        y.data_ptr(),
        y.stride(),
        kernel,
        weight.data_ptr(),
        weight.stride(),
        x.data_ptr(),
        x.stride(),
        indices,
        transposed,
        dtype,
        workspace.data_ptr(),
        torch.cuda.current_stream(device).cuda_stream,
        device,
    )


def weight_gradient(v: Tensor, x: Tensor, weight_shape: Sequence[int], corners: Sequence[str]) -> Tensor:
    r"""The gradient with respect to the kernel, :math:`dK_t = -\sum_{b,p} v_p x_{p-t}^T`, the same bits every time.

    Arguments:
        v: The gradient with respect to the images :math:`y`, :math:`(B, C, H, W)`, any strides.
        x: The solution, like ``v``.
        weight_shape: :math:`(C, C/G, k_h, k_w)`.
        corners: The corner of each channel group.

    Returns:
        A kernel of this shape.
    """
    images, kernel, indices, dtype = (
        tuple(x.shape),
        tuple(weight_shape),
        corner_numbers(tuple(corners)),
        _DTYPES[x.dtype],
    )
    device = x.device.index
    gradient = torch.empty(kernel, dtype=x.dtype, device=x.device)
    workspace = _workspace("weight_gradient", images, kernel, indices, dtype, device)
    _cuda.weight_gradient(
        images,
        v.data_ptr(),
        v.stride(),
        x.data_ptr(),
        x.stride(),
        kernel,
        gradient.data_ptr(),
        gradient.stride(),
        indices,
        dtype,
        workspace.data_ptr(),
        torch.cuda.current_stream(device).cuda_stream,
        device,
    )
    return gradient


def _workspace(
    operation: str, images: tuple[int, ...], kernel: tuple[int, ...], corners: tuple[int, ...], dtype: str, device: int
) -> Tensor:
    # torch's allocator gives memory back in the order of the stream, so it may be freed before the work is done.
    size = _workspace_bytes(operation, images, kernel, corners, dtype, device)
    return torch.empty(size, dtype=torch.uint8, device=torch.device("cuda", device))


@lru_cache(maxsize=1024)
def _workspace_bytes(
    operation: str, images: tuple[int, ...], kernel: tuple[int, ...], corners: tuple[int, ...], dtype: str, device: int
) -> int:
    size = _cuda.solve_workspace if operation == "solve" else _cuda.weight_gradient_workspace
    return size(images, kernel, corners, dtype, device)
