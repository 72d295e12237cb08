"""Picture files, decoded: what cannot be read right is an error, and nothing is guessed."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from nflows_core.runtime.images import png, tiff_reading
from nflows_core.runtime.images.metadata import Metadata, clean_exif, clean_xmp, ifds_of
from nflows_core.runtime.images.picture import Picture, PictureError, check_count, check_size, is_profile_for

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
_GREY = ("1", "L", "LA", "La")
_COLOUR = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "YCbCr")
_CONVERTED = ("CMYK", "LAB")
_IPTC_RESOURCE = 0x0404

_counting = threading.Lock()
_readers = 0
_limit: int | None = None


def read_picture(path: str | Path) -> Picture:
    """Reads a PNG, JPEG, TIFF or WebP file of 8 or 16 bits a sample, or a BMP or a still GIF.

    The pixels are turned as the file's orientation says, which is then done with. Palettes become RGB. CMYK and Lab
    become sRGB, by the file's profile where it has one. A profile for other channels than the file's is left out. Of
    the pictures of an MPO, which phones write, it is the first.

    Raises:
        PictureError: The file is no picture, damaged, animated, or of a kind that is not read.
        OSError: It cannot be opened.
        ModuleNotFoundError: It has 16 bits a sample, and ``imagecodecs`` and ``tifffile`` are not installed.
    """
    with Path(path).open("rb") as file:
        try:
            return decode_picture(file)
        except PictureError as error:
            raise PictureError(f"{path}: {error}") from error


def decode_picture(file: IO[bytes]) -> Picture:
    """The picture in an open file; see `read_picture`."""
    with _explaining():
        return _decode_tiff(file) if tiff_reading.is_tiff(file) else _decode(file)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turns and mirrors :math:`(H, W, C)` as EXIF's orientation, 1 to 8, says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (PictureError, ModuleNotFoundError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise PictureError("not a picture that is read: PNG, JPEG, TIFF, WebP, BMP or GIF") from error
    # There is no end to what decoders raise for damaged bytes.
    except Exception as error:
        raise PictureError(f"damaged, or not read: {error}") from error


def _decode(file: IO[bytes]) -> Picture:
    with _open(file) as image:
        # The further pictures of an MPO are previews, or what the other eye sees.
        check_count(1 if image.format == "MPO" else getattr(image, "n_frames", 1))
        exif = image.getexif()
        turn = exif.get(ExifTags.Base.Orientation, 1)
        image.load()  # texts may stand behind the pixels
        pixels: NDArray[np.uint8 | np.uint16]
        if image.format == "PNG" and png.bit_depth(file) > 8:  # of which Pillow loses the lower ones, in colour
            pixels, icc = png.read_deep(file), image.info.get("icc_profile")
        else:
            pixels, icc = _pixels(image)
        across, down = image.info.get("dpi", (0, 0))
        block = clean_exif(exif, ifds_of(exif)) if exif else None
        return _picture(upright(pixels, turn), icc, _dpi(across, down, turn), _metadata(image, block))


def _decode_tiff(file: IO[bytes]) -> Picture:
    directories = tiff_reading.read_directories(file)
    tiff_reading.check_pages(directories)
    first = directories[0]
    turn, icc = tiff_reading.orientation(first), tiff_reading.icc(first)
    if tiff_reading.bits(first) > 8:
        pixels = upright(tiff_reading.read_deep(file), turn)
    else:
        with _open(file) as image:  # which Pillow turns as it loads a TIFF
            pixels, icc = _pixels(image)
    return _picture(pixels, icc, _dpi(*tiff_reading.dpi(first), turn), tiff_reading.metadata(file, first))


def _picture(
    pixels: NDArray[np.uint8 | np.uint16], icc: bytes | None, dpi: tuple[float, float] | None, metadata: Metadata
) -> Picture:
    # Programs leave the profile of a colour picture in one that they made grey, where it has no meaning.
    return Picture(pixels, icc if icc and is_profile_for(pixels.shape[2], icc) else None, dpi, metadata)


@contextmanager
def _open(file: IO[bytes]) -> Iterator[Image.Image]:
    file.seek(0)
    with _own_limit(), Image.open(file, formats=FORMATS) as image:
        check_size(*image.size)
        yield image


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


def _pixels(image: Image.Image) -> tuple[NDArray[np.uint8], bytes | None]:
    """The pixels of 8 bits as Pillow loads them, and the profile that they have now."""
    image.load()
    icc = image.info.get("icc_profile")
    if image.mode in _CONVERTED:
        return np.array(_to_srgb(image, icc)), None
    if image.mode not in _GREY + _COLOUR:
        raise PictureError(f"pixels of mode {image.mode} are neither 8-bit nor 16-bit; convert it first")
    mode = ("L" if image.mode in _GREY else "RGB") + ("A" if image.has_transparency_data else "")
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    return (pixels[:, :, None] if pixels.ndim == 2 else pixels), icc


def _to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    if image.mode == "CMYK" and icc is None:
        return image.convert("RGB")
    is_lab = image.mode == "LAB"
    try:
        profile = ImageCms.createProfile("LAB") if is_lab else ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, profile, srgb, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB")
    except (OSError, ImageCms.PyCMSError) as error:
        raise PictureError(f"its colour profile does not fit {image.mode} pixels; convert it to RGB first") from error
    assert converted is not None  # not in place
    return converted


def _dpi(across: float, down: float, orientation: int) -> tuple[float, float] | None:
    across, down = float(across), float(down)
    if not (0 < across < np.inf and 0 < down < np.inf):
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
