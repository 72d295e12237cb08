"""NumPy arrays, without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invconv import geometry
from invconv.geometry import corner_numbers

try:
    from invconv import _core
except ImportError:  # a source tree without the compiled solver: torch tensors still work
    _core = None  # type: ignore[assignment]

# The threads of OpenMP do not survive a fork, and waiting for them would never end.
_is_forked = False


def _after_fork() -> None:
    global _is_forked
    _is_forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

Array = NDArray[np.floating[Any]]


def conv2d(x: Array, weight: Array, corners: tuple[str, ...]) -> Array:
    _check_dtypes(x, weight, "x")
    if x.dtype == np.float16:
        return conv2d(x.astype(np.float32), weight.astype(np.float32), corners).astype(np.float16)
    group_channels = weight.shape[1]
    parts = [
        _conv2d_of_group(
            x[:, g * group_channels : (g + 1) * group_channels],
            weight[g * group_channels : (g + 1) * group_channels],
            corner,
        )
        for g, corner in enumerate(corners)
    ]
    return np.concatenate(parts, axis=1)


def inverse_conv2d(y: Array, weight: Array, corners: tuple[str, ...], method: str) -> Array:
    if method not in ("auto", "wavefront"):
        raise ValueError(f"method: {method!r} works on torch tensors; NumPy arrays are solved by 'wavefront'")
    _check_dtypes(y, weight, "y")
    if y.dtype == np.float16:  # a recursion over all pixels needs the mantissa of float32
        return inverse_conv2d(y.astype(np.float32), weight.astype(np.float32), corners, method).astype(np.float16)
    # A field of a structured array has strides that are no multiple of its items.
    y, weight = np.require(y, requirements="A"), np.require(weight, requirements="A")
    x = np.empty_like(y)
    solve(y, weight, corners, x)
    return x


def has_solver() -> bool:
    """Whether the extension was compiled."""
    return _core is not None


def describe_solver() -> str:
    if not has_solver():
        return "missing: the extension was not compiled; reinstall invconv with a C++ compiler"
    return f"cpu, {_core.instruction_set()}, {_core.max_threads()} threads"


def solve(
    y: Array,
    weight: Array,
    corners: tuple[str, ...],
    x: Array,
    threads: int | None = None,
    transposed: bool = False,
) -> None:
    """Writes the x with T x = y, or T^T x = y, into ``x``, by the compiled solver; all arrays may have any strides."""
    core = _compiled_solver()
    core.inverse_conv2d(y, weight, x, corner_numbers(corners), _threads(threads), transposed)


def weight_gradient(
    v: Array, x: Array, weight_shape: Sequence[int], corners: tuple[str, ...], threads: int | None = None
) -> Array:
    r"""Minus the sum over images and pixels of :math:`v_p x_{p-t}^T` for every tap, by the compiled solver."""
    core = _compiled_solver()
    gradient = np.empty(weight_shape, dtype=x.dtype)
    core.weight_gradient(v, x, gradient, corner_numbers(corners), _threads(threads))
    return gradient


def gradients(
    of_x: Array,
    weight: Array,
    x: Array,
    corners: tuple[str, ...],
    of_y: Array,
    of_weight: Array,
    threads: int | None = None,
    transposed: bool = False,
) -> None:
    """Writes the gradients of y and of the kernel for the ``x`` that `solve` has written, by the compiled solver."""
    core = _compiled_solver()
    numbers = corner_numbers(corners)
    core.inverse_conv2d_gradients(of_x, weight, x, of_y, of_weight, numbers, _threads(threads), transposed)


def call_splines(function: str, *arrays: Array, threads: int) -> None:
    """One of the compiled functions on splines: all arrays are contiguous, and the last ones are written."""
    getattr(_extension("splines"), function)(*arrays, _threads(threads))


def call_filter(
    x: Array,
    b: Array,
    a: Array,
    y: Array,
    initial: Array | None,
    final: Array | None,
    threads: int | None,
    reversed: bool = False,
) -> None:
    """Writes the filtered ``x``, [B, F, L], into ``y``, and the state behind it into ``final``."""
    _extension("filters").lfilter(x, b, a, y, initial, final, reversed, _threads(threads))


def filter_gradients(*arrays: Array | None, reversed: bool, threads: int) -> None:
    """From the gradient of y, x, y, b and a, writes those of x, b and a: None for what is not asked for, nor needed."""
    _extension("filters").filter_gradients(*arrays, reversed, _threads(threads))


def _threads(wanted: int | None) -> int:
    return 1 if _is_forked else wanted or _core.max_threads()


def _compiled_solver() -> ModuleType:
    return _extension("method: 'wavefront'", ", or pass torch tensors with method='fixed_point'")


def _extension(what: str, otherwise: str = "") -> ModuleType:
    if _core is None:
        raise RuntimeError(
            f"{what}: not in this installation of invconv, which lacks the compiled extension; "
            f"reinstall it with a C++ compiler{otherwise}"
        )
    return _core


def anchors(weight: Array, corners: tuple[str, ...]) -> Array:
    """The anchor tap of each channel group, [G, n, n]."""
    blocks = weight.reshape(len(corners), -1, *weight.shape[1:])
    return np.stack([blocks[(g, ..., *geometry.anchor_index(corner))] for g, corner in enumerate(corners)])


def logabsdet(weight: Array, size: tuple[int, int], corners: tuple[str, ...]) -> np.floating[Any]:
    terms = np.linalg.slogdet(anchors(weight, corners)).logabsdet
    return terms.sum() * (size[0] * size[1])  # type: ignore[no-any-return]


def _conv2d_of_group(x: Array, weight: Array, corner: str) -> Array:
    kh, kw = weight.shape[2:]
    top, bottom, left, right = geometry.padding(corner, (kh, kw))
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    B, n, H, W = x.shape
    y = np.zeros((B, n, H * W), dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            y += weight[:, :, i, j] @ padded[:, :, i : i + H, j : j + W].reshape(B, n, H * W)
    return y.reshape(B, n, H, W)


def _check_dtypes(image: Array, weight: Array, name: str) -> None:
    if np.ma.is_masked(image) or np.ma.is_masked(weight):
        masked = name if np.ma.is_masked(image) else "weight"
        raise ValueError(f"{masked}: has masked values, on which others depend; give {masked}.filled(...)")
    if image.dtype not in (np.float32, np.float64, np.float16):
        raise TypeError(f"{name}: expected float32, float64 or float16, got {image.dtype}")
    if weight.dtype != image.dtype:
        raise TypeError(f"weight: expected the dtype of {name}, {image.dtype}, got {weight.dtype}")
