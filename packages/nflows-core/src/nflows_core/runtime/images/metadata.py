"""What a picture file says beside its pixels: EXIF, XMP, IPTC and texts."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from PIL import ExifTags, Image

Policy = Literal["keep", "strip-gps", "strip"]
"""What of the metadata goes from one file into the next."""

MAKER_NOTE = ExifTags.Base.MakerNote
IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

# TIFF 6.0: how the file stores its pixels, which the next file does in its own way. Orientation, resolution, colour
# profile, XMP and IPTC are kept elsewhere; Photoshop's private blocks (34377, 37724) describe pixels that are gone, and
# the tags of GeoTIFF and GDAL a grid of them.
_STORAGE = {273, 274, 296, 297, 301, 700, 33723, 34377, 34665, 34675, 34853, 37724}.union(
    *(range(254, 267), range(277, 285), range(290, 294), range(317, 348), range(512, 533)),
    {33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113},
)
_PLACE = re.compile("gps|latitude|longitude|altitude|^(sub)?location|^city|^(province)?state|^province|^country", re.I)
# IPTC-IIM 4.2, record 2: content location, city, sublocation, province, country.
_PLACE_DATASETS = frozenset([26, 27, 90, 92, 95, 100, 101])
# What an upright picture of other pixels would make wrong.
_STALE = re.compile("^(Orientation|Thumbnails)$")


@dataclass(frozen=True)
class Metadata:
    """What is known of a picture's making; its place and its maker may be private.

    Arguments:
        exif: The block as files hold it (EXIF 3.0, section 4.5), without orientation and preview, which belong to other
            pixels.
        xmp: The packet, XML.
        iptc: The datasets of IPTC-IIM.
        text: PNG's texts by keyword; JPEG's comment is ``Comment``.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    text: Mapping[str, str] = field(default_factory=dict)

    def under(self, policy: Policy) -> Metadata:
        """What of it ``policy`` lets through: all, all but places, or nothing.

        Without places there are no maker notes either: what they hold is the maker's secret.
        """
        if policy == "keep":
            return self
        if policy == "strip":
            return Metadata()
        if policy != "strip-gps":
            raise ValueError(f"policy: expected keep, strip-gps or strip, got {policy!r}")
        return replace(
            self,
            exif=self.exif and _exif_without_place(self.exif),
            xmp=self.xmp and _xmp_without(self.xmp, _PLACE.search, otherwise=None),
            iptc=self.iptc and _iptc_without_place(self.iptc),
            # ImageMagick's copies of whole EXIF and IPTC blocks.
            text={key: value for key, value in self.text.items() if not key.startswith("Raw profile")},
        )


def load_exif(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


def clean_exif(tags: Mapping[int, Any], ifds: Mapping[int, Mapping[int, Any]]) -> bytes | None:
    """A block of ``tags`` and the directories of `IFDS`, without what describes how a file stores the pixels."""
    exif = Image.Exif()
    exif.update({tag: tags[tag] for tag in tags if tag not in _STORAGE})
    for tag, values in ifds.items():
        exif.get_ifd(tag).update({key: value for key, value in values.items() if key != ExifTags.IFD.Interop})
    return exif.tobytes() if exif or any(ifds.values()) else None


def ifds_of(exif: Image.Exif) -> dict[int, dict[int, Any]]:
    return {tag: dict(exif.get_ifd(tag)) for tag in IFDS}


def clean_xmp(xmp: bytes) -> bytes:
    """The packet without orientation and previews; one that is no XML stays as it is."""
    return _xmp_without(xmp, _STALE.search, otherwise=xmp) or xmp


def _exif_without_place(block: bytes) -> bytes | None:
    exif = load_exif(block)
    made = ifds_of(exif)[ExifTags.IFD.Exif]
    made.pop(MAKER_NOTE, None)
    return clean_exif(exif, {ExifTags.IFD.Exif: made})


def _xmp_without(xmp: bytes, is_unwanted: Callable[[str], object], otherwise: bytes | None) -> bytes | None:
    """The packet without the properties of these names, elements or attributes; ``otherwise`` if it is no XML."""
    try:
        document = minidom.parseString(xmp.rstrip(b"\0"))
    except ExpatError:
        return otherwise
    unwanted = [
        (element, node)
        for element in document.getElementsByTagName("*")
        for node in (*(element.attributes or {}).values(), *element.childNodes)
        if node.localName and node.prefix != "xmlns" and is_unwanted(node.localName)
    ]
    if not unwanted:
        return xmp
    for element, node in unwanted:
        if node.nodeType == node.ATTRIBUTE_NODE:
            element.removeAttributeNode(node)
        else:
            element.removeChild(node)
    # The declaration that minidom adds must not stand inside of a file.
    return "".join(node.toxml() for node in document.childNodes).encode()


def _iptc_without_place(iptc: bytes) -> bytes | None:
    return b"".join(dataset for number, dataset in _datasets(iptc) if number not in _PLACE_DATASETS) or None


def _datasets(iptc: bytes) -> Iterator[tuple[int, bytes]]:
    """The datasets of record 2 with their numbers, and -1 for those of the others; nothing of what cannot be read."""
    start = 0
    while start + 5 <= len(iptc) and iptc[start] == 0x1C:
        record, number, size = struct.unpack_from(">BBH", iptc, start + 1)
        if size & 0x8000:  # extended sizes are for pictures in pictures
            return
        yield number if record == 2 else -1, iptc[start : start + 5 + size]
        start += 5 + size
