r"""Causal filters: the convolution and its inverse along one axis, as images of one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invconv import functional

if TYPE_CHECKING:
    from invconv.functional import ArrayT

_CORNERS = {"left": "tl", "right": "tr"}


def conv1d(x: ArrayT, weight: ArrayT, side: str | Sequence[str] = "left") -> ArrayT:
    r"""The convolution :math:`y_p = \sum_t K_t x_{p-t}` of signals, with zeros on one side only.

    Arguments:
        x: Signals, :math:`(B, C, L)`, float32 or float64; a NumPy array or a torch tensor.
        weight: Kernel in torch's cross-correlation layout, :math:`(C, C/G, k)` for :math:`G` channel groups.
        side: Where the zeros stand: ``left``, a causal filter, or ``right``, or a tuple with one a channel group.

    Returns:
        Signals of the shape of ``x``.
    """
    _check(x, weight, "x")
    return functional.conv2d(x[:, :, None], weight[:, :, None], _corner(side)).squeeze(2)


def inverse_conv1d(y: ArrayT, weight: ArrayT, side: str | Sequence[str] = "left", method: str = "auto") -> ArrayT:
    r"""The exact inverse of `conv1d`: :math:`x_p = K_0^{-1} ( y_p - \sum_{t > 0} K_t x_{p-t} )`.

    For one channel and ``left`` that is the recursive filter ``scipy.signal.lfilter([1], a, y)`` with the coefficients
    ``a = weight[0, 0, ::-1]``.

    Arguments:
        y: Signals, :math:`(B, C, L)`, float32 or float64; a NumPy array or a torch tensor.
        weight: Kernel, :math:`(C, C/G, k)`; its anchor tap, the last for ``left`` and the first for ``right``, must be
            invertible.
        side: As for `conv1d`.
        method: As for `inverse_conv2d`.

    Returns:
        Signals of the shape of ``y``.
    """
    _check(y, weight, "y")
    return functional.inverse_conv2d(y[:, :, None], weight[:, :, None], _corner(side), method).squeeze(2)


def _check(signals: ArrayT, weight: ArrayT, name: str) -> None:
    functional.check_kinds(signals, weight, name)
    if signals.ndim != 3:
        raise ValueError(f"{name}: expected signals [B, C, L], got shape {tuple(signals.shape)}")
    if weight.ndim != 3:
        raise ValueError(f"weight: expected a kernel [C, C/groups, k], got shape {tuple(weight.shape)}")


def _corner(side: str | Sequence[str]) -> str | tuple[str, ...]:
    if isinstance(side, str):
        return _corner((side,))[0]
    unknown = [name for name in side if name not in _CORNERS]
    if unknown:
        raise ValueError(f"side: {unknown[0]!r} is none of {', '.join(_CORNERS)}")
    return tuple(_CORNERS[name] for name in side)
