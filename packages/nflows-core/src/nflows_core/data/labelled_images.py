"""Labelled pictures of any sizes as one batch of squares."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from nflows_core.data.fingerprint import digest
from nflows_core.data.images import DataError, Images
from nflows_core.data.labelled import LabelledFiles
from nflows_core.data.pictures import decode
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.foreign_text import visible

_Square = tuple[NDArray[np.uint8], bytes]


def images_of(files: LabelledFiles, side: int) -> Images:
    """The pictures of labelled files, RGB, each as a whole in a square; see `whole` for how.

    Arguments:
        files: The files, at least one.
        side: The side of the square in pixels.

    Raises:
        DataError: There are no files, or some cannot be decoded; the first of them are named, and all counted.
        ValueError: ``side`` is below 1.
    """
    if side < 1:
        raise ValueError(f"`side` must be at least 1, got {side}")
    if not files.files:
        raise DataError(f"{files.root}: none of its pictures was chosen; give at least one")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(partial(_read, side=side), map(files.path, files.files)))
    if bad := [one for one in made if isinstance(one, str)]:
        shown = "; ".join([*bad[:3], "..."] if bad[3:] else bad)
        raise DataError(f"{files.root}: {len(bad)} pictures cannot be used, repair or remove them: {visible(shown)}")
    squares, digests = zip(*(one for one in made if not isinstance(one, str)), strict=True)
    return Images(
        torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous(),
        labels=torch.from_numpy(files.labels),
        classes=files.classes,
        names=tuple(file.name for file in files.files),
        digest=digest(digests),
    )


def whole(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture shrunk by weighted means over areas until it fits a square, or enlarged bilinearly, in its proportions.

    What it does not cover gets the median colour of the picture's own border.

    Arguments:
        pixels: The picture, :math:`(H, W, 3)`.
        side: The side of the square.

    Returns:
        The square, :math:`(S, S, 3)`, with the picture in its middle.
    """
    scale = side / max(pixels.shape[:2])
    # As much on both sides, so that a picture and the same turned or mirrored become squares that are so too.
    top, left = (min(round((side - length * scale) / 2), (side - 1) // 2) for length in pixels.shape[:2])
    size = side - 2 * left, side - 2 * top
    square = np.empty((side, side, 3), np.uint8)
    square[:] = _border_colour(pixels)
    # Pillow's own box filter takes whole pixels, and so one more on one side than on the other.
    kind = Image.Resampling.HAMMING if scale < 1 else Image.Resampling.BILINEAR
    square[top : side - top, left : side - left] = np.asarray(Image.fromarray(pixels).resize(size, kind))
    return square


def _border_colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour: NDArray[np.uint8] = np.median(border, axis=0).astype(np.uint8)
    return colour


def _read(path: Path, side: int) -> _Square | str:
    """The square and the SHA-256 of a file, or what is wrong with it."""
    try:
        content = require_regular(path).read_bytes()
        pixels = decode(str(path), lambda _: io.BytesIO(content))
    except (DataError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else None
        return f"{path}: {reason}" if reason else str(error)
    rgb = np.ascontiguousarray(pixels.expand(3, -1, -1).permute(1, 2, 0).numpy())
    return whole(rgb, side), hashlib.sha256(content).digest()
