"""A position on the earth, what EXIF states of it, and the way from one to another."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from nflows_core.runtime.images.containers import tiff
from nflows_core.runtime.images.finding import find
from nflows_core.runtime.images.metadata.exif_block import Block
from nflows_core.runtime.images.metadata.exif_tags import GPS

# EXIF 3.0, section 4.6.7: a letter, and degrees, minutes and seconds.
_LATITUDE, _LONGITUDE = (1, 2, "NS"), (3, 4, "EW")
_DIGITS = 7  # of an interpolated degree: a centimetre


class Position(NamedTuple):
    """A position on the earth (WGS 84), in degrees, north and east positive.

    Arguments:
        latitude: From -90 to 90.
        longitude: From -180 to 180.
    """

    latitude: float
    longitude: float


def known_position(latitude: float, longitude: float) -> Position | None:
    """The position of these degrees; none at exactly 0, 0: receivers write it before they know, and no road is there.

    Raises:
        ValueError: They are out of range.
    """
    for name, degrees, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if not -most <= degrees <= most:
            raise ValueError(f"expected a {name} from -{most} to {most} degrees, got {degrees:g}")
    return Position(latitude, longitude) if latitude or longitude else None


def exif_position(path: Path) -> Position | None:
    """The position that the EXIF of a picture states, of whatever format; none where it states none that can be.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        exif = find(file).exif
    try:
        block = Block(exif) if exif else None
        found = [_degrees(block, *tags) if block else None for tags in (_LATITUDE, _LONGITUDE)]
        return None if found[0] is None or found[1] is None else known_position(found[0], found[1])
    except ValueError:
        return None


def between(one: Position, other: Position, share: float) -> Position:
    """The position at a share of the way from one to another, even in degrees, the shorter way round the earth."""
    up, across = other.latitude - one.latitude, _turned(other.longitude - one.longitude)
    longitude = _turned(one.longitude + share * across)
    return Position(round(one.latitude + share * up, _DIGITS), round(longitude, _DIGITS))


def _turned(degrees: float) -> float:
    """The same angle from -180 to 180."""
    return degrees if -180 <= degrees <= 180 else (degrees + 180) % 360 - 180


def _degrees(block: Block, reference: int, tag: int, letters: str) -> float | None:
    """Latitude or longitude as EXIF states it; NaN where a part has no denominator."""
    named, stated = block.entry(GPS, reference), block.entry(GPS, tag)
    if named is None or stated is None or stated.count > 3:
        return None
    letter = block.value(named)[:1].decode("latin-1").upper()
    parts = tiff.numbers(stated, block.value(stated), block.layout)
    if not parts or not letter or letter not in letters:
        return None
    degrees = float(sum(part / 60**place for place, part in enumerate(parts)))
    return degrees if letter == letters[0] else -degrees
