"""Pixels of 8 bits, by Pillow: opened within a limit, and copied in bands, so that no step holds the picture again."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import gif, jpeg, png, webp
from nflows_core.runtime.images.containers.jpeg import is_jpeg
from nflows_core.runtime.images.containers.jpeg import pixels_only as jpeg_pixels
from nflows_core.runtime.images.containers.png import is_png
from nflows_core.runtime.images.containers.png import pixels_only as png_pixels
from nflows_core.runtime.images.containers.tiff import read_span
from nflows_core.runtime.images.limits import check_bytes, check_density, check_size
from nflows_core.runtime.images.orientation import upright, upright_size
from nflows_core.runtime.images.picture import PictureError, check_count

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
_GREY = ("1", "L", "LA", "La")
_COLOUR = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "YCbCr")
_CONVERTED = ("CMYK", "LAB")
_BAND = 2**21
"""The pixels of a band."""

_counting = threading.Lock()
_readers = 0
_limit: int | None = None


@contextmanager
def open_image(file: IO[bytes], limit: int) -> Iterator[Image.Image]:
    """Pillow's image of a file with one picture of at most ``limit`` pixels; nothing is decoded."""
    _check_head(file, limit)
    size = file.seek(0, io.SEEK_END)
    source = _pixels_only(file)
    source.seek(0)
    with _own_limit(), Image.open(source, formats=FORMATS) as image:
        check_size(*image.size, limit)
        kind = str(image.format)
        check_density(kind, *image.size, png.bits_per_pixel(file) if kind == "PNG" else 1, size)
        if kind == "JPEG":
            jpeg.check_scans(file, *image.size)
        if kind == "PNG":
            png.mend_transparency(image, file)
        # Those of a GIF are counted above.
        check_count(1 if kind in ("GIF", "TIFF") else getattr(image, "n_frames", 1))
        yield image


def pixels_of(image: Image.Image, orientation: int, inks: bytes | None) -> tuple[NDArray[np.uint8], bool]:
    """The upright pixels of 8 bits of what Pillow loads, and whether they were converted to sRGB.

    Arguments:
        image: The opened image.
        orientation: How its pixels lie.
        inks: The profile by which CMYK is converted.
    """
    image.load()
    if image.mode in _CONVERTED:
        return _in_bands(image, 3, _to_srgb(image, inks), orientation), True
    if image.mode not in _GREY + _COLOUR:
        raise PictureError(f"pixels of mode {image.mode} are neither 8-bit nor 16-bit; convert it first")
    mode = ("L" if image.mode in _GREY else "RGB") + ("A" if image.has_transparency_data else "")
    convert = partial(_in_mode, mode)
    return _in_bands(image, len(mode), convert, orientation), False


def _in_mode(mode: str, band: Image.Image) -> Image.Image:
    return band if band.mode == mode else band.convert(mode)


def _in_bands(
    image: Image.Image, channels: int, convert: Callable[[Image.Image], Image.Image], orientation: int
) -> NDArray[np.uint8]:
    width, height = image.size
    pixels = np.empty((*upright_size(height, width, orientation), channels), np.uint8)
    stored = _stored(pixels, orientation)
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = image if rows >= height else image.crop((0, top, width, bottom))
        stored[top:bottom] = np.asarray(convert(band)).reshape(bottom - top, width, channels)
    return pixels


def _stored(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The view of upright pixels in which they are as stored: what is a turn by 90 degrees goes back by 270."""
    return upright(pixels, {6: 8, 8: 6}.get(orientation, orientation))


def _to_srgb(image: Image.Image, icc: bytes | None) -> Callable[[Image.Image], Image.Image]:
    if image.mode == "CMYK" and icc is None:
        return lambda band: band.convert("RGB")
    is_lab = image.mode == "LAB"
    try:
        profile = ImageCms.createProfile("LAB") if is_lab else ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))
        srgb = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(profile, srgb, image.mode, "RGB", intent)
    except (OSError, ImageCms.PyCMSError) as error:
        raise PictureError(f"its colour profile does not fit {image.mode} pixels; convert it to RGB first") from error
    return transform.apply


def _pixels_only(file: IO[bytes]) -> IO[bytes]:
    """The file without what Pillow would read beside the pixels, and stumble over.

    The further pictures of an MPO, which are previews, or what the other eye sees, are among that.
    """
    if is_png(file):
        return png_pixels(file)
    if not is_jpeg(file):
        return file
    spans = list(jpeg_pixels(file))
    check_bytes(*jpeg.size(file), sum(stop - start for start, stop in spans))
    return io.BytesIO(b"".join(read_span(file, span) for span in spans))


def _check_head(file: IO[bytes], limit: int) -> None:
    """Of the formats for which Pillow takes memory as it opens them, and of none."""
    if not file.seek(0, io.SEEK_END):
        raise PictureError("is empty: nothing was saved, or nothing arrived")
    if webp.is_webp(file):
        width, height = webp.size(file)
        check_size(width, height, limit)
        check_bytes(width, height, file.seek(0, io.SEEK_END))
    elif gif.is_gif(file):
        width, height, count = gif.size_and_count(file)
        check_size(width, height, limit)
        check_count(count)


@contextmanager
def _own_limit() -> Iterator[None]:
    """Lifts the limit of Pillow, which refuses an archive's scans; it is the process's, so the last one restores it."""
    global _readers, _limit
    with _counting:
        if _readers == 0:
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _readers += 1
    try:
        yield
    finally:
        with _counting:
            _readers -= 1
            if _readers == 0:
                Image.MAX_IMAGE_PIXELS = _limit
