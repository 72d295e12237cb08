"""Pictures into files, whole or not at all, with all that the format has a place for."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from PIL import ExifTags, Image

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.images import png
from nflows_core.runtime.images.metadata import load_exif
from nflows_core.runtime.images.picture import Picture
from nflows_core.runtime.images.strips import Pixels, checked, gathered
from nflows_core.runtime.images.tiff_writing import write_tiff

Strips = Iterable[Pixels] | None

_SIZE_TAGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)


def write_picture(
    path: str | Path, picture: Picture, quality: int | None = None, strips: Iterable[Pixels] | None = None
) -> list[str]:
    """Writes a picture; the suffix says how: ``.png``, ``.jpg``, ``.jfif``, ``.tif`` or ``.webp``.

    Arguments:
        path: The file to write.
        picture: The picture; a size in its EXIF becomes that of the pixels.
        quality: The quality, 1 to 100, for JPEG, where it is 95 by default, and for WebP, which is exact without one.
            JPEG keeps the colours of all pixels (4:4:4).
        strips: The rows from top to bottom, :math:`(h, W, C)` each, in the place of the picture's pixels, of which only
            the shape and type count, as of `blank_pixels`. PNG and TIFF are written as they come; for JPEG and WebP
            they are gathered.

    Returns:
        What the format has no place for, such as ``["iptc", "text"]``.

    Raises:
        ValueError: The format is not known, or cannot hold such pixels.
        OSError: The file cannot be written.
        ModuleNotFoundError: 16 bits, or TIFF, and ``imagecodecs`` and ``tifffile`` are not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise ValueError(f"{path}: no picture is written with the suffix {suffix!r}; use {', '.join(_WRITERS)}")
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality: expected 1 to 100, got {quality}")
    exif = _exif(picture)
    with atomic_write(path) as file:
        try:
            if strips is not None:
                strips = checked(strips, picture)
            return _WRITERS[suffix](file, picture, exif, quality, strips)
        except (ValueError, struct.error) as error:
            raise ValueError(f"{path}: {error}") from error


def _write_png(file: IO[bytes], picture: Picture, exif: bytes | None, quality: int | None, strips: Strips) -> list[str]:
    if strips is not None:
        file.write(png.add_chunks(png.header(picture), picture, exif))
        png.write_strips(file, picture, strips)
        return _lost(picture, "iptc")
    if picture.bits == 16:
        encoded = png.encode_deep(picture.pixels)  # type: ignore[arg-type]
    else:
        buffer = io.BytesIO()
        _pillow(picture).save(buffer, "PNG")
        encoded = buffer.getvalue()
    file.write(png.add_chunks(encoded, picture, exif))
    return _lost(picture, "iptc")


def _write_jpeg(
    file: IO[bytes], picture: Picture, exif: bytes | None, quality: int | None, strips: Strips
) -> list[str]:
    _check_eight_bits(picture, "JPEG")
    _check_sides(picture, "JPEG", 65_500)
    picture = _whole(picture, strips)
    if picture.has_alpha:
        raise ValueError("JPEG has no transparency; write PNG, TIFF or WebP, or put it on a background first")
    options = {"extra": _photoshop(picture.metadata.iptc), "comment": picture.metadata.text.get("Comment", "").encode()}
    dpi = {"dpi": tuple(map(round, picture.dpi))} if picture.dpi else {}
    _save(
        file,
        "JPEG",
        picture,
        exif,
        quality=95 if quality is None else quality,
        subsampling="4:4:4",
        **dpi,
        **_given(options),
    )
    return _lost(picture, *(["text"] if set(picture.metadata.text) - {"Comment"} else []))


def _write_webp(
    file: IO[bytes], picture: Picture, exif: bytes | None, quality: int | None, strips: Strips
) -> list[str]:
    _check_eight_bits(picture, "WebP")
    _check_sides(picture, "WebP", 16_383)
    picture = _whole(picture, strips)
    if picture.icc and picture.channels < 3:
        raise ValueError("WebP has no grey pixels, and so no place for their colour profile; write PNG or TIFF")
    exact = {"lossless": True, "exact": True} if quality is None else {"quality": quality}
    _save(file, "WEBP", picture, exif, **exact)
    return _lost(picture, "iptc", "text", "dpi")


def _write_tiff(
    file: IO[bytes], picture: Picture, exif: bytes | None, quality: int | None, strips: Strips
) -> list[str]:
    write_tiff(file, picture, exif, strips)
    return _lost(picture, "text")


_WRITERS: dict[str, Callable[[IO[bytes], Picture, bytes | None, int | None, Strips], list[str]]] = {
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


def _save(file: IO[bytes], name: str, picture: Picture, exif: bytes | None, **options: Any) -> None:
    about = {"icc_profile": picture.icc, "exif": exif, "xmp": picture.metadata.xmp}
    try:
        _pillow(picture).save(file, name, **_given(about), **options)
    except OSError as error:
        if error.errno is not None:
            raise
        height, width = picture.pixels.shape[:2]
        raise ValueError(f"{name} takes no picture of {width} x {height} pixels: {error}") from error


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


def _pillow(picture: Picture) -> Image.Image:
    return Image.fromarray(picture.pixels.squeeze(2) if picture.channels == 1 else picture.pixels)


def _check_eight_bits(picture: Picture, name: str) -> None:
    if picture.bits != 8:
        raise ValueError(f"{name} has no {picture.bits}-bit pixels; write PNG or TIFF")


def _check_sides(picture: Picture, name: str, most: int) -> None:
    height, width = picture.pixels.shape[:2]
    if max(height, width) > most:
        advice = f"at most {most} pixels along a side; write TIFF or PNG"
        raise ValueError(f"{name} takes no picture of {width} x {height} pixels: {advice}")


def _lost(picture: Picture, *names: str) -> list[str]:
    return [name for name in names if (picture.dpi if name == "dpi" else getattr(picture.metadata, name))]


def _exif(picture: Picture) -> bytes | None:
    """The EXIF block, with the size that the picture has now."""
    if picture.metadata.exif is None:
        return None
    exif = load_exif(picture.metadata.exif)
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    sizes = zip(_SIZE_TAGS, picture.pixels.shape[1::-1], strict=True)
    tags.update({tag: size for tag, size in sizes if tag in tags})
    return exif.tobytes()


def _photoshop(iptc: bytes | None) -> bytes:
    """JPEG's segment APP13 with the resource 0x0404 of Photoshop, where IPTC's datasets stand."""
    if not iptc:
        return b""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    data = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(data) + 2) + data
