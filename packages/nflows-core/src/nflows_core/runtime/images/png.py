"""PNG's samples of 16 bits, which Pillow does not have, and its chunks (W3C PNG, third edition, section 11)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images.codecs import import_imagecodecs
from nflows_core.runtime.images.limits import check_bytes
from nflows_core.runtime.images.picture import Picture, PictureError
from nflows_core.runtime.images.strips import regrouped

_INCH = 0.0254  # metres
_HEADER = 33  # signature and IHDR
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels
_STRIP = 2**20  # bytes that are filtered at a time


def bit_depth(file: IO[bytes]) -> int:
    """Bits a sample, as the header says."""
    file.seek(24)
    return file.read(1)[0]


def bits_per_pixel(file: IO[bytes]) -> int:
    """Bits of all samples, as the header says."""
    file.seek(24)
    depth, colour = file.read(2)
    return depth * _SAMPLES.get(colour, 1)


def read_deep(file: IO[bytes]) -> NDArray[np.uint16]:
    """The pixels, :math:`(H, W, C)`, of a file with 16 bits a sample."""
    codecs, end = import_imagecodecs(), _end(file)
    file.seek(16)
    width, height = struct.unpack(">II", file.read(8))
    check_bytes(width, height, end)
    file.seek(0)
    pixels: NDArray[np.uint16] = codecs.png_decode(file.read(end))
    if pixels.dtype != np.uint16:
        raise PictureError("16 bits a sample of a kind that is not read; convert it first")
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _end(file: IO[bytes]) -> int:
    """Where the last chunk ends; gigabytes may follow."""
    end, kind = 8, b""
    while kind != b"IEND":
        file.seek(end)
        length, kind = struct.unpack(">I4s", file.read(8))
        end += length + 12
    return end


def encode_deep(pixels: NDArray[np.uint16]) -> bytes:
    codecs = import_imagecodecs()
    encoded: bytes = codecs.png_encode(np.ascontiguousarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels))
    return encoded


def header(picture: Picture) -> bytes:
    """The signature and IHDR."""
    height, width, channels = picture.pixels.shape
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBB3x", width, height, picture.bits, _COLOUR_TYPES[channels]))


def write_strips(file: IO[bytes], picture: Picture, strips: Iterable[NDArray[np.uint8 | np.uint16]]) -> None:
    """The chunks of the pixels and the last one, strip by strip."""
    packer, step = zlib.compressobj(), picture.channels * picture.pixels.itemsize
    above = np.zeros(picture.pixels.shape[1] * step, np.uint8)
    for strip in regrouped(strips, max(1, _STRIP // above.size)):
        rows = np.ascontiguousarray(strip.astype(strip.dtype.newbyteorder(">"))).view(np.uint8).reshape(len(strip), -1)
        if data := packer.compress(_filtered(rows, above, step).tobytes()):
            file.write(_chunk(b"IDAT", data))
        above = rows[-1]
    file.write(_chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b""))


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Each row by the filter that leaves the smallest differences (section 12.7), after the number of the filter."""
    up = np.concatenate([above[None], rows[:-1]])
    left, corner = (np.pad(values, ((0, 0), (step, 0)))[:, :-step] for values in (rows, up))
    predictions = [np.zeros_like(rows), left, up, _mean(left, up), _paeth(left, up, corner)]
    differences = np.stack([rows - prediction for prediction in predictions])
    best = np.abs(differences.view(np.int8).astype(np.int16)).sum(2, dtype=np.int64).argmin(0)
    chosen = differences[best, np.arange(len(rows))]
    return np.concatenate([best.astype(np.uint8)[:, None], chosen], axis=1)


def _mean(left: NDArray[np.uint8], up: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (left & up) + ((left ^ up) >> 1)


def _paeth(left: NDArray[np.uint8], up: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the three neighbours, the one nearest to left + up - corner (section 9.4)."""
    a, b, c = (values.astype(np.int16) for values in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    is_left = (to_left <= to_up) & (to_left <= to_corner)
    return np.where(is_left, left, np.where(to_up <= to_corner, up, corner))


def add_chunks(encoded: bytes, picture: Picture, exif: bytes | None) -> bytes:
    """``encoded`` with the colour profile, resolution and metadata of ``picture``."""
    chunks = b"".join(_chunk(kind, data) for kind, data in _contents(picture, exif))
    return encoded[:_HEADER] + chunks + encoded[_HEADER:]


def _contents(picture: Picture, exif: bytes | None) -> list[tuple[bytes, bytes]]:
    contents = []
    if picture.icc:
        contents.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)))
    if picture.dpi:
        contents.append((b"pHYs", struct.pack(">IIB", *(round(dpi / _INCH) for dpi in picture.dpi), 1)))
    if exif:
        contents.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    texts = dict(picture.metadata.text)
    if picture.metadata.xmp:
        texts["XML:com.adobe.xmp"] = picture.metadata.xmp.decode("utf-8", "replace")
    return contents + [(b"iTXt", _text(keyword, text)) for keyword, text in texts.items()]


def _text(keyword: str, text: str) -> bytes:
    # Not compressed, no language, no translated keyword.
    return keyword.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + text.encode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
