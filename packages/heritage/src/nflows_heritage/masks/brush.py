"""Masks that a person has painted: pictures of the same size, in which all that is not nearly black is marked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.data.others import is_named_as_picture
from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import PictureFile

Mask = NDArray[np.bool_]
_BLACK = 8 / 255
"""Up to here a mask is black, as a part of its largest value, which may be 1 or 255."""


def find_brush(path: Path, picture: Path) -> Path:
    """The mask for a picture: the file itself, or that in a folder whose name is the picture's but for the suffix.

    Arguments:
        path: A file, or a folder of them.
        picture: The picture.

    Raises:
        ValueError: There is no such mask in the folder, or several.
    """
    if not path.is_dir():
        return path
    found = _by_stem(path).get(picture.stem, [])
    if len(found) != 1:
        why = f"{len(found)} masks are" if found else "no mask is"
        raise ValueError(f"{path}: {why} named {picture.stem}, for {picture.name}; there must be one")
    return found[0]


def read_brush(path: Path, height: int, width: int) -> Mask:
    """What a file marks, :math:`(H, W)`: all that is not black, or nearly so, as JPEG leaves of black, and, where it
    has alpha, not clear either.

    Arguments:
        path: The file.
        height: The height of the picture that it is for.
        width: Its width.

    Raises:
        ValueError: It has another size.
        PictureError: It is no picture, or damaged.
        OSError: It cannot be read.
    """
    with PictureFile(path) as brush:
        if brush.shape[:2] != (height, width):
            sizes = f"{brush.shape[1]} x {brush.shape[0]} pixels, and the picture has {width} x {height}"
            raise ValueError(f"{path}: the mask has {sizes}; paint it on the picture in its own size")
        pixels, has_alpha = brush.rows(0, height), brush.about.has_alpha
    values = pixels[..., :-1].max(2) * (pixels[..., -1] > 0) if has_alpha else pixels.max(2)
    return np.asarray(values > _BLACK * values.max())


def _by_stem(folder: Path) -> Mapping[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(path for _, files in walk(folder) for path in files if is_named_as_picture(path.name)):
        found.setdefault(path.stem, []).append(path)
    return found
