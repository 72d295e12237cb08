r"""Profiles of three primaries and a curve, made of what a file says without having a profile.

With the chromaticities :math:`(x_k, y_k)` of the primaries as columns :math:`(x_k / y_k, 1, (1 - x_k - y_k) / y_k)` of
P, the white :math:`W` likewise, and Bradford's adaptation A from W to D50, the columns of

.. math:: A \, P \, \mathrm{diag}(P^{-1} W)

are the colours of red, green and blue in the profile's space (ICC.1:2022, section 8.3 and annex E).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nflows_core.runtime.images.colour import icc

Chromaticities = tuple[tuple[float, float], ...]
"""x and y of white, red, green and blue."""

_D65 = (0.3127, 0.3290)
BT709: Chromaticities = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_RGB: Chromaticities = (_D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))  # Adobe RGB (1998) Color Image Encoding
ADOBE_GAMMA = 563 / 256

# Bradford's cone responses (ICC.1:2022, annex E).
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Curve:
    """From a stored number, 0 to 1, to light: a function of ICC's (section 10.18) or a table.

    Arguments:
        kind: The number of the function; of a table, None.
        values: The function's parameters, or the table's entries from 0 to 1.
    """

    kind: int | None
    values: tuple[float, ...]

    def tag(self) -> bytes:
        if self.kind is None:
            entries = [round(65535 * min(1.0, max(0.0, value))) for value in self.values]
            return b"curv" + struct.pack(f">II{len(entries)}H", 0, len(entries), *entries)
        return b"para" + struct.pack(">IHH", 0, self.kind, 0) + _fixed(self.values)


def gamma(exponent: float) -> Curve:
    return Curve(0, (exponent,))


SRGB = Curve(3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))  # IEC 61966-2-1


@dataclass(frozen=True)
class Described:
    """Colours as a file describes them.

    Arguments:
        name: What programs call them.
        chromaticities: Those of white and the primaries.
        curves: The curve of all channels, or those of red, green and blue.
        intent: The rendering intent, 0 to 3.
        cicp: Primaries, transfer, matrix and range by their numbers in ITU-T H.273, if a file names them so.
    """

    name: str
    chromaticities: Chromaticities
    curves: tuple[Curve, ...]
    intent: int = 0
    cicp: tuple[int, int, int, int] | None = None

    def profile(self, channels: int) -> bytes:
        """The profile of pixels of 1 to 4 channels.

        Raises:
            ValueError: The primaries do not span a space of colours.
        """
        return _profile(self, channels)


@lru_cache(16)
def _profile(colours: Described, channels: int) -> bytes:
    white = _xyz(colours.chromaticities[0])
    adaptation = _adaptation(white)
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(icc.D50), b"chad": b"sf32" + bytes(4) + _fixed(adaptation.ravel())}
    curves = [curve.tag() for curve in (colours.curves * 3)[:3]]
    if channels < 3:
        tags[b"kTRC"] = curves[1]
    else:
        for letter, column, curve in zip(
            (b"r", b"g", b"b"), _matrix(colours.chromaticities, adaptation).T, curves, strict=True
        ):
            tags[letter + b"XYZ"], tags[letter + b"TRC"] = b"XYZ " + bytes(4) + _fixed(column), curve
    if colours.cicp and channels >= 3:
        tags[b"cicp"] = b"cicp" + bytes(4) + bytes(colours.cicp)
    header = {
        "version": b"\4\x40\0\0",
        "kind": b"mntr",
        "space": b"GRAY" if channels < 3 else b"RGB ",
        "connection": b"XYZ ",
        "intent": struct.pack(">I", colours.intent),
    }
    return icc.profile(header, tags, colours.name)


def as_rgb(grey: bytes) -> bytes | None:
    """The profile by which RGB pixels of three equal numbers look as the one does by ``grey``; None without a curve."""
    curve = icc.tags_of(grey).get(b"kTRC")
    if curve is None:
        return None
    model = _profile(Described("", BT709, (SRGB,)), 3)
    tags = {
        tag: data for tag, data in icc.tags_of(model).items() if tag[1:] != b"TRC" and tag not in (b"desc", b"cprt")
    }
    tags.update({letter + b"TRC": curve for letter in (b"r", b"g", b"b")})
    header = {"version": model[8:12], "kind": b"mntr", "space": b"RGB ", "connection": b"XYZ ", "intent": grey[64:68]}
    return icc.profile(header, tags, icc.name_of(grey).encode("ascii", "replace").decode())


def _matrix(chromaticities: Chromaticities, adaptation: NDArray[np.float64]) -> NDArray[np.float64]:
    white, *primaries = map(_xyz, chromaticities)
    columns = np.stack(primaries, axis=1)
    if not abs(np.linalg.det(columns)) > 1e-6:
        raise ValueError("its primaries are no three colours")
    colours: NDArray[np.float64] = adaptation @ columns * np.linalg.solve(columns, white)
    if not (np.isfinite(colours).all() and np.abs(colours).max() < 32768):
        raise ValueError("its primaries are no three colours")
    return colours


def _adaptation(white: NDArray[np.float64]) -> NDArray[np.float64]:
    source, target = _BRADFORD @ white, _BRADFORD @ icc.D50
    if not (source > 0).all():
        raise ValueError("its white is no colour")
    matrix: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(target / source) @ _BRADFORD
    return matrix


def _xyz(chromaticity: tuple[float, float]) -> NDArray[np.float64]:
    x, y = chromaticity
    if not (y > 0 and x >= 0 and x + y <= 1.5):  # imaginary primaries, as of wide gamuts, lie a little outside
        raise ValueError("its chromaticities are no colours")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(values: ArrayLike) -> bytes:
    """Numbers as s15Fixed16."""
    integers = [round(value * 65536) for value in np.ravel(values)]
    return struct.pack(f">{len(integers)}i", *integers)
