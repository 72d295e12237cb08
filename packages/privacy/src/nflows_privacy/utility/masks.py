"""Pictures with masks: the class of each pixel, in a PNG file of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.pictures.options import READ
from nflows_privacy.rgb import as_rgb

IGNORED = 255
"""The value of pixels that belong to no class, as Cityscapes has it."""
_ENDINGS = ("_leftImg8bit", "_gtFine_labelTrainIds", "_labelTrainIds", "_labelids")
"""What Cityscapes and IDD write behind the name of a picture, and of its mask."""

Pair = tuple[Tensor, Tensor]
"""A picture :math:`(3, H, W)` in bytes, and the class of each pixel :math:`(H, W)`; in a batch, with B before."""


@dataclass(frozen=True)
class Masked:
    """A picture and its mask.

    Arguments:
        name: What both are called, without the suffix and what data sets write behind it.
        picture: The file of the picture.
        mask: The file of the mask.
    """

    name: str
    picture: Path
    mask: Path


def find_masked(pictures: Path, masks: Path) -> list[Masked]:
    """The pictures of a folder with the masks of another, by their relative names.

    The folders may be the same one where the pictures are no PNG files.

    Raises:
        ValueError: There are no pictures, one has no mask, or two have the same name.
        OSError: A folder cannot be read.
    """
    known = _named(masks, frozenset((".png",)))
    suffixes = READ - {".png"} if pictures.resolve() == masks.resolve() else READ
    found = _named(pictures, suffixes)
    if not found:
        raise ValueError(f"{pictures}: no pictures; give a folder that has some")
    if missing := next((name for name in found if name not in known), None):
        raise ValueError(f"{masks}: no mask {missing}.png for {found[missing]}")
    return [Masked(name, path, known[name]) for name, path in found.items()]


def count_classes(masked: Sequence[Masked]) -> int:
    """One more than the highest class of any mask.

    Raises:
        ValueError: No mask has a second class, or one is no picture of one channel and 8 bits.
    """
    highest = 0
    for one in masked:
        values = _mask(one.mask)
        highest = max(highest, int(values[values != IGNORED].max(initial=0)))
    if highest == 0:
        raise ValueError("the masks have the one class 0; there is nothing to tell apart")
    return highest + 1


@dataclass(frozen=True)
class MaskedPictures:
    """Items of a training: pictures and masks at one size; every second one, at random, from left to right.

    Arguments:
        masked: The pictures and masks.
        size: The sides to which they are brought, in pixels.
        flipped: Whether any are flipped.
    """

    masked: Sequence[Masked]
    size: int
    flipped: bool = True

    def __len__(self) -> int:
        return len(self.masked)

    def read(self, index: int, seed: int) -> Pair:
        one, sides = self.masked[index], (self.size, self.size)
        pixels, mask = as_rgb(read_picture(one.picture).pixels), _mask(one.mask)
        if pixels.shape[:2] != mask.shape:
            raise ValueError(f"{one.mask}: has {mask.shape[::-1]} pixels, and its picture {pixels.shape[1::-1]}")
        small = np.asarray(Image.fromarray(pixels).resize(sides, Image.Resampling.BILINEAR))
        classes = np.asarray(Image.fromarray(mask).resize(sides, Image.Resampling.NEAREST))
        if self.flipped and np.random.default_rng(seed).random() < 0.5:
            small, classes = small[:, ::-1], classes[:, ::-1]
        picture = torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))
        return picture, torch.from_numpy(np.ascontiguousarray(classes).astype(np.int64))


def _named(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(path for _, files in walk(folder) for path in files if path.suffix.lower() in suffixes):
        name = _name(path.relative_to(folder).as_posix())
        if name in found:
            raise ValueError(f"{path}: has the name of {found[name].name}; give each a name of its own")
        found[name] = path
    return found


def _name(relative: str) -> str:
    path = PurePosixPath(relative).with_suffix("")
    stem = path.name
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    return str(path.with_name(stem))


def _mask(path: Path) -> NDArray[Any]:
    """The classes of a mask: what a PNG holds, of a palette the numbers and not the colours."""
    with Image.open(path) as image:
        if image.mode not in ("L", "P"):
            raise ValueError(f"{path}: a mask has one channel of 8 bits, the number of each pixel's class")
        return np.asarray(image)
