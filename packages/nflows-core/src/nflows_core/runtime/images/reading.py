"""Picture files, decoded: what cannot be read right is an error, and nothing is guessed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from nflows_core.runtime.images import png, tiff_reading, webp
from nflows_core.runtime.images.codecs import has_codecs
from nflows_core.runtime.images.decoding import open_image, pixels_of
from nflows_core.runtime.images.limits import pixel_limit
from nflows_core.runtime.images.metadata import Metadata, clean_exif, clean_xmp, ifds_of
from nflows_core.runtime.images.orientation import upright
from nflows_core.runtime.images.picture import Picture, PictureError, is_profile_for
from nflows_core.runtime.images.tiff_pixels import open_pixels
from nflows_core.runtime.images.tiff_storage import Storage, storage_of

_IPTC_RESOURCE = 0x0404
_MOST_DPI = 1e8  # pixels of a quarter of a nanometre, and the most that PNG holds


def read_picture(path: str | Path, max_pixels: int | None = None) -> Picture:
    """Reads a PNG, JPEG, TIFF or WebP file of 8 or 16 bits a sample, or a BMP or a still GIF.

    The pixels are turned as the file's orientation says, which is then done with. Palettes become RGB. CMYK and Lab
    become sRGB, by the file's profile where it has one. A profile for other channels than the file's is left out. Of
    the pictures of an MPO, which phones write, it is the first.

    Arguments:
        path: The file to read.
        max_pixels: The most pixels to decode; by default the number in the environment variable ``NFLOWS_MAX_PIXELS``,
            or else 268 million. A file that claims more is refused before memory is taken for it.

    Raises:
        PictureError: The file is no picture, damaged, animated, too large, or of a kind that is not read.
        OSError: It cannot be opened.
        ModuleNotFoundError: It has 16 bits a sample, and ``imagecodecs`` and ``tifffile`` are not installed.
    """
    with Path(path).open("rb") as file:
        try:
            return decode_picture(file, max_pixels)
        except PictureError as error:
            raise PictureError(f"{path}: {error}") from error


def decode_picture(file: IO[bytes], max_pixels: int | None = None) -> Picture:
    """The picture in an open file; see `read_picture`."""
    limit = pixel_limit(max_pixels)
    with explaining():
        return _decode_tiff(file, limit) if tiff_reading.is_tiff(file) else _decode(file, limit)


@contextmanager
def explaining() -> Iterator[None]:
    try:
        yield
    except (PictureError, ModuleNotFoundError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise PictureError("not a picture that is read: PNG, JPEG, TIFF, WebP, BMP or GIF") from error
    # There is no end to what decoders raise for damaged bytes.
    except Exception as error:
        raise PictureError(f"damaged, or not read: {error}") from error


def _decode(file: IO[bytes], limit: int) -> Picture:
    with open_image(file, limit) as image:
        exif = image.getexif()
        turn = exif.get(ExifTags.Base.Orientation, 1)
        decode = _decoder(image, file)
        if decode is not webp.read:
            image.load()  # texts may stand behind the pixels
        icc = image.info.get("icc_profile")
        pixels: NDArray[np.uint8 | np.uint16] | None = None
        if decode is None:
            pixels, icc = pixels_of(image, turn)
        across, down = image.info.get("dpi", (0, 0))
        block = clean_exif(exif, ifds_of(exif)) if exif else None
        metadata = _metadata(image, block)
    del image  # which may hold its pixels
    if decode is not None:
        pixels = np.ascontiguousarray(upright(decode(file), turn))
    assert pixels is not None
    return _picture(pixels, icc, _dpi(across, down, turn), metadata)


def _decoder(image: Image.Image, file: IO[bytes]) -> Callable[[IO[bytes]], NDArray[np.uint8 | np.uint16]] | None:
    """The decoder to prefer to Pillow, which loses the lower eight bits of colours, and takes more memory for WebP."""
    if image.format == "PNG" and png.bit_depth(file) > 8:
        return png.read_deep
    return webp.read if image.format == "WEBP" and has_codecs() else None


def _decode_tiff(file: IO[bytes], limit: int) -> Picture:
    first, storage = read_tiff(file, limit)
    is_for_pillow = storage.is_for_libtiff and tiff_reading.is_for_pillow(file)
    if is_for_pillow and not (storage.is_plain and has_codecs()):
        try:
            with open_image(file, limit) as image:  # which Pillow turns as it loads a TIFF
                tiff_reading.mend_palette(image, first)
                return tiff_picture(file, first, *pixels_of(image))
        except UnidentifiedImageError as error:
            raise PictureError(f"{storage.bits}-bit samples in an order that is not read; convert it first") from error
    if not storage.is_plain:
        raise PictureError("a big-endian BigTIFF that is neither grey nor RGB; save it again as little-endian")
    with open_pixels(file, storage) as stored:
        pixels = stored.read((0, 0, storage.height, storage.width))
    pixels = np.ascontiguousarray(upright(pixels, tiff_reading.orientation(first)))
    return tiff_picture(file, first, pixels, tiff_reading.icc(first))


def read_tiff(file: IO[bytes], limit: int) -> tuple[tiff_reading.Directory, Storage]:
    """The tags of the picture, and how it is stored, checked."""
    first = tiff_reading.read_first(file)
    return first, storage_of(first, file.seek(0, io.SEEK_END), limit)


def tiff_picture(
    file: IO[bytes], first: tiff_reading.Directory, pixels: NDArray[np.uint8 | np.uint16], icc: bytes | None
) -> Picture:
    """The picture of these upright pixels, with all that the file says."""
    dpi = _dpi(*tiff_reading.dpi(first), tiff_reading.orientation(first))
    return _picture(pixels, icc, dpi, tiff_reading.metadata(file, first))


def _picture(
    pixels: NDArray[np.uint8 | np.uint16], icc: bytes | None, dpi: tuple[float, float] | None, metadata: Metadata
) -> Picture:
    # Programs leave the profile of a colour picture in one that they made grey, where it has no meaning.
    return Picture(pixels, icc if icc and is_profile_for(pixels.shape[2], icc) else None, dpi, metadata)


def _dpi(across: float, down: float, orientation: int) -> tuple[float, float] | None:
    across, down = float(across), float(down)
    if not (0 < across < _MOST_DPI and 0 < down < _MOST_DPI):
        return None
    return (down, across) if orientation in (5, 6, 7, 8) else (across, down)


def _metadata(image: Image.Image, exif: bytes | None) -> Metadata:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    iptc = image.info.get("photoshop", {}).get(_IPTC_RESOURCE)
    return Metadata(exif, xmp and clean_xmp(xmp), iptc or None, _text(image))


def _text(image: Image.Image) -> dict[str, str]:
    if image.format == "PNG":
        return {key: str(value) for key, value in image.text.items() if key != "XML:com.adobe.xmp"}  # type: ignore[attr-defined]
    comment = image.info.get("comment", b"") if image.format == "JPEG" else b""
    return {"Comment": comment.decode("utf-8", "replace")} if comment else {}
