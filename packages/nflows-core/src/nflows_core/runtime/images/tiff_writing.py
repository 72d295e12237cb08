"""Pictures into TIFF files: the pixels by tifffile, which has 16 bits, and the tags by Pillow, which has EXIF."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nflows_core.runtime.images.codecs import import_imagecodecs, import_tifffile
from nflows_core.runtime.images.metadata import IFDS, ifds_of, load_exif
from nflows_core.runtime.images.picture import Picture
from nflows_core.runtime.images.strips import Pixels, regrouped
from nflows_core.runtime.images.tiff_reading import IPTC, XMP

_STRIP, _LEVEL = 2**18, 6  # bytes before they are packed, and how hard they are
_LONG8 = b"\x10\0"


@dataclass(frozen=True)
class _Form:
    """What BigTIFF has wider.

    Arguments:
        header: A header without the place of its first directory, which it ends with.
        count: The number of a directory's tags.
        place: A place in the file.
        entry: The bytes of a tag.
    """

    header: bytes
    count: struct.Struct
    place: struct.Struct
    entry: int

    def split(self, directory: bytes, count: int) -> list[bytes]:
        """The first tags of a directory; where Pillow has the place of another one, it is as wide as it must be."""
        starts = range(self.count.size, self.count.size + count * self.entry, self.entry)
        entries = [directory[start : start + self.entry] for start in starts]
        return [
            entry[:2] + _LONG8 + entry[4:] if self is _BIG and int.from_bytes(entry[:2], "little") in IFDS else entry
            for entry in entries
        ]


_CLASSIC = _Form(b"II*\0" + bytes(4), struct.Struct("<H"), struct.Struct("<I"), 12)
_BIG = _Form(b"II+\0\x08\0\0\0" + bytes(8), struct.Struct("<Q"), struct.Struct("<Q"), 20)

MOST_BYTES = 2**32 - 2**25
"""Of the pixels of a file that is no BigTIFF, with room for the tags."""


def write_tiff(
    file: IO[bytes],
    picture: Picture,
    exif: bytes | None,
    strips: Iterable[Pixels] | None = None,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Writes ``picture``, or ``strips`` in the place of its pixels, into a new, open file of the file system.

    Above ``most_bytes``, it becomes a BigTIFF.
    """
    tifffile, is_big = import_tifffile(), picture.pixels.nbytes > most_bytes
    height, width, channels = picture.pixels.shape
    rows = min(height, max(1, _STRIP // (width * channels * picture.pixels.itemsize)))
    tifffile.imwrite(
        file,
        map(_encoded, regrouped([picture.pixels] if strips is None else strips, rows)),
        shape=(height, width) if channels == 1 else (height, width, channels),
        dtype=picture.pixels.dtype,
        rowsperstrip=rows,
        photometric="rgb" if picture.channels >= 3 else "minisblack",
        planarconfig="contig" if picture.channels > 1 else None,
        extrasamples=["unassalpha"] if picture.has_alpha else None,
        compression="zlib",
        predictor=True,
        iccprofile=picture.icc,
        resolution=picture.dpi,
        resolutionunit="inch" if picture.dpi else None,
        byteorder="<",
        bigtiff=is_big,
        metadata=None,
        software=False,
    )
    if directory := _directory(picture, exif, _BIG if is_big else _CLASSIC):
        _add_tags(file, directory, _BIG if is_big else _CLASSIC)


def _encoded(strip: Pixels) -> bytes:
    """The differences of neighbours along the rows, packed by Deflate."""
    codecs = import_imagecodecs()
    data: bytes = codecs.zlib_encode(codecs.delta_encode(np.ascontiguousarray(strip), axis=-2), _LEVEL)
    return data


def _directory(picture: Picture, block: bytes | None, form: _Form) -> ImageFileDirectory_v2:
    """The tags that describe the picture."""
    directory = ImageFileDirectory_v2(form.header)
    if block:
        exif = load_exif(block)
        directory.update({tag: value for tag, value in exif.items() if tag not in IFDS})
        directory.update({tag: values for tag, values in ifds_of(exif).items() if values})
    contents = {XMP: picture.metadata.xmp, IPTC: picture.metadata.iptc}
    directory.update({tag: data for tag, data in contents.items() if data})
    return directory


def _add_tags(file: IO[bytes], directory: ImageFileDirectory_v2, form: _Form) -> None:
    """Writes ``directory`` behind everything, and then one with its tags and those that the file has."""
    file.flush()
    start = _next_word(file)
    added = directory.tobytes(start)
    file.write(added)
    entries = _entries(Path(file.name), form) + form.split(added, len(directory))
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    start = _next_word(file)
    file.write(form.count.pack(len(entries)) + b"".join(entries) + form.place.pack(0))
    file.seek(len(form.header) - form.place.size)
    file.write(form.place.pack(start))


def _entries(path: Path, form: _Form) -> list[bytes]:
    """The bytes of each tag of the first directory."""
    with path.open("rb") as file:
        file.seek(len(form.header) - form.place.size)
        (start,) = form.place.unpack(file.read(form.place.size))
        file.seek(start)
        counter = file.read(form.count.size)
        (count,) = form.count.unpack(counter)
        return form.split(counter + file.read(count * form.entry), count)


def _next_word(file: IO[bytes]) -> int:
    """The end of the file, where directories begin: at an even place."""
    end = file.seek(0, 2)
    return file.seek(end + end % 2)
