"""Small pictures of large files, read strip by strip, as they look on a screen."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from nflows_core.runtime.images import PictureFile

_STRIP = 2**22
"""The samples that are read at a time."""
_SQUARE = 8
"""The side of a square of the checkerboard behind what is transparent."""
_LIGHT, _DARK = 0.93, 0.8


def thumbnail(picture: PictureFile, side: int) -> NDArray[np.uint8]:
    r"""The whole picture with sides of at most ``side``, :math:`(h, w, 3)` in sRGB.

    Each pixel is a mean of its surroundings. What is transparent shows a checkerboard. A colour profile is applied; one
    that cannot be is left out.

    Arguments:
        picture: The picture, of any size: one strip of it is in memory at a time.
        side: The longer side in pixels; a smaller picture keeps its size.
    """
    height, width, _ = picture.shape
    shrink = max(1.0, max(height, width) / side)
    size = max(1, round(height / shrink)), max(1, round(width / shrink))
    blocks = np.concatenate(list(_blocks(picture, max(1, int(shrink / 2)))))
    return on_screen(_resized(blocks, size), picture.about.icc)


def detail(picture: PictureFile, place: tuple[float, float], sides: tuple[int, int]) -> NDArray[np.uint8]:
    r"""A part of the picture, :math:`(h, w, 3)` in sRGB, as `thumbnail` shows it.

    Arguments:
        picture: The picture.
        place: Where its middle is, down and across, in shares of the sides; it is moved inwards.
        sides: Its height and width in pixels, at most those of the picture.
    """
    whole = picture.shape[:2]
    sides = min(sides[0], whole[0]), min(sides[1], whole[1])
    top, left = (
        min(max(0, round(share * length - side / 2)), length - side)
        for share, length, side in zip(place, whole, sides, strict=True)
    )
    return part(picture, top, left, *sides)


def part(picture: PictureFile, top: int, left: int, height: int, width: int) -> NDArray[np.uint8]:
    r"""A part of the picture, :math:`(h, w, 3)` in sRGB, as `thumbnail` shows it.

    Raises:
        ValueError: It is empty or reaches out of the picture.
    """
    return on_screen(_premultiplied(picture.region(top, left, height, width)), picture.about.icc)


def on_screen(samples: NDArray[np.float32], icc: bytes | None) -> NDArray[np.uint8]:
    """Samples in [0, 1], multiplied by their alpha where there is one, as pixels of sRGB on a checkerboard."""
    colours, alpha = (samples[..., :-1], samples[..., -1:]) if samples.shape[2] in (2, 4) else (samples, None)
    if alpha is not None:
        colours = np.divide(colours, alpha, out=np.zeros_like(colours), where=alpha > 0)
    shown = _in_srgb(np.rint(colours.clip(0, 1) * 255).astype(np.uint8), icc)
    if alpha is None:
        return shown
    blend = shown * alpha + 255 * _checkerboard(*shown.shape[:2]) * (1 - alpha)
    return np.rint(blend).astype(np.uint8)


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """The file of pixels of sRGB."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _blocks(picture: PictureFile, side: int) -> Iterator[NDArray[np.float32]]:
    """The means of square blocks, a few rows of them at a time; those at the right and the bottom may be cut off."""
    height, width, channels = picture.shape
    rows = side * max(1, _STRIP // (width * channels * side))
    across = np.arange(0, width, side)
    for top in range(0, height, rows):
        strip = _premultiplied(picture.rows(top, min(top + rows, height)))
        if side == 1:
            yield strip
            continue
        down = np.arange(0, len(strip), side)
        sums = np.add.reduceat(np.add.reduceat(strip, down, axis=0), across, axis=1)
        sums /= np.diff(down, append=len(strip))[:, None, None] * np.diff(across, append=width)[:, None]
        yield sums


def _resized(samples: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Each pixel a mean by weights that fall to zero at the middles of its neighbours."""
    channels = [Image.fromarray(samples[..., channel]) for channel in range(samples.shape[2])]
    resized = [channel.resize((size[1], size[0]), Image.Resampling.BILINEAR) for channel in channels]
    return np.stack([np.asarray(channel) for channel in resized], axis=2)


def _premultiplied(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)
    if pixels.shape[2] in (2, 4):
        samples[..., :-1] *= samples[..., -1:]
    return samples


def _in_srgb(pixels: NDArray[np.uint8], icc: bytes | None) -> NDArray[np.uint8]:
    grey = pixels.shape[2] == 1
    image = Image.fromarray(pixels[..., 0] if grey else pixels)
    if icc is not None:
        try:
            profile, srgb = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB") or image
        except (OSError, ImageCms.PyCMSError):
            pass  # colours a little off in a small picture are better than none
    return np.asarray(image.convert("RGB"))


def _checkerboard(height: int, width: int) -> NDArray[np.float32]:
    rows, columns = np.ogrid[:height, :width]
    is_dark = (rows // _SQUARE + columns // _SQUARE) % 2 == 1
    return np.where(is_dark, np.float32(_DARK), np.float32(_LIGHT))[..., None]
