r"""The public functions. They check the arguments and hand on to NumPy or torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from invconv import numpy_ops, stability
from invconv.geometry import anchor_index, check_arguments, check_size, corner_of_groups, opposite
from invconv.results import Amplification, Choice

if TYPE_CHECKING:
    import torch

    ArrayT = TypeVar("ArrayT", "np.ndarray[Any, np.dtype[np.floating[Any]]]", torch.Tensor)

METHODS = ("auto", "wavefront", "impulse", "fixed_point", "dense")
"""How `inverse_conv2d` may solve; see there."""


def conv2d(x: ArrayT, weight: ArrayT, corner: str | Sequence[str] = "tl") -> ArrayT:
    r"""The convolution :math:`y = T x` that pads with zeros on two sides only.

    .. math:: y_p = \sum_t K_t x_{p-t}

    over taps :math:`t` that point away from the corner. For ``tl`` and one group it is
    ``torch.nn.functional.conv2d(pad(x, (kw - 1, 0, kh - 1, 0)), weight)``.

    Arguments:
        x: Images, :math:`(B, C, H, W)`, float32 or float64, or half precision; a NumPy array or a torch tensor.
        weight: Kernel in torch's cross-correlation layout, :math:`(C, C/G, k_h, k_w)` for :math:`G` channel groups.
        corner: Where the zeros stand, ``tl``, ``tr``, ``bl`` or ``br``, or a tuple with one for each channel group.

    Returns:
        Images of the shape of ``x``.
    """
    operations = check_kinds(x, weight, "x")
    return operations.conv2d(x, weight, check_arguments(x, weight, corner, "x"))  # type: ignore[no-any-return]


def inverse_conv2d(y: ArrayT, weight: ArrayT, corner: str | Sequence[str] = "tl", method: str = "auto") -> ArrayT:
    r"""The exact inverse :math:`x = T^{-1} y` of `conv2d`.

    .. math:: x_p = K_0^{-1} \Big( y_p - \sum_{t \ne 0} K_t x_{p-t} \Big)

    Every method returns the same to rounding error; gradients of torch tensors are exact and may be differentiated
    again: with :math:`v = T^{-T} g`, the gradient of ``y`` is :math:`v` and that of :math:`K_t` is
    :math:`-\sum_p v_p x_{p-t}^T` (Nagar 2025, algorithm 1).

    Arguments:
        y: Images, :math:`(B, C, H, W)`, float32 or float64; a NumPy array or a torch tensor. Those in float16 or
            bfloat16 are solved in float32 and rounded.
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`; the anchor tap of each channel group must be invertible.
        corner: As for `conv2d`.
        method: ``wavefront``, back substitution pixel by pixel in compiled code (CPU); ``impulse``, the FFT of ``y``
            times that of the `impulse_response`, which is kept for kernels that do not require gradients (torch, any
            device); ``fixed_point``, the nilpotent iteration :math:`x \leftarrow K_0^{-1} (y - (T - K_0) x)`, at most
            :math:`H + W - 2` convolutions (torch, any device); ``dense``, the matrix :math:`T` itself, for tests;
            ``auto``, what `choose_method` says.

    Returns:
        Images of the shape of ``y``.

    Raises:
        ValueError: if the arguments do not fit each other, the weight is not finite or its anchor is singular: in
            float64, whatever the scale of its rows and columns, and for a triangular one only with a zero on the
            diagonal.
        TypeError: if the dtypes are unequal or none of these.
    """
    operations = check_kinds(y, weight, "y")
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

    Raises:
        ValueError: if the weight is no kernel, or the size is not two whole numbers.
    """
    operations = check_kinds(weight, weight, "weight")
    return operations.logabsdet(weight, check_size(size, 0), corner_of_groups(weight, corner))


def impulse_response(weight: ArrayT, size: tuple[int, int], corner: str | Sequence[str] = "tl") -> ArrayT:
    r"""The kernel :math:`G` of the inverse, which is itself one convolution: :math:`x_p = \sum_t G_t y_{p-t}`.

    It has the layout of ``weight``, so that ``conv2d(y, G, corner)`` is ``inverse_conv2d(y, weight, corner)``, and is
    differentiable for torch tensors. Computed in float64, by back substitution where that is compiled, else by doubling
    the terms of a power series, which loses as many digits as the response grows by.

    Arguments:
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`.
        size: Height and width of the images.
        corner: As for `conv2d`.

    Returns:
        A kernel :math:`(C, C/G, H, W)`.

    Raises:
        ValueError: if the arguments do not fit each other, the weight is not finite or its anchor is singular.
    """
    operations = check_kinds(weight, weight, "weight")
    corners, size = corner_of_groups(weight, corner), check_size(size)
    if not isinstance(weight, np.ndarray) and not (weight.device.type == "cpu" and numpy_ops.has_solver()):
        return operations.impulse_response(weight, size, corners)  # type: ignore[no-any-return]
    return _substituted_response(weight, size, corners)  # type: ignore[no-any-return]


def amplification(weight: ArrayT, size: tuple[int, int], corner: str | Sequence[str] = "tl") -> Amplification:
    r"""How much the inverse can amplify: factors :math:`a` with :math:`\max |T^{-1} y| \le a \max |y|` for every ``y``.

    .. math::

        a_\text{exact} = \max_c \sum_{d, p} |G_{cd}(p)| \;\le\;
        a_\text{bound} = \frac{\|K_0^{-1}\|_\infty}{1 - s}, \qquad
        s = \max_c \sum_{d, t \ne 0} |(K_0^{-1} K_t)_{cd}|

    ``exact`` is the norm :math:`\|T^{-1}\|_\infty` on images of this size, from the `impulse_response`: some ``y``
    attains it. ``bound`` costs next to nothing, holds for every size, and is infinite where :math:`s \ge 1`, which
    says nothing about ``exact``. With several channel groups both are those of the worst.

    Arguments:
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`.
        size: Height and width of the images.
        corner: As for `conv2d`.

    Returns:
        Two scalars of the kind of ``weight`` in float64, differentiable for torch tensors.

    Raises:
        ValueError: as `impulse_response`.
    """
    check_kinds(weight, weight, "weight")
    corners = corner_of_groups(weight, corner)
    if not isinstance(weight, np.ndarray) and weight.is_meta:
        raise ValueError("weight: on the meta device, where it has no numbers, on which the amplification depends")
    namespace, double = _in_float64(weight)
    largest = abs(impulse_response(double, size, corner)).sum((1, 2, 3)).max()
    exact = namespace.nan_to_num(largest, nan=np.inf, posinf=np.inf)  # what overflowed
    return Amplification(stability.bound(double, corners, namespace), exact)


def choose_method(y: ArrayT, weight: ArrayT, corner: str | Sequence[str] = "tl") -> Choice:
    """The method that ``inverse_conv2d(y, weight, corner)`` uses, and why.

    - wavefront, back substitution in compiled code, where there is a solver for the device;
    - else, and for large kernels, impulse, if the kernel does not require gradients, was used before unchanged (asking
      here counts as a use) and amplifies little enough (`amplification`) that an FFT is as accurate;
    - else fixed_point.

    Arguments:
        y: Images, :math:`(B, C, H, W)`.
        weight: Kernel, :math:`(C, C/G, k_h, k_w)`.
        corner: As for `conv2d`.
    """
    operations = check_kinds(y, weight, "y")
    corners = check_arguments(y, weight, corner, "y")
    if operations is numpy_ops:
        return Choice("wavefront", "it is the one method for NumPy arrays")
    return operations.choose_method(y, weight, corners)  # type: ignore[no-any-return]


def backends() -> dict[str, str]:
    """Which methods work in this installation, and what is behind each."""
    wavefront = numpy_ops.describe_solver()
    try:
        pure_torch = f"torch {version('torch')}, any device"
    except PackageNotFoundError:
        pure_torch = "missing: torch is not installed"
    else:
        from invconv import cuda_ops

        wavefront = f"{wavefront}; {cuda_ops.describe_solver()}" if cuda_ops.has_solver() else wavefront
    return {"wavefront": wavefront, "impulse": pure_torch, "fixed_point": pure_torch, "dense": pure_torch}


def _substituted_response(weight: Any, size: tuple[int, int], corners: tuple[str, ...]) -> Any:
    """One call of the solver: an impulse in every channel of a group, in the corner that sees all the others."""
    C, n = weight.shape[:2]
    impulses: Any = np.zeros((n, C, *size))
    for g, corner in enumerate(corners):
        impulses[(range(n), range(g * n, g * n + n), *anchor_index(opposite(corner)))] = 1
    namespace, double = _in_float64(weight)
    columns = inverse_conv2d(namespace.asarray(impulses), double, corners, "wavefront")
    response = namespace.flip(columns.swapaxes(0, 1), (2, 3))
    return response.astype(weight.dtype) if namespace is np else response.to(weight.dtype)


def _in_float64(weight: Any) -> tuple[Any, Any]:
    """The module that has the functions for this kind of array, and the array."""
    if isinstance(weight, np.ndarray):
        return np, weight.astype(np.float64)
    return check_kinds(weight, weight, "weight").torch, weight.double()


def check_kinds(image: object, weight: object, name: str) -> Any:
    """The module for the kind of array that both are; TypeError unless they are of one kind."""
    kinds = [kind_of(image, name), kind_of(weight, "weight")]
    if kinds[0] != kinds[1]:
        raise TypeError(f"weight: expected a {kinds[0]} like {name}, got a {kinds[1]}")
    if kinds[0] == "NumPy array":
        return numpy_ops
    from invconv import torch_ops

    return torch_ops


def kind_of(array: object, name: str) -> str:
    """Which of the two it is; TypeError if neither."""
    if isinstance(array, np.ndarray):
        return "NumPy array"
    if hasattr(array, "requires_grad"):  # asked in this way because torch may not be installed
        return "torch tensor"
    raise TypeError(f"{name}: expected a NumPy array or a torch tensor, got a {type(array).__name__}")
