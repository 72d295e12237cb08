"""What of a picture file may tell who, where or which device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags

from nflows_core.runtime.images import Policy
from nflows_core.runtime.images.containers.tiff import TiffError
from nflows_core.runtime.images.finding import Found, find
from nflows_core.runtime.images.metadata import exif, iptc, texts, xmp_properties
from nflows_core.runtime.images.metadata.exif_block import Block
from nflows_core.runtime.images.metadata.exif_tags import GPS

POLICY: Policy = "strip-private"
"""What it lets through is known to tell neither who nor which device; see `nflows_core.runtime.images.Policy`."""

_HARMLESS = frozenset(("icc", "second icc", "aspect ratio", "exif resolution"))
"""What is left out of files as it speaks of colours and sizes only."""


def leaking(path: Path) -> list[str]:
    """The names of what is in a file and would not go through `POLICY`, such as ``GPSLatitude`` or ``preview``.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        found = find(file)
    left = [name for name in found.metadata().left if name not in _HARMLESS]
    return list(dict.fromkeys((*_tags(found.exif), *_blocks(found), *left)))


def _tags(block: bytes | None) -> Iterator[str]:
    """The names of the tags of an EXIF block; storage of pixels tells nothing, and what has places of its own is read
    there."""
    try:
        values = list(Block(block).values()) if block else []
    except TiffError:
        yield "EXIF that cannot be read"
        return
    for directory, entry, value in values:
        if entry.tag in exif.STORAGE | exif.ELSEWHERE or exif.passes(POLICY, directory, entry, value):
            continue
        names = ExifTags.GPSTAGS if directory == GPS else ExifTags.TAGS
        yield str(names.get(entry.tag, f"exif tag {entry.tag}"))


def _blocks(found: Found) -> Iterator[str]:
    if found.xmp and xmp_properties.allowed(found.xmp, POLICY) != found.xmp:
        yield "XMP"
    if found.iptc and iptc.allowed(found.iptc, POLICY) != found.iptc:
        yield "IPTC"
    yield from (f"text {keyword}" for keyword, text in found.texts if not texts.is_allowed(keyword, text, POLICY))
