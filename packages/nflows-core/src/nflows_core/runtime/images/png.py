"""PNG's samples of 16 bits, which Pillow does not have, and its chunks (W3C PNG, third edition, section 11)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images.about import About, state_resolution
from nflows_core.runtime.images.codecs import import_imagecodecs
from nflows_core.runtime.images.colour.descriptions import of_srgb
from nflows_core.runtime.images.colour.icc import codes_of
from nflows_core.runtime.images.containers.png import SIGNATURE, pack_chunk, pixels_only
from nflows_core.runtime.images.limits import check_bytes
from nflows_core.runtime.images.metadata import iptc, texts
from nflows_core.runtime.images.metadata.exif_block import PREFIX
from nflows_core.runtime.images.picture import Picture, PictureError
from nflows_core.runtime.images.resolution import per_metre
from nflows_core.runtime.images.strips import regrouped

_HEADER = len(SIGNATURE) + 25  # signature and IHDR
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels
_STRIP = 2**20  # bytes that are filtered at a time
_SAMPLED = 8  # one of so many pixels of a row decides on its filter
# Of photographs, more than twice as fast as level 6 of zlib, and 3 % larger.
_LEVEL = 5


def bit_depth(file: IO[bytes]) -> int:
    """Bits a sample, as the header says."""
    file.seek(24)
    return file.read(1)[0]


def bits_per_pixel(file: IO[bytes]) -> int:
    """Bits of all samples, as the header says."""
    file.seek(24)
    depth, colour = file.read(2)
    return depth * _SAMPLES.get(colour, 1)


def mend_transparency(image: Image.Image, file: IO[bytes]) -> None:
    """Makes the transparent grey one of 8 bits: Pillow takes one of 2 or 4 as it stands, and compares it with 8."""
    depth, key = bit_depth(file), image.info.get("transparency")
    most = 2**depth - 1
    if depth < 8 and image.mode == "L" and isinstance(key, int):
        image.info["transparency"] = (key & most) * 255 // most


def read_deep(file: IO[bytes]) -> NDArray[np.uint16]:
    """The pixels, :math:`(H, W, C)`, of a file with 16 bits a sample."""
    codecs = import_imagecodecs()
    file.seek(16)
    width, height = struct.unpack(">II", file.read(8))
    data = pixels_only(file).getbuffer()
    check_bytes(width, height, data.nbytes)
    pixels: NDArray[np.uint16] = codecs.png_decode(data)
    if pixels.dtype != np.uint16:
        raise PictureError("16 bits a sample of a kind that is not read; convert it first")
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def encode_deep(pixels: NDArray[np.uint16]) -> bytes:
    codecs = import_imagecodecs()
    shape = pixels.shape[:2] if pixels.shape[2] == 1 else pixels.shape
    # Anew, since the codec takes no strides but its own, and NumPy any where a side is one.
    encoded: bytes = codecs.png_encode(pixels.ravel().reshape(shape))
    return encoded


def header(picture: Picture) -> bytes:
    """The signature and IHDR."""
    height, width, channels = picture.pixels.shape
    return SIGNATURE + pack_chunk(b"IHDR", struct.pack(">IIBB3x", width, height, picture.bits, _COLOUR_TYPES[channels]))


def write_strips(file: IO[bytes], picture: Picture, strips: Iterable[NDArray[np.uint8 | np.uint16]]) -> None:
    """The chunks of the pixels and the last one, strip by strip."""
    packer, step = zlib.compressobj(_LEVEL), picture.channels * picture.pixels.itemsize
    above = np.zeros(picture.pixels.shape[1] * step, np.uint8)
    for strip in regrouped(strips, max(1, _STRIP // above.size)):
        rows = np.ascontiguousarray(strip.astype(strip.dtype.newbyteorder(">"))).view(np.uint8).reshape(len(strip), -1)
        if data := packer.compress(_filtered(rows, above, step).tobytes()):
            file.write(pack_chunk(b"IDAT", data))
        above = rows[-1]
    file.write(pack_chunk(b"IDAT", packer.flush()) + pack_chunk(b"IEND", b""))


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Each row after the number of its filter: the one that leaves the smallest differences (section 12.7).

    One pixel of several is enough to tell which that is.
    """
    up = np.concatenate([above[None], rows[:-1]])
    left, corner = (np.pad(values, ((0, 0), (step, 0)))[:, :-step] for values in (rows, up))
    some = [values.reshape(len(rows), -1, step)[:, ::_SAMPLED] for values in (rows, left, up, corner)]
    sums = [np.abs((some[0] - predict(*some[1:])).view(np.int8).astype(np.int16)).sum((1, 2)) for predict in _FILTERS]
    best = np.argmin(sums, axis=0).astype(np.uint8)
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = best
    for number, predict in enumerate(_FILTERS):
        chosen = best == number
        filtered[chosen, 1:] = rows[chosen] - predict(left[chosen], up[chosen], corner[chosen])
    return filtered


