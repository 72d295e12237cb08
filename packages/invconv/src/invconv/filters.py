r"""Recursive filters, called as those of ``scipy.signal``: for NumPy arrays, and differentiable for torch tensors.

>>> import numpy as np, invconv
>>> x = np.ones((2, 4))
>>> invconv.lfilter([0.5], [1, -0.5], x)[0]
array([0.5   , 0.75  , 0.875 , 0.9375])
"""

from __future__ import annotations

import math
from operator import index
from typing import TYPE_CHECKING, Any

from invconv import filter_arrays
from invconv.functional import kind_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from invconv.functional import ArrayT


def lfilter(
    b: ArrayLike | Tensor, a: ArrayLike | Tensor, x: ArrayT, axis: int = -1, zi: ArrayT | None = None
) -> ArrayT | tuple[ArrayT, ArrayT]:
    r"""Signals through a rational filter, along one axis.

    .. math:: a_0 y_t = \sum_j b_j x_{t-j} - \sum_{k > 0} a_k y_{t-k}

    Nothing comes before the signals, unless ``zi`` says what that left behind: the state of the transposed direct form
    II, as ``scipy.signal.lfilter_zi`` and ``lfiltic`` give it. A stream that is filtered block by block, each with the
    state that the one before it returned, is filtered as in one call, to rounding: several samples are computed at
    once, and which ones these are depends on where a block begins.

    Arguments:
        b: Numerator, ``(..., zeros + 1)``; its leading axes, if any, hold as many filters and are broadcast, by NumPy's
            rules, with those of ``a`` and with the axes of ``x`` beside ``axis``.
        a: Denominator, ``(..., poles + 1)``; its first coefficients divide all others and are not 0.
        x: Signals, a NumPy array or a torch tensor, float32 or float64. For an array the three are brought to a common
            dtype; for a tensor, numbers and arrays of coefficients to that of ``x``. Tensors in float16 or bfloat16 are
            filtered in float32, in which their coefficients may be as well, and rounded; under autocast tensors are
            brought to the widest of their dtypes, float32 at least, and nothing is rounded.
        axis: The axis of time.
        zi: The state before the signals: with as many axes as ``x``, ``max(zeros, poles)`` numbers along ``axis``, and
            along every other as many as ``x``, or 1 for all.

    Returns:
        The filtered signals; with ``zi``, also the state behind them, in float32 at least. All are differentiable, more
        than once, by ``b``, ``a``, ``x`` and ``zi``.

    Raises:
        ValueError: if the arguments do not fit each other, or a first coefficient of ``a`` is 0.
        TypeError: if a dtype is none of these, complex ones included.

    Source: A. V. Oppenheim and R. W. Schafer, *Discrete-Time Signal Processing*, section 6.3.
    """
    operations = _operations(x)
    return operations.rounded(_filtered(operations, axis, *operations.arrays(b, a, x, zi)), x)  # type: ignore[no-any-return]


def sosfilt(
    sos: ArrayLike | Tensor, x: ArrayT, axis: int = -1, zi: ArrayT | None = None
) -> ArrayT | tuple[ArrayT, ArrayT]:
    r"""Signals through a cascade of second-order sections, each of which filters what the one before it has made.

    A filter of a high order keeps its precision in this form, which it loses in the coefficients of `lfilter`.

    Arguments:
        sos: Sections, ``(..., sections, 6)``, each :math:`b_0, b_1, b_2, a_0, a_1, a_2`, as ``scipy.signal`` designs
            them by ``output="sos"``; leading axes as for `lfilter`.
        x: Signals, as for `lfilter`.
        axis: The axis of time.
        zi: The state of each section, ``(sections, ...)``, where what follows is as for `lfilter`, with 2 numbers along
            ``axis``; ``scipy.signal.sosfilt_zi`` gives it for ``x`` of one axis.

    Returns:
        As `lfilter`.

    Raises:
        ValueError: if the arguments do not fit each other, or an :math:`a_0` is 0.
        TypeError: as `lfilter`.
    """
    operations = _operations(x)
    sections, _, signals, states = operations.arrays(sos, sos, x, zi)
    if sections.ndim < 2 or sections.shape[-1] != 6 or sections.shape[-2] == 0:
        raise ValueError(f"sos: expected sections [..., sections, 6], got shape {tuple(sections.shape)}")
    count = sections.shape[-2]
    if zi is None:
        for i in range(count):
            signals = _section(operations, axis, sections, i, signals, None)
        return operations.rounded(signals, x)  # type: ignore[no-any-return]
    if states.ndim == 0 or len(states) != count:
        raise ValueError(f"zi: expected the states of {count} sections, got shape {tuple(states.shape)}")
    behind = []
    for i, state in enumerate(states):
        signals, final = _section(operations, axis, sections, i, signals, state)
        behind.append(final)
    return operations.rounded((signals, operations.stack(behind)), x)  # type: ignore[no-any-return]


