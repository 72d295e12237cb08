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
from nflows_core.runtime.images.finding import Found, find
from nflows_core.runtime.images.limits import pixel_limit
from nflows_core.runtime.images.orientation import upright
from nflows_core.runtime.images.picture import Picture, PictureError
from nflows_core.runtime.images.tiff_pixels import open_pixels
from nflows_core.runtime.images.tiff_storage import Storage, storage_of

# What turns pixels back that were turned as the orientation says.
_UNDONE = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


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
        found = find(file)
        decode = _decoder(image, file)
        if decode is None:
            return picture_of(*_by_pillow(image, found, found.orientation), found)
    del image  # which may hold its pixels
    return picture_of(np.ascontiguousarray(upright(decode(file), found.orientation)), False, found)


def _by_pillow(image: Image.Image, found: Found, orientation: int) -> tuple[NDArray[np.uint8], bool]:
    """The pixels turned by ``orientation``, and whether they were converted to sRGB."""
    return pixels_of(image, orientation, found.profile_of_inks() if image.mode == "CMYK" else None)


def _decoder(image: Image.Image, file: IO[bytes]) -> Callable[[IO[bytes]], NDArray[np.uint8 | np.uint16]] | None:
    """The decoder to prefer to Pillow, which loses the lower eight bits of colours, and takes more memory for WebP."""
    if image.format == "PNG" and png.bit_depth(file) > 8:
        return png.read_deep
    return webp.read if image.format == "WEBP" and has_codecs() else None


def _decode_tiff(file: IO[bytes], limit: int) -> Picture:
    first, storage = read_tiff(file, limit)
    found = find(file)
    is_for_pillow = storage.is_for_libtiff and tiff_reading.is_for_pillow(file)
    if is_for_pillow and not (storage.is_plain and has_codecs()):
        try:
            with open_image(file, limit) as image:
                tiff_reading.mend_palette(image, first)
                turned = image.getexif().get(ExifTags.Base.Orientation, 1)  # by which Pillow turns as it loads a TIFF
                stored, is_converted = _by_pillow(image, found, _UNDONE.get(turned, 1))
        except UnidentifiedImageError as error:
            raise PictureError(f"{storage.bits}-bit samples in an order that is not read; convert it first") from error
        return picture_of(np.ascontiguousarray(upright(stored, found.orientation)), is_converted, found)
    if not storage.is_plain:
        raise PictureError("a big-endian BigTIFF that is neither grey nor RGB; save it again as little-endian")
    with open_pixels(file, storage) as parts:
        pixels = parts.read((0, 0, storage.height, storage.width))
    return picture_of(np.ascontiguousarray(upright(pixels, found.orientation)), False, found)


def read_tiff(file: IO[bytes], limit: int) -> tuple[tiff_reading.Directory, Storage]:
    """The tags of the picture, and how it is stored, checked."""
    first = tiff_reading.read_first(file)
    return first, storage_of(first, file.seek(0, io.SEEK_END), limit)


def picture_of(pixels: NDArray[np.uint8 | np.uint16], is_converted: bool, found: Found) -> Picture:
    """The picture of these upright pixels, with all that the file says.

    Arguments:
        pixels: The pixels.
        is_converted: Whether their colours were converted to sRGB.
        found: What was found in the file.
    """
    icc = None if is_converted else found.profile(pixels.shape[2])
    return Picture(pixels, icc, found.dpi(), found.metadata())
