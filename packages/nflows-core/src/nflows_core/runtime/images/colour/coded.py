"""Colours by their numbers (ITU-T H.273, tables 2 and 3), as PNG's cICP gives them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images.colour.matrix import BT709, SRGB, Chromaticities, Curve, Described, gamma

_C, _D65, _DCI, _E = (0.310, 0.316), (0.3127, 0.3290), (0.314, 0.351), (1 / 3, 1 / 3)
_PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    4: (_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    7: (_D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: (_DCI, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_BT709_CURVE = Curve(3, (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081))
_ENTRIES = 4096


def _pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light of a screen, of 10,000 candela a square metre (ITU-R BT.2100, table 4)."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = signal ** (1 / m2)
    light: NDArray[np.float64] = (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return light


def _hlg(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light of the scene (ITU-R BT.2100, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _table(light: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Curve:
    return Curve(None, tuple(light(np.linspace(0, 1, _ENTRIES)).tolist()))


_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), _BT709_CURVE),
    4: gamma(2.2),
    5: gamma(2.8),
    8: gamma(1.0),
    13: SRGB,
    16: _table(_pq),
    17: gamma(2.6),
    18: _table(_hlg),
}
_NAMES = {
    (1, 13): "sRGB",
    (12, 13): "Display P3",
    (1, 1): "Rec. 709",
    (9, 16): "Rec. 2100 PQ",
    (9, 18): "Rec. 2100 HLG",
}


def described(data: bytes) -> Described | None:
    """The colours of PNG's cICP; None where a number has no meaning, or samples do not take their whole range.

    A table of light ends at the brightest, and its steps are coarse in the dark; programs that know the numbers, which
    the profile holds too, take those.
    """
    if len(data) != 4:
        return None
    primaries, transfer, matrix, is_full = data
    if primaries not in _PRIMARIES or transfer not in _CURVES or matrix != 0 or is_full != 1:
        return None
    name = _NAMES.get((primaries, transfer), f"H.273 {primaries}-{transfer}")
    return Described(name, _PRIMARIES[primaries], (_CURVES[transfer],), cicp=(primaries, transfer, matrix, is_full))