def _section(operations: Any, axis: int, sections: Any, i: int, x: Any, zi: Any) -> Any:
    """Signals through section ``i``, whose errors speak of it and of the states of all."""
    try:
        return _filtered(operations, axis, sections[..., i, :3], sections[..., i, 3:], x, zi, sections.shape[-2:-1])
    except ValueError as error:
        if not str(error).startswith("a: the first coefficient"):
            raise
        raise ValueError(f"sos: a_0 of section {i} is 0, by which its other coefficients are divided") from None


def _filtered(operations: Any, axis: int, b: Any, a: Any, x: Any, zi: Any, sections: tuple[int, ...] = ()) -> Any:
    _check_coefficients(b, "b")
    _check_coefficients(a, "a")
    axis = _axis(axis, x)
    signals = _moved(operations, x, axis, -1)
    filters = _common_shape(operations, "a", b.shape[:-1], a.shape[:-1])
    batch = _common_shape(operations, "x", filters, signals.shape[:-1])
    # The last axes are those of the filters, if there are several, and all before them share these.
    inner = batch[len(batch) - len(filters) :] if math.prod(filters) != 1 else ()
    B, F = math.prod(batch[: len(batch) - len(inner)]), math.prod(inner)

    def laid_out(array: Any, shape: tuple[int, ...], *sizes: int) -> Any:
        whole = (*shape, array.shape[-1])
        if tuple(array.shape) != whole:
            array = operations.broadcast_to(array if shape else array.reshape(whole), whole)
        return array.reshape(*sizes, whole[-1])

    order = max(b.shape[-1], a.shape[-1]) - 1
    state = None if zi is None else laid_out(_state(zi, axis, batch, order, operations, sections), batch, B, F)
    y, final = operations.lfilter(laid_out(signals, batch, B, F), laid_out(b, inner, F), laid_out(a, inner, F), state)

    def put_back(array: Any) -> Any:
        return _moved(operations, array.reshape(*batch, array.shape[-1]), -1, axis)

    return put_back(y) if zi is None else (put_back(y), put_back(final))


def _operations(x: object) -> Any:
    """The module for the kind of array that the signals are."""
    if kind_of(x, "x") == "NumPy array":
        return filter_arrays
    from invconv import filter_tensors

    return filter_tensors


def _check_coefficients(array: Any, name: str) -> None:
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(
            f"{name}: expected coefficients [..., order + 1], at least one, got shape {tuple(array.shape)}"
        )


def _axis(axis: int, x: Any) -> int:
    """The axis counted from the last one, for axes of filters may come before the first."""
    if x.ndim == 0:
        raise ValueError("x: expected signals with an axis of time, got a single number")
    if not -x.ndim <= index(axis) < x.ndim:
        raise ValueError(f"axis: {axis} is none of x, which has the shape {tuple(x.shape)}")
    return int(index(axis) % x.ndim - x.ndim)


def _moved(operations: Any, array: Any, source: int, destination: int) -> Any:
    return array if source == destination else operations.moveaxis(array, source, destination)


def _common_shape(operations: Any, name: str, before: tuple[int, ...], here: tuple[int, ...]) -> tuple[int, ...]:
    if not before or before == here:
        return tuple(here)
    try:
        return tuple(operations.broadcast_shapes(before, here))
    except (ValueError, RuntimeError):
        raise ValueError(
            f"{name}: its axes beside the last or that of time, {tuple(here)}, cannot be broadcast with those of the "
            f"filters, {tuple(before)}"
        ) from None


def _state(zi: Any, axis: int, batch: tuple[int, ...], order: int, operations: Any, sections: tuple[int, ...]) -> Any:
    """The state with its numbers on the last axis, after checking that it can be broadcast to all signals."""
    expected = list(batch)
    expected.insert(len(batch) + 1 + axis, order)
    fits = zi.ndim == len(expected) and all(
        have in (1, want) if place != len(batch) + 1 + axis else have == want
        for place, (have, want) in enumerate(zip(zi.shape, expected, strict=True))
    )
    if not fits:
        raise ValueError(
            f"zi: expected the shape {(*sections, *expected)}, the order of the filter along the axis of time, "
            f"or 1 for an axis of x beside it, got {(*sections, *zi.shape)}"
        )
    return _moved(operations, zi, axis, -1)
