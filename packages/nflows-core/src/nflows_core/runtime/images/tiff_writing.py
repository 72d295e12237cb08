"""Pictures into TIFF files: the pixels by tifffile, which has 16 bits, and the tags by Pillow, which has EXIF."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nflows_core.runtime.images.codecs import import_tifffile
from nflows_core.runtime.images.metadata import IFDS, ifds_of, load_exif
from nflows_core.runtime.images.picture import Picture
from nflows_core.runtime.images.tiff_reading import IPTC, XMP

_MAX_BYTES = 2**32 - 2**25  # and room for the tags


def write_tiff(file: IO[bytes], picture: Picture, exif: bytes | None) -> None:
    """Writes ``picture`` into a new, open file of the file system."""
    tifffile = import_tifffile()
    if picture.pixels.nbytes > _MAX_BYTES:
        raise ValueError("TIFF has no place for 4 GiB of pixels; write PNG")
    tifffile.imwrite(
        file,
        picture.pixels.squeeze(2) if picture.channels == 1 else picture.pixels,
        photometric="rgb" if picture.channels >= 3 else "minisblack",
        planarconfig="contig" if picture.channels > 1 else None,
        extrasamples=["unassalpha"] if picture.has_alpha else None,
        compression="zlib",
        predictor=True,
        iccprofile=picture.icc,
        resolution=picture.dpi,
        resolutionunit="inch" if picture.dpi else None,
        byteorder="<",
        metadata=None,
        software=False,
    )
    if directory := _directory(picture, exif):
        _add_tags(file, directory)


def _directory(picture: Picture, block: bytes | None) -> ImageFileDirectory_v2:
    """The tags that describe the picture."""
    directory = ImageFileDirectory_v2(prefix=b"II")
    if block:
        exif = load_exif(block)
        directory.update({tag: value for tag, value in exif.items() if tag not in IFDS})
        directory.update({tag: values for tag, values in ifds_of(exif).items() if values})
    contents = {XMP: picture.metadata.xmp, IPTC: picture.metadata.iptc}
    directory.update({tag: data for tag, data in contents.items() if data})
    return directory


def _add_tags(file: IO[bytes], directory: ImageFileDirectory_v2) -> None:
    """Writes ``directory`` behind everything, and then one with its tags and those that the file has."""
    file.flush()
    start = _next_word(file)
    added = directory.tobytes(start)
    file.write(added)
    entries = _entries(Path(file.name)) + [added[2 + 12 * k : 14 + 12 * k] for k in range(len(directory))]
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    start = _next_word(file)
    file.write(struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4))
    file.seek(4)
    file.write(struct.pack("<I", start))


def _entries(path: Path) -> list[bytes]:
    """The twelve bytes of each tag of the first directory."""
    with path.open("rb") as file:
        (start,) = struct.unpack("<4xI", file.read(8))
        file.seek(start)
        (count,) = struct.unpack("<H", file.read(2))
        return [file.read(12) for _ in range(count)]


def _next_word(file: IO[bytes]) -> int:
    """The end of the file, where directories begin: at an even place."""
    end = file.seek(0, 2)
    return file.seek(end + end % 2)
