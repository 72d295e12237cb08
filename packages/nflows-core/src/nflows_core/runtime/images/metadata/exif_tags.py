"""Which tags of EXIF (CIPA DC-008-2023, section 4.6; DCF 2.0 for the interoperability directory) a policy lets through.

A tag is here because it tells no place, in the type and number that the standard gives it: an exposure time that is a
text is no exposure time. Not here, though harmless in most files: descriptions, comments, titles and keywords, which
people write and in which places stand; time zones; pressure, temperature and the like, which tell heights and climates;
what a camera's maker alone can read; the host computer's name; every tag that is not known.
"""

from __future__ import annotations

from typing import NamedTuple

from nflows_core.runtime.images.containers.tiff import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    SIGNED_RATIONAL,
    UNDEFINED,
    UTF8,
)
from nflows_core.runtime.images.metadata.policy import Kind, Policy

IMAGE, EXIF, GPS, INTEROP = 0, 34665, 34853, 40965
"""The directories by the tags that point to them; the first is the image's."""


class Rule(NamedTuple):
    """What a tag may hold.

    Arguments:
        types: The types of TIFF.
        most: The most values, or characters.
        kind: What a text must be.
        is_private: Whether it tells who or which device.
    """

    types: tuple[int, ...]
    most: int
    kind: Kind | None = None
    is_private: bool = False


_TEXT = (ASCII, UTF8)
_whole = Rule((SHORT, LONG), 1)
_ratio = Rule((RATIONAL,), 1)
_signed = Rule((SIGNED_RATIONAL,), 1)
_code = Rule((UNDEFINED,), 1)
_codes = Rule((UNDEFINED,), 4)
_date = Rule(_TEXT, 20, Kind.DATE)
_digits = Rule(_TEXT, 12, Kind.NUMBER)
_name = Rule(_TEXT, 200, Kind.NAME)
# Who made the picture, and whose it is: their names are no places, and law protects them from being taken away.
_person = Rule(_TEXT, 1000, Kind.NAME, is_private=True)
_serial = Rule(_TEXT, 100, Kind.NAME, is_private=True)

RESOLUTION = {282: _ratio, 283: _ratio, 296: Rule((SHORT,), 1)}
ORIENTATION = {274: Rule((SHORT, BYTE, LONG), 1)}

_IMAGE = RESOLUTION | ORIENTATION | {
    256: _whole, 257: _whole,  # width, height
    271: _name, 272: _name, 305: _name,  # make, model, software
    306: _date,
    315: _person, 33432: _person,  # artist, copyright
    318: Rule((RATIONAL,), 2), 319: Rule((RATIONAL,), 6),  # white, primaries
    529: Rule((RATIONAL,), 3), 531: _whole, 532: Rule((RATIONAL,), 6),  # how YCbCr is made
}  # fmt: skip

_EXIF = {
    33434: _ratio, 33437: _ratio,  # exposure time, F number
    34850: _whole, 34855: Rule((SHORT,), 3), 34864: _whole,  # programme, sensitivity and its type
    34865: _whole, 34866: _whole, 34867: _whole, 34868: _whole, 34869: _whole,
    36864: _codes, 36867: _date, 36868: _date,  # version, dates
    37121: _codes, 37122: _ratio,  # components, bits a pixel
    37377: _signed, 37378: _ratio, 37379: _signed, 37380: _signed, 37381: _ratio,  # shutter, aperture, brightness, bias
    37382: _ratio, 37383: _whole, 37384: _whole, 37385: _whole, 37386: _ratio,  # distance, metering, light, flash
    37520: _digits, 37521: _digits, 37522: _digits,  # fractions of seconds
    40960: _codes, 40961: _whole, 40962: _whole, 40963: _whole,  # Flashpix, colour space, width, height
    41483: _ratio, 41486: _ratio, 41487: _ratio, 41488: _whole,  # flash energy, focal plane
    41493: _ratio, 41495: _whole, 41728: _code, 41729: _code,  # index, sensing, source, scene
    41985: _whole, 41986: _whole, 41987: _whole, 41988: _ratio, 41989: _whole, 41990: _whole, 41991: _whole,
    41992: _whole, 41993: _whole, 41994: _whole, 41996: _whole,  # rendering, modes, balance, zoom, contrast ...
    42016: _serial,  # the image's unique id
    42032: _person, 42033: _serial, 42034: Rule((RATIONAL,), 4),  # owner, body's number, lens
    42035: _name, 42036: _name, 42037: _serial,  # lens: maker, model, number
    42039: _person, 42040: _person,  # photographer, editor
    42041: _name, 42042: _name, 42043: _name, 42044: _name,  # firmware, software
    42080: _whole, 42240: _ratio,  # composite, gamma
}  # fmt: skip

_INTEROP = {1: Rule(_TEXT, 4, Kind.NAME), 2: _codes}

_ALL = {IMAGE: _IMAGE, EXIF: _EXIF, INTEROP: _INTEROP}


def rule_for(policy: Policy, directory: int, tag: int) -> Rule | None:
    """What ``tag`` of ``directory`` may hold; None if it does not go through."""
    if policy == "strip":
        return RESOLUTION.get(tag) if directory == IMAGE else None
    rule = _ALL.get(directory, {}).get(tag)
    return None if rule and rule.is_private and policy == "strip-private" else rule
