"""What files say of their colours without a profile: PNG, EXIF, TIFF and BMP."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from nflows_core.runtime.images.colour import coded
from nflows_core.runtime.images.colour.matrix import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    BT709,
    SRGB,
    Chromaticities,
    Curve,
    Described,
    gamma,
)
from nflows_core.runtime.images.containers.tiff import TiffError
from nflows_core.runtime.images.metadata.exif_block import Block
from nflows_core.runtime.images.metadata.exif_tags import EXIF, INTEROP

_SCALE = 100_000  # PNG's integers
_UNCALIBRATED = 65535
_FIXED = 1 << 30  # BMP's 2.30


def of_srgb(intent: int, channels: int) -> bytes:
    """The profile that stands for PNG's sRGB chunk."""
    return Described("sRGB", BT709, (SRGB,), intent).profile(channels)


def of_png(chunks: Mapping[bytes, bytes]) -> list[Described]:
    """What chunks say, the one that counts first: cICP, sRGB, then gAMA and cHRM (third edition, 4.3).

    A profile in iCCP comes behind cICP and before the others.
    """
    found = [coded.described(chunks[b"cICP"])] if b"cICP" in chunks else []
    intent = chunks.get(b"sRGB", b"")
    if len(intent) == 1 and intent[0] < 4:
        found.append(Described("sRGB", BT709, (SRGB,), intent[0]))
    exponent, colours = _exponent(chunks.get(b"gAMA", b"")), _chromaticities(chunks.get(b"cHRM", b""))
    if exponent or colours:
        curve = gamma(exponent) if exponent else SRGB
        found.append(Described("gAMA and cHRM", colours or BT709, (curve,)))
    return [one for one in found if one]


def of_exif(block: bytes) -> Described | None:
    """Adobe's RGB, where a camera says so: DCF 2.0, section 3.6, its optional colour space."""
    try:
        exif = Block(block)
    except TiffError:
        return None
    entry = exif.entry(INTEROP, 1)
    is_optional = entry is not None and exif.value(entry)[:3] == b"R03"
    space = exif.number(EXIF, 40961)
    # 2 is not in the standard, but means the same in files of some programs.
    if space == 2 or (is_optional and space in (None, _UNCALIBRATED)):
        return Described("Adobe RGB (1998)", ADOBE_RGB, (gamma(ADOBE_GAMMA),))
    return None


def of_tiff(
    white: Sequence[float] | None, primaries: Sequence[float] | None, transfer: Sequence[float] | None, bits: int
) -> Described | None:
    """TIFF 6.0, section 20: WhitePoint, PrimaryChromaticities and TransferFunction, of which a file may have some."""
    colours = _tiff_chromaticities(white, primaries)
    curves = _tiff_curves(transfer, bits)
    if colours is None and curves is None:
        return None
    return Described("WhitePoint and primaries", colours or BT709, curves or (SRGB,))


def of_bmp(header: bytes) -> Described | None:
    """The colours of a BITMAPV4HEADER or V5: end points as XYZ, and exponents of light to numbers."""
    if len(header) < 108 or header[56:60] != bytes(4):
        return None
    points = struct.unpack_from("<9I", header, 60)
    exponents = [value / 65536 for value in struct.unpack_from("<3I", header, 96)]
    sums = [sum(points[k : k + 3]) for k in (0, 3, 6)]
    if not all(sums) or not all(0.1 <= exponent <= 10 for exponent in exponents):
        return None
    total = [sum(points[k::3]) / _FIXED for k in range(3)]
    white = (total[0] / sum(total), total[1] / sum(total))
    colours = tuple((points[3 * k] / sums[k], points[3 * k + 1] / sums[k]) for k in range(3))
    return Described("BMP's end points", (white, *colours), tuple(map(gamma, exponents)))


def _exponent(data: bytes) -> float | None:
    value = int.from_bytes(data, "big") if len(data) == 4 else 0
    return _SCALE / value if 0.01 * _SCALE <= value <= 100 * _SCALE else None


def _chromaticities(data: bytes) -> Chromaticities | None:
    if len(data) != 32:
        return None
    values = [value / _SCALE for value in struct.unpack(">8I", data)]
    return tuple(zip(values[::2], values[1::2], strict=True))


def _tiff_chromaticities(white: Sequence[float] | None, primaries: Sequence[float] | None) -> Chromaticities | None:
    pairs = tuple(zip(primaries[::2], primaries[1::2], strict=True)) if primaries and len(primaries) == 6 else BT709[1:]
    point = (white[0], white[1]) if white and len(white) == 2 else BT709[0]
    return (point, *pairs) if white or primaries else None


def _tiff_curves(transfer: Sequence[float] | None, bits: int) -> tuple[Curve, ...] | None:
    """One table for all channels, or three."""
    entries = 1 << bits
    if transfer is None or bits > 16 or len(transfer) not in (entries, 3 * entries):
        return None
    tables = np.reshape(transfer, (-1, entries)) / 65535
    places = np.linspace(0, entries - 1, min(entries, 4096))
    return tuple(Curve(None, tuple(np.interp(places, np.arange(entries), table).tolist())) for table in tables)
