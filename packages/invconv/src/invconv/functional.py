r"""The public functions. They check the arguments and hand on to NumPy or torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from invconv import numpy_ops
from invconv.geometry import check_arguments, corner_of_groups

if TYPE_CHECKING:
    import torch

    ArrayT = TypeVar("ArrayT", "np.ndarray[Any, np.dtype[np.floating[Any]]]", torch.Tensor)

METHODS = ("auto", "wavefront", "fixed_point", "dense")
"""How `inverse_conv2d` may solve; see there."""


def conv2d(x: ArrayT, weight: ArrayT, corner: str | Sequence[str] = "tl") -> ArrayT:
    r"""The convolution :math:`y = T x` that pads with zeros on two sides only.

    .. math:: y_p = \sum_t K_t x_{p-t}

    over taps :math:`t` that point away from the corner. For ``tl`` and one group it is
    ``torch.nn.functional.conv2d(pad(x, (kw - 1, 0, kh - 1, 0)), weight)``.

    Arguments:
        x: Images, :math:`(B, C, H, W)`, float32 or float64; a NumPy array or a torch tensor.
        weight: Kernel in torch's cross-correlation layout, :math:`(C, C/G, k_h, k_w)` for :math:`G` channel groups.
        corner: Where the zeros stand, ``tl``, ``tr``, ``bl`` or ``br``, or a tuple with one for each channel group.

    Returns:
        Images of the shape of ``x``.
    """
    operations = _operations(x, weight, "x")
    return operations.conv2d(x, weight, check_arguments(x, weight, corner, "x"))  # type: ignore[no-any-return]


def inverse_conv2d(y: ArrayT, weight: ArrayT, corner: str | Sequence[str] = "tl", method: str = "auto") -> ArrayT:
    r"""The exact inverse :math:`x = T^{-1} y` of `conv2d`.

    .. math:: x_p = K_0^{-1} \Big( y_p - \sum_{t \ne 0} K_t x_{p-t} \Big)

    Every method returns the same to rounding error; gradients of torch tensors are exact and may be differentiated
    again: with :math:`v = T^{-T} g`, the gradient of ``y`` is :math:`v` and that of :math:`K_t` is
    :math:`-\sum_p v_p x_{p-t}^T` (Nagar 2025, algorithm 1).

    Arguments:
        y: Images, :math:`(B, C, H, W)`, float32 or float64; a NumPy array or a torch tensor.
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`; the anchor tap of each channel group must be invertible.
        corner: As for `conv2d`.
        method: ``wavefront``, back substitution pixel by pixel in compiled code (CPU); ``fixed_point``, the nilpotent
            iteration :math:`x \leftarrow x + K_0^{-1} (y - T x)`, at most :math:`H + W - 1` convolutions (torch, any
            device); ``dense``, the matrix :math:`T` itself, for tests; ``auto``, wavefront on a CPU where it is
            compiled, else fixed_point.

    Returns:
        Images of the shape of ``y``.

    Raises:
        ValueError: if the arguments do not fit each other, the weight is not finite or its anchor is singular.
        TypeError: if the dtypes are unequal or not float32 or float64.
    """
    operations = _operations(y, weight, "y")
    corners = check_arguments(y, weight, corner, "y")
    if method not in METHODS:
        raise ValueError(f"method: {method!r} is none of {', '.join(METHODS)}")
    return operations.inverse_conv2d(y, weight, corners, method)  # type: ignore[no-any-return]


def logabsdet(weight: ArrayT, size: tuple[int, int], corner: str | Sequence[str] = "tl") -> Any:
    r"""The log-determinant of `conv2d` on images of a size, :math:`\log |\det T| = H W \sum_g \log |\det K_0^{(g)}|`.

    Arguments:
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`.
        size: Height and width of the images.
        corner: As for `conv2d`.

    Returns:
        A scalar of the kind and dtype of ``weight``, natural logarithm; that of the inverse is its negative.
    """
    operations = _operations(weight, weight, "weight")
    return operations.logabsdet(weight, size, corner_of_groups(weight, corner))


def backends() -> dict[str, str]:
    """Which methods work in this installation, and what is behind each."""
    try:
        pure_torch = f"torch {version('torch')}, any device"
    except PackageNotFoundError:
        pure_torch = "missing: torch is not installed"
    wavefront = numpy_ops.describe_solver()
    return {"wavefront": wavefront, "fixed_point": pure_torch, "dense": pure_torch}


def _operations(image: object, weight: object, name: str) -> Any:
    """The module for the kind of array that both are."""
    kinds = [_kind(image, name), _kind(weight, "weight")]
    if kinds[0] != kinds[1]:
        raise TypeError(f"weight: expected a {kinds[0]} like {name}, got a {kinds[1]}")
    if kinds[0] == "NumPy array":
        return numpy_ops
    from invconv import torch_ops

    return torch_ops


def _kind(array: object, name: str) -> str:
    if isinstance(array, np.ndarray):
        return "NumPy array"
    if hasattr(array, "requires_grad"):  # asked in this way because torch may not be installed
        return "torch tensor"
    raise TypeError(f"{name}: expected a NumPy array or a torch tensor, got a {type(array).__name__}")
