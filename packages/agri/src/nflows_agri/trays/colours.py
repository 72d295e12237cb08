"""The colours of a photograph as numbers in which seeds may differ from what they lie on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

FEATURES = ("lightness", "a", "b", "red to green", "blue to green")
"""CIELAB (D65) and two ratios of light, which shading leaves as they are."""

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)
# IEC 61966-2-1: the light of an sRGB level.
_LIGHT = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
# Of the same, to XYZ by D65, each row divided by its white.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ = (_XYZ / _XYZ.sum(1, keepdims=True)).astype(np.float32)
_DIM = np.float32(0.02)
"""The light, as a share of white, below which a ratio says little: what lenses and JPEG add."""


def features(pixels: Pixels) -> Floats:
    r"""The numbers of `FEATURES` at each pixel.

    With the linear light :math:`R, G, B` of sRGB, CIELAB is :math:`L = 116 f(Y) - 16`, :math:`a = 500 (f(X) - f(Y))`,
    :math:`b = 200 (f(Y) - f(Z))`, and the ratios are :math:`\log((R + \epsilon) / (G + \epsilon))` and that of B.

    Arguments:
        pixels: sRGB, :math:`(H, W, 3)`.

    Returns:
        :math:`(5, H, W)`.
    """
    light = _LIGHT[pixels]
    values = np.empty((len(FEATURES), *pixels.shape[:2]), np.float32)
    values[:3] = _lab(light)
    logarithms = np.log(light + _DIM)
    values[3] = logarithms[..., 0] - logarithms[..., 1]
    values[4] = logarithms[..., 2] - logarithms[..., 1]
    return values


def lab(pixels: Pixels) -> Floats:
    """CIELAB of sRGB pixels: (3, H, W) of (H, W, 3)."""
    return _lab(_LIGHT[pixels])


def _lab(light: Floats) -> Floats:
    xyz = np.moveaxis(light @ _XYZ.T, -1, 0)
    cubed = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29))
    return np.stack([116 * cubed[1] - 16, 500 * (cubed[0] - cubed[1]), 200 * (cubed[1] - cubed[2])])
