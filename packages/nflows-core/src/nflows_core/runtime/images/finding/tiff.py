"""What TIFF's tags say (TIFF 6.0; EXIF 3.0, section 4.6; ISO 16684-3, section 2.2.7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import IO

from nflows_core.runtime.images.colour import descriptions
from nflows_core.runtime.images.containers import tiff
from nflows_core.runtime.images.containers.tiff import Directory, Layout, TiffError, Value
from nflows_core.runtime.images.finding.found import Dots, Found
from nflows_core.runtime.images.metadata import exif
from nflows_core.runtime.images.metadata.exif import GONE, MAKER_NOTE, STORAGE, is_movable
from nflows_core.runtime.images.metadata.exif_tags import EXIF, GPS, IMAGE, INTEROP

_BITS, _UNIT, _WHITE, _PRIMARIES, _TRANSFER = 258, 296, 318, 319, 301
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 256, 257, 282, 283
# What `Found` holds in its own way, or every TIFF has.
_HERE = (_WIDTH, _HEIGHT, _ACROSS, _DOWN, _UNIT, _TRANSFER, _WHITE, _PRIMARIES, 529, 531, 532, EXIF, GPS)
_UNITS = {2: Fraction(1), 3: Fraction(254, 100)}  # inches, centimetres
_IN_BLOCKS = (
    *range(1, 13),
    tiff.UTF8,
)  # types of values that EXIF knows; the others point to directories, or are BigTIFF's
_LARGE = 1 << 26  # bytes of a tag; what is larger are pixels
_STORED = ((273, 279), (324, 325), (513, 514))  # strips, tiles, a JPEG: where they are and how long
_SMALLER, _PAGES = 330, "smaller copies"


def is_tiff(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def find(file: IO[bytes]) -> Found:
    try:
        return _find(file)
    except TiffError:
        return Found(left=["exif"])


def _find(file: IO[bytes]) -> Found:
    layout, first = tiff.read_layout(file)
    directories = _directories(file, layout, first)
    image = directories[IMAGE]
    found = Found(xmp=_bytes(file, image, exif.XMP, layout), icc=_bytes(file, image, exif.ICC, layout))
    if iptc := _bytes(file, image, exif.IPTC, layout):
        found.take("iptc", iptc)
    if photoshop := _bytes(file, image, exif.PHOTOSHOP, layout):
        found.take_resources(photoshop)
    found.exif = _block(file, layout, directories, found)
    found.dots = _dots(file, image, layout)
    white, primaries, transfer = (_numbers(file, image, tag, layout) for tag in (_WHITE, _PRIMARIES, _TRANSFER))
    bits = tiff.number(file, image.get(_BITS), layout) or 1
    colours = descriptions.of_tiff(white, primaries, transfer, bits)
    found.described = [colours] if colours else []
    if image.next or image.get(_SMALLER):
        found.left.append(_PAGES)
    elif end := _end(file, layout, directories):
        found.ends_at(end, file.seek(0, 2))
    return found


def _end(file: IO[bytes], layout: Layout, directories: dict[int, Directory]) -> int | None:
    """The end of the last that the file refers to, and a byte that makes it even; None if it does not say how much it
    refers to."""
    spans = [span for directory in directories.values() for span in directory.spans()]
    for starts, sizes in _STORED:
        entries = [directories[IMAGE].get(tag) for tag in (starts, sizes)]
        if entries[0] is None:
            continue
        places, lengths = (
            tiff.numbers(entry, tiff.read_value(file, entry, layout), layout) if entry else () for entry in entries
        )
        if len(places) != len(lengths) or not all(isinstance(one, int) for one in (*places, *lengths)):
            return None
        spans += [tiff.Span(int(place), int(place + size)) for place, size in zip(places, lengths, strict=True)]
    end = max(span.stop for span in spans)
    return end + end % 2


def _dots(file: IO[bytes], image: Directory, layout: Layout) -> Dots | None:
    unit = _UNITS.get(tiff.number(file, image.get(_UNIT), layout) or 2)
    across, down = (_numbers(file, image, tag, layout) for tag in (_ACROSS, _DOWN))
    if unit is None or not across or not down or not (0 < across[0] < math.inf and 0 < down[0] < math.inf):
        return None
    return Fraction(across[0]) * unit, Fraction(down[0]) * unit


def _directories(file: IO[bytes], layout: Layout, first: int) -> dict[int, Directory]:
    directories = {IMAGE: tiff.read_directory(file, layout, first)}
    for parent, name in ((IMAGE, EXIF), (IMAGE, GPS), (EXIF, INTEROP)):
        entry = directories[parent].get(name) if parent in directories else None
        place = tiff.number(file, entry, layout)
        if place is None:
            continue
        try:
            directories[name] = tiff.read_directory(file, layout, place)
        except TiffError:
            continue
    return directories


def _block(file: IO[bytes], layout: Layout, directories: dict[int, Directory], found: Found) -> bytes | None:
    """The tags that speak of the picture, as an EXIF block of the file's byte order."""
    values: dict[int, dict[int, Value]] = {}
    for name, directory in directories.items():
        values[name] = {}
        for entry in directory.entries:
            if _is_elsewhere(name, entry.tag):
                continue
            if entry.kind not in _IN_BLOCKS or tiff.length(entry) > _LARGE:
                found.left.append(f"exif tag {entry.tag}")
                continue
            values[name][entry.tag] = Value(entry.kind, entry.count, tiff.read_value(file, entry, layout))
        found.left += [f"exif tag {tag}" for tag in directory.broken if tag not in STORAGE]
    found.left += sorted(
        {GONE[entry.tag] for entry in directories[IMAGE].entries if entry.tag in GONE and entry.tag != exif.PHOTOSHOP}
    )
    note = values.get(EXIF, {}).get(MAKER_NOTE)
    if note and not is_movable(note.data):
        found.left.append("maker note")  # its bytes are kept, but they may refer to places of the file
    return exif.made(values, Layout(layout.order))


def _is_elsewhere(directory: int, tag: int) -> bool:
    if directory == IMAGE:
        return tag in STORAGE or tag in exif.ELSEWHERE or tag in GONE or tag in _HERE
    return directory == EXIF and tag == INTEROP


def _bytes(file: IO[bytes], image: Directory, tag: int, layout: Layout) -> bytes | None:
    """The bytes of a tag as they stand in the file, also where they are stored as numbers of 32 bits."""
    entry = image.get(tag)
    return tiff.read_value(file, entry, layout) or None if entry else None


def _numbers(file: IO[bytes], image: Directory, tag: int, layout: Layout) -> Sequence[float] | None:
    entry = image.get(tag)
    if entry is None or entry.count > 3 << 16:
        return None
    values = [float(value) for value in tiff.numbers(entry, tiff.read_value(file, entry, layout), layout)]
    return values if values and all(value == value for value in values) else None
