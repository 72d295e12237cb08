"""Pictures into TIFF files: the pixels by tifffile, which has 16 bits, and the tags by us.

An EXIF block is itself a TIFF file without pixels. A file begins with it as it is, so that what its maker's note refers
to stays in its place; behind it come the pixels, and then one directory with the tags of both.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from nflows_core.runtime.images import resolution
from nflows_core.runtime.images.about import About
from nflows_core.runtime.images.codecs import import_imagecodecs, import_tifffile
from nflows_core.runtime.images.containers import tiff
from nflows_core.runtime.images.containers.tiff import Layout, Span, Value
from nflows_core.runtime.images.metadata import exif
from nflows_core.runtime.images.metadata.exif import IPTC, MAKER_NOTE, XMP
from nflows_core.runtime.images.metadata.exif_block import PREFIX, Block
from nflows_core.runtime.images.metadata.exif_tags import EXIF, GPS, IMAGE, INTEROP
from nflows_core.runtime.images.picture import Picture
from nflows_core.runtime.images.strips import Pixels, regrouped

MOST_BYTES = 2**32 - 2**25
"""Of the pixels of a file that is no BigTIFF, with room for the tags."""

_STRIP, _LEVEL = 2**18, 6  # bytes before they are packed, and how hard they are
# The pixels' own, of the directory that is written with them.
_PIXELS = {256, 257, 282, 283, 296, 318, 319, 529, 530, 531, 532}


def write_tiff(
    file: IO[bytes],
    picture: Picture,
    about: About,
    strips: Iterable[Pixels] | None = None,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Writes ``picture``, or ``strips`` in the place of its pixels, into a new, open file of the file system.

    Above ``most_bytes``, it becomes a BigTIFF.
    """
    tifffile = import_tifffile()
    block = Block(about.exif) if about.exif else None
    is_big = picture.pixels.nbytes > most_bytes
    layout = Layout(block.layout.order if block and not is_big else "<", is_big)  # others read no BigTIFF but these
    with tifffile.TiffWriter(file, bigtiff=layout.is_big, byteorder=layout.order) as writer:
        if block and not layout.is_big:
            file.write(_without_directory(block))
        rows = regrouped([picture.pixels] if strips is None else strips, _rows(picture))
        writer.write(map(partial(_encoded, layout), rows), **_options(picture, about))
    file.flush()
    _add_tags(file, layout, _tags(block, layout, about), block)


def _rows(picture: Picture) -> int:
    """The rows of a strip."""
    height, width, channels = picture.pixels.shape
    row = int(width * channels * picture.bits // 8)
    return int(min(height, max(1, _STRIP // row)))


def _encoded(layout: Layout, strip: Pixels) -> bytes:
    """The differences of neighbours along the rows, in the byte order of the file, packed by Deflate."""
    codecs = import_imagecodecs()
    differences: Pixels = codecs.delta_encode(np.ascontiguousarray(strip), axis=-2)
    data: bytes = codecs.zlib_encode(differences.astype(differences.dtype.newbyteorder(layout.order)), _LEVEL)
    return data


def _options(picture: Picture, about: About) -> dict[str, Any]:
    is_by_inch = about.dots is None or resolution.is_by_inch(about.dots)
    ratios = [one if is_by_inch else one / resolution.INCH for one in about.dots or ()]
    height, width, channels = picture.pixels.shape
    return {
        "shape": (height, width) if channels == 1 else (height, width, channels),
        "dtype": picture.pixels.dtype,
        "rowsperstrip": _rows(picture),
        "photometric": "rgb" if picture.channels >= 3 else "minisblack",
        "planarconfig": "contig" if picture.channels > 1 else None,
        "extrasamples": ["unassalpha"] if picture.has_alpha else None,
        "compression": "zlib",
        "predictor": True,
        "iccprofile": about.icc,
        "resolution": tuple(one.as_integer_ratio() for one in ratios) or None,
        "resolutionunit": ("inch" if is_by_inch else "centimeter") if ratios else None,
        "metadata": None,
        "software": False,
    }


def _without_directory(block: Block) -> bytes:
    """The block from behind its header on, without its first directory, which the file's own replaces."""
    block.remove(IMAGE, lambda tag: tag in _PIXELS)
    data = bytearray(block.tobytes().removeprefix(PREFIX))
    start, stop = block.directories[IMAGE].span
    data[start:stop] = bytes(stop - start)
    return bytes(data[8:])


def _tags(block: Block | None, layout: Layout, about: About) -> dict[int, Value]:
    """The tags that speak of the picture, those of the block by what stands in their fields."""
    tags = {tag: Value(tiff.UNDEFINED, len(data), data) for tag, data in ((XMP, about.xmp), (IPTC, about.iptc)) if data}
    if block and not layout.is_big:
        tags.update({one.tag: Value(one.kind, one.count, one.field) for one in block.directories[IMAGE].entries})
    elif block:
        about.lose("maker note", (note := block.entry(EXIF, MAKER_NOTE)) and not exif.is_movable(block.value(note)))
    return tags


def _add_tags(file: IO[bytes], layout: Layout, tags: dict[int, Value], block: Block | None) -> None:
    """Writes a directory with ``tags`` and those that the file has behind everything, in the place of the file's."""
    with Path(file.name).open("rb") as written:
        _, place = tiff.read_layout(written)
        before = tiff.read_directory(written, layout, place)
    merged = {**tags, **{one.tag: Value(one.kind, one.count, one.field) for one in before.entries}}
    start = _next_word(file)
    values = _values(block, layout) if block and layout.is_big else {}
    values[IMAGE] = {**values.get(IMAGE, {}), **merged}
    file.write(exif.packed(values, layout, start))
    _clear(file, before.span)
    file.seek(8 if layout.is_big else 4)
    file.write(layout.pack(layout.offset, start))


def _values(block: Block, layout: Layout) -> dict[int, dict[int, Value]]:
    """The values of a block in the byte order of ``layout``."""
    values: dict[int, dict[int, Value]] = {IMAGE: {}, EXIF: {}, GPS: {}, INTEROP: {}}
    for directory, entry, value in block.values():
        if directory != IMAGE or entry.tag not in _PIXELS:
            stored = tiff.swapped(entry, value, block.layout, layout.order)
            values[directory][entry.tag] = Value(entry.kind, entry.count, stored)
    return values


def _clear(file: IO[bytes], span: Span) -> None:
    file.seek(span.start)
    file.write(bytes(span.stop - span.start))


def _next_word(file: IO[bytes]) -> int:
    """The end of the file, where directories begin: at an even place."""
    end = file.seek(0, 2)
    if end % 2:
        file.write(b"\0")
    return end + end % 2
