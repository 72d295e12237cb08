"""The check of a file written under a policy: each of its bytes belongs to a part that the policy knows.

The file is read as a stranger would read it, part by part: PNG's and WebP's chunks, JPEG's segments, TIFF's
directories, and what lies between them and behind the end. What speaks of the picture must be exactly what the
policy makes of it, which leaves no place where a byte more could hide. Pixels are not decoded.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from nflows_core.runtime.images.colour.icc import reduced
from nflows_core.runtime.images.containers import jpeg, png, riff, tiff
from nflows_core.runtime.images.containers.tiff import Directory, Layout, Span
from nflows_core.runtime.images.finding import Found, find
from nflows_core.runtime.images.metadata import exif, iptc, texts, xmp_properties
from nflows_core.runtime.images.metadata.exif import IPTC, XMP
from nflows_core.runtime.images.metadata.exif_block import PREFIX
from nflows_core.runtime.images.metadata.exif_tags import EXIF, IMAGE, INTEROP
from nflows_core.runtime.images.metadata.policy import Policy


class PolicyError(ValueError):
    """A file that holds what its policy does not let through; it is not left on the disk."""


def check_file(path: Path, policy: Policy) -> None:
    """Checks that all of a PNG, JPEG, WebP or TIFF file is known to ``policy``.

    Raises:
        PolicyError: It is not.
    """
    with path.open("rb") as file:
        for is_one, check in (
            (png.is_png, _check_png),
            (jpeg.is_jpeg, _check_jpeg),
            (riff.is_webp, _check_webp),
            (lambda _: True, _check_tiff),
        ):
            if is_one(file):
                check(file, policy)
                return


def _check_png(file: IO[bytes], policy: Policy) -> None:
    end = 8
    for chunk in png.read_chunks(file):
        _require(chunk.kind in _PNG_PIXELS or chunk.kind in _PNG_CHUNKS, f"a chunk {chunk.kind!r}")
        if chunk.kind in _PNG_CHUNKS:
            _require(_PNG_CHUNKS[chunk.kind](png.data_of(file, chunk)), f"a chunk {chunk.kind!r} of other contents")
        end = chunk.start + chunk.size + 4
    _require(end == file.seek(0, 2), "bytes behind the end")
    _check_found(find(file), policy)


def _is_packed(head: bytes) -> Callable[[bytes], bool]:
    """Whether data begins so and goes on with what is compressed, without a byte behind it."""

    def check(data: bytes) -> bool:
        decompressor = zlib.decompressobj()
        decompressor.decompress(data.removeprefix(head))
        return data.startswith(head) and decompressor.eof and not decompressor.unused_data

    return check


_PNG_PIXELS = (b"IHDR", b"IDAT", b"IEND")
_ANY = re.compile(b".*", re.DOTALL)
_PNG_CHUNKS: dict[bytes, Callable[[bytes], object]] = {
    # The data of those of any contents is checked as what it says.
    b"eXIf": _ANY.fullmatch,
    b"iCCP": _is_packed(b"ICC profile\0\0"),
    b"iTXt": re.compile(rb"[^\0]+\0\0\0\0\0.*", re.DOTALL).fullmatch,
    b"tEXt": _ANY.fullmatch,
    b"zTXt": _is_packed(b"Raw profile type iptc\0\0"),
    b"sRGB": re.compile(rb"[\0-\3]").fullmatch,
    b"cICP": re.compile(rb".{4}", re.DOTALL).fullmatch,
    b"pHYs": re.compile(rb".{9}", re.DOTALL).fullmatch,
}
# The tables and scans of the pixels.
_JPEG_PIXELS = frozenset([0xC0, 0xC1, 0xC2, 0xC4, jpeg.SOS, 0xDB, 0xDD])
_JPEG_BLOCKS = {jpeg.APP1: (jpeg.EXIF, jpeg.XMP), jpeg.APP2: (jpeg.ICC,), jpeg.APP13: (jpeg.PHOTOSHOP,)}


def _check_jpeg(file: IO[bytes], policy: Policy) -> None:
    expected: int | None = 2
    end = 0
    for segment in jpeg.read_segments(file):
        is_block = segment.data.startswith(_JPEG_BLOCKS.get(segment.marker, ()))
        is_header = segment.marker == jpeg.APP0 and segment.data.startswith(jpeg.JFIF) and segment.data[12:] == b"\0\0"
        is_known = segment.marker in _JPEG_PIXELS or segment.marker == jpeg.EOI or is_block or is_header
        _require(is_known, f"a segment {segment.marker:#x}")
        _require(expected in (None, segment.start), "bytes between segments")
        end = segment.start + 4 + len(segment.data)
        expected = None if segment.marker == jpeg.SOS else end  # behind a scan's header are its pixels
        if segment.marker == jpeg.EOI:
            end = segment.start + 2
    _require(end == file.seek(0, 2), "bytes behind the end")
    _check_found(find(file), policy)


def _check_webp(file: IO[bytes], policy: Policy) -> None:
    end = 12
    for chunk in riff.read_chunks(file):
        _require(
            chunk.kind in (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP "), f"a chunk {chunk.kind!r}"
        )
        end = chunk.start + chunk.size
        if chunk.size % 2:
            file.seek(end)
            _require(file.read(1) == b"\0", "a byte between chunks")
            end += 1
    _require(end == file.seek(0, 2) == riff.declared_size(file), "bytes behind the end")
    _check_found(find(file), policy)


# What tifffile writes with pixels, and the profile; XMP and IPTC are checked as what they say.
_TIFF_PIXELS = frozenset(
    [254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 283, 284, 296, 317, 322, 323, 324, 325, 338, 339]
) | {exif.ICC, XMP, IPTC}  # fmt: skip
_POINTERS = ((IMAGE, EXIF), (EXIF, INTEROP))


def _check_tiff(file: IO[bytes], policy: Policy) -> None:
    layout, first = tiff.read_layout(file)
    image = tiff.read_directory(file, layout, first)
    _require(not image.next and not image.broken, "a second picture")
    directories = {IMAGE: image}
    for parent, name in _POINTERS:
        place = tiff.number(file, directories[parent].get(name), layout) if parent in directories else None
        if place is not None:
            directories[name] = tiff.read_directory(file, layout, place)
    for name, directory in directories.items():
        for entry in directory.entries:
            if not ((name, entry.tag) in _POINTERS or (name == IMAGE and entry.tag in _TIFF_PIXELS)):
                value = tiff.read_value(file, entry, layout)
                _require(exif.passes(policy, name, entry, value), f"a tag {entry.tag}")
    known = [Span(0, 16 if layout.is_big else 8), *(span for one in directories.values() for span in one.spans())]
    for start, stop in tiff.without([Span(0, file.seek(0, 2))], [*known, *_pixel_spans(file, layout, image)]):
        file.seek(start)
        _require(not any(file.read(stop - start)), "bytes that no tag refers to")
    _check_found(find(file), policy)


def _pixel_spans(file: IO[bytes], layout: Layout, image: Directory) -> Iterator[Span]:
    for starts, sizes in ((273, 279), (324, 325)):
        both = [image.get(tag) for tag in (starts, sizes)]
        values = [tiff.numbers(one, tiff.read_value(file, one, layout), layout) for one in both if one]
        for start, size in zip(*values, strict=True):
            yield Span(int(start), int(start + size))


def _check_found(found: Found, policy: Policy) -> None:
    """Checks that what is said of the picture is exactly what the policy makes of it."""
    _require(not found.left, ", ".join(found.left))
    for keyword, text in found.texts:
        _require(texts.is_allowed(keyword, text, policy), f"a text {keyword!r}")
    # A TIFF file's tags are no block; those that it has have been checked.
    block = found.exif and PREFIX + found.exif.removeprefix(PREFIX)
    for name, value, again in (
        ("EXIF", block, block and exif.allowed(block, policy)),
        ("XMP", found.xmp, found.xmp and xmp_properties.allowed(found.xmp, policy)),
        ("IPTC", found.iptc, found.iptc and iptc.allowed(found.iptc, policy)),
        ("a colour profile", found.icc, found.icc and reduced(found.icc)),
    ):
        _require(value == again, f"{name} with more than is let through")


def _require(is_true: object, what: str) -> None:
    if not is_true:
        raise PolicyError(f"what was written holds {what}, which the policy does not know; nothing is left on the disk")