def _mean(left: NDArray[np.uint8], up: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return (left & up) + ((left ^ up) >> 1)


def _paeth(left: NDArray[np.uint8], up: NDArray[np.uint8], corner: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the three neighbours, the one nearest to left + up - corner (section 9.4)."""
    a, b, c = (values.astype(np.int16) for values in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    is_left = (to_left <= to_up) & (to_left <= to_corner)
    return np.where(is_left, left, np.where(to_up <= to_corner, up, corner))


_FILTERS: Sequence[Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8]]] = (
    lambda left, up, corner: np.zeros_like(left),
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: _mean(left, up),
    lambda left, up, corner: _paeth(left, up, corner),
)


def add_chunks(encoded: bytes, about: About, channels: int) -> bytes:
    """``encoded``, pixels of so many channels, with the colour profile, resolution and metadata of ``about``."""
    chunks = [*_colours(about, channels), *_resolution(about)]
    if about.exif:
        chunks.append((b"eXIf", about.exif.removeprefix(PREFIX)))
    chunks += _texts(about)
    return b"".join([encoded[:_HEADER], *(pack_chunk(kind, data) for kind, data in chunks), encoded[_HEADER:]])


def _colours(about: About, channels: int) -> list[tuple[bytes, bytes]]:
    if not about.icc:
        return []
    for intent in range(4):
        if about.icc == of_srgb(intent, channels):
            return [(b"sRGB", bytes([intent]))]
    chunks = [(b"iCCP", b"ICC profile\0\0" + zlib.compress(about.icc))]
    codes = codes_of(about.icc)
    return [(b"cICP", codes), *chunks] if len(codes) == 4 and codes[2] == 0 else chunks


def _resolution(about: About) -> list[tuple[bytes, bytes]]:
    if about.dots is None:
        return []
    stated = per_metre(about.dots)
    if stated is None:
        state_resolution(about)
        return []
    return [(b"pHYs", struct.pack(">IIB", *stated, 1))]


def _texts(about: About) -> list[tuple[bytes, bytes]]:
    chunks = []
    if about.xmp:
        try:
            chunks.append((b"iTXt", _international(texts.XMP_KEYWORD, about.xmp.decode())))
        except UnicodeDecodeError:
            about.lose("xmp")
    if about.iptc:
        # PNG has no chunk for it; programs read where ImageMagick writes it.
        profile = texts.as_raw_profile("iptc", iptc.as_resource(about.iptc)).encode()
        chunks.append((b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile)))
    for keyword, text in about.texts:
        try:
            chunks.append(_text(keyword, text))
        except UnicodeEncodeError:
            about.lose(f"text {keyword!r}")
    return chunks


def _text(keyword: str, text: str) -> tuple[bytes, bytes]:
    """The chunk of a text: what has no other letters than Latin-1 is a tEXt, which all programs read.

    Raises:
        UnicodeEncodeError: PNG has no place for such a keyword, or the text is no text.
    """
    if texts.is_keyword(keyword) and all(ord(letter) < 0x100 for letter in text):
        return b"tEXt", f"{keyword}\0{text}".encode("latin-1")
    return b"iTXt", _international(keyword, text)


def _international(keyword: str, text: str) -> bytes:
    """The data of a text that is not compressed and has no language.

    Raises:
        UnicodeEncodeError: PNG has no place for such a keyword, or the text is no text.
    """
    if not texts.is_keyword(keyword):
        raise UnicodeEncodeError("latin-1", keyword, 0, len(keyword), "no keyword of PNG")
    return keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
