"""The mask of a picture: outside of it nothing may change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import PictureFile

_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jpg", ".jpeg")


def find_mask(mask: Path, source: Path) -> Path:
    """The mask of a picture: the file itself, or that of the picture's stem in a folder.

    Raises:
        ValueError: The folder has none, or several.
    """
    if not mask.is_dir():
        return mask
    found = [path for path in sorted(mask.glob("*")) if path.stem == source.stem and path.suffix.lower() in _SUFFIXES]
    if len(found) != 1:
        what = f"{len(found)} pictures" if found else "no picture"
        raise ValueError(f"`mask`: {mask} has {what} called {source.stem}; put one there for each picture")
    return found[0]


class MaskRows:
    """A mask as rows of one channel, above 0 where something may change.

    What is transparent is not marked; a picture without alpha is marked where it is not black.

    Arguments:
        mask: The open file of the mask.
        picture: The picture that it is of.

    Raises:
        ValueError: It has another size than the picture.
    """

    def __init__(self, mask: PictureFile, picture: PictureFile) -> None:
        if mask.shape[:2] != picture.shape[:2]:
            sizes = (f"{width} x {height}" for height, width, _ in (mask.shape, picture.shape))
            raise ValueError("`mask`: it has {} pixels, and the picture {}; give one of its size".format(*sizes))
        self._mask = mask

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, _ = self._mask.shape
        return height, width, 1

    def rows(self, top: int, bottom: int) -> NDArray[np.uint8]:
        pixels = self._mask.rows(top, bottom)
        if self._mask.about.has_alpha:
            pixels = pixels[..., :-1] * (pixels[..., -1:] > 0)
        marked: NDArray[np.bool_] = np.any(pixels > 0, axis=2, keepdims=True)
        return marked.astype(np.uint8)
