"""Pictures into files, whole or not at all, with all that the format has a place for and the policy lets through."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from PIL import Image

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.images import checking, jpeg_writing, png
from nflows_core.runtime.images.about import About, about, state_resolution
from nflows_core.runtime.images.colour.matrix import as_rgb
from nflows_core.runtime.images.metadata.exif_block import PREFIX
from nflows_core.runtime.images.picture import Picture
from nflows_core.runtime.images.strips import Pixels, checked, gathered
from nflows_core.runtime.images.tiff_writing import write_tiff

Strips = Iterable[Pixels] | None


def write_picture(
    path: str | Path, picture: Picture, quality: int | None = None, strips: Iterable[Pixels] | None = None
) -> list[str]:
    """Writes a picture; the suffix says how: ``.png``, ``.jpg``, ``.jfif``, ``.tif`` or ``.webp``.

    What the file says of the picture is true of it: sizes and resolution in EXIF and XMP become those of the pixels.
    Under a policy other than ``keep`` (`Picture.under`) the bytes written are read again part by part, and a file with
    anything that the policy does not know is not left on the disk.

    Arguments:
        path: The file to write.
        picture: The picture, its metadata under a policy.
        quality: The quality, 1 to 100, for JPEG, where it is 95 by default, and for WebP, which is exact without one.
            JPEG keeps the colours of all pixels (4:4:4).
        strips: The rows from top to bottom, :math:`(h, W, C)` each, in the place of the picture's pixels, of which only
            the shape and type count, as of `blank_pixels`. PNG and TIFF are written as they come; for JPEG and WebP
            they are gathered.

    Returns:
        The names of what the picture's file held and this one does not, such as ``["preview", "maker note", "text"]``,
        but for what a policy took away.

    Raises:
        ValueError: The format is not known, or cannot hold such pixels.
        PolicyError: The file would hold something that the policy does not know.
        OSError: The file cannot be written.
        ModuleNotFoundError: 16 bits, or TIFF, and ``imagecodecs`` and ``tifffile`` are not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise ValueError(f"{path}: no picture is written with the suffix {suffix!r}; use {', '.join(_WRITERS)}")
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality: expected 1 to 100, got {quality}")
    said = about(picture)
    with atomic_write(path) as file:
        try:
            if strips is not None:
                strips = checked(strips, picture)
            _WRITERS[suffix](file, picture, said, quality, strips)
            if picture.metadata.policy != "keep":
                file.flush()
                checking.check_file(Path(file.name), picture.metadata.policy)
        except checking.PolicyError as error:
            raise checking.PolicyError(f"{path}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return list(dict.fromkeys(said.lost))


def _write_png(file: IO[bytes], picture: Picture, said: About, quality: int | None, strips: Strips) -> None:
    if strips is not None:
        file.write(png.add_chunks(png.header(picture), said, picture.channels))
        png.write_strips(file, picture, strips)
        return
    encoded = png.encode_deep(picture.pixels) if picture.bits == 16 else _encoded("PNG", picture)  # type: ignore[arg-type]
    file.write(png.add_chunks(encoded, said, picture.channels))


def _write_jpeg(file: IO[bytes], picture: Picture, said: About, quality: int | None, strips: Strips) -> None:
    _check_eight_bits(picture, "JPEG")
    _check_sides(picture, "JPEG", 65_500)
    if picture.has_alpha:
        raise ValueError("JPEG has no transparency; write PNG, TIFF or WebP, or put it on a background first")
    picture = _whole(picture, strips)
    encoded = _encoded("JPEG", picture, quality=95 if quality is None else quality, subsampling="4:4:4")
    file.write(jpeg_writing.add_segments(encoded, said))


def _write_webp(file: IO[bytes], picture: Picture, said: About, quality: int | None, strips: Strips) -> None:
    _check_eight_bits(picture, "WebP")
    _check_sides(picture, "WebP", 16_383)
    picture = _whole(picture, strips)
    state_resolution(said)
    if said.icc and picture.channels < 3:  # WebP has no grey pixels
        said.icc = as_rgb(said.icc)
        said.lose("icc", said.icc is None)
    said.lose("iptc", said.iptc)
    said.lose("text", said.texts)
    blocks = {"icc_profile": said.icc, "exif": said.exif and said.exif.removeprefix(PREFIX), "xmp": said.xmp}
    exact = {"lossless": True, "exact": True} if quality is None else {"quality": quality}
    file.write(_encoded("WEBP", picture, **{name: block for name, block in blocks.items() if block}, **exact))


def _write_tiff(file: IO[bytes], picture: Picture, said: About, quality: int | None, strips: Strips) -> None:
    said.lose("text", said.texts)
    write_tiff(file, picture, said, strips)


_WRITERS: dict[str, Callable[[IO[bytes], Picture, About, int | None, Strips], None]] = {
    ".png": _write_png,
    ".jpg": _write_jpeg,
    ".jpeg": _write_jpeg,
    ".jpe": _write_jpeg,
    ".jfif": _write_jpeg,
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".webp": _write_webp,
}


def _whole(picture: Picture, strips: Strips) -> Picture:
    return picture if strips is None else replace(picture, pixels=gathered(strips, picture))


def _encoded(name: str, picture: Picture, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pixels = picture.pixels.squeeze(2) if picture.channels == 1 else picture.pixels
    try:
        Image.fromarray(pixels).save(buffer, name, **options)
    except OSError as error:
        if error.errno is not None:
            raise
        height, width = pixels.shape[:2]
        raise ValueError(f"{name} takes no picture of {width} x {height} pixels: {error}") from error
    return buffer.getvalue()


def _check_eight_bits(picture: Picture, name: str) -> None:
    if picture.bits != 8:
        raise ValueError(f"{name} has no {picture.bits}-bit pixels; write PNG or TIFF")


def _check_sides(picture: Picture, name: str, most: int) -> None:
    height, width = picture.pixels.shape[:2]
    if max(height, width) > most:
        advice = f"at most {most} pixels along a side; write TIFF or PNG"
        raise ValueError(f"{name} takes no picture of {width} x {height} pixels: {advice}")
