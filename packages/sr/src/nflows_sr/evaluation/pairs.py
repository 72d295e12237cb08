"""What is measured: pictures in sets, and of each a small one to begin with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.pictures.options import READ
from nflows_sr.degradations import Pixels, imresize
from nflows_sr.degradations.pictures import cropped
from nflows_sr.metrics import luma

LEAST_LIKENESS = 0.65
"""Below this correlation a small picture is hardly one of its original.

Of Set5 and Set14, different photographs have .59 at most. What `degrade_real` makes of one has .80 or more, JPEG of
quality 10 .91, noise of 50 levels .75.
"""

_ORIGINALS = ("hr", "gt")
"""How the field calls the folder of the originals in that of a set, in small letters."""


@dataclass(frozen=True)
class Pair:
    """A small picture and what it should become.

    Arguments:
        small: The small picture (H, W, C).
        large: The original (sH, sW, C), without the rows and columns that made it no multiple of the scale.
        cut_off: How many rows and columns these were.
        likeness: Of a small picture that was read, its correlation with the original made small; see `LEAST_LIKENESS`.
    """

    small: Pixels
    large: Pixels
    cut_off: tuple[int, int]
    likeness: float | None = None


def find_sets(inputs: Sequence[Path]) -> Mapping[str, Sequence[Path]]:
    """The pictures of each set, by its name: a folder is a set, and the files beside it are one, ``pictures``.

    A folder called HR or GT has the name of the folder it lies in.

    Raises:
        ValueError: There is no picture, one is given twice, or two sets have the same name.
        OSError: A folder cannot be read.
    """
    sets: dict[str, list[Path]] = {}
    for folder in (path for path in inputs if path.is_dir()):
        name = _set_name(folder.absolute())
        if name in sets:
            raise ValueError(f"two folders are the set {name!r}, such as {folder}; give them other names")
        sets[name] = [path for _, files in walk(folder) for path in files if path.suffix.lower() in READ]
        if not sets[name]:
            raise ValueError(f"{folder} has no picture: {', '.join(sorted(READ))}")
    if files := [path for path in inputs if not path.is_dir()]:
        if len({path.resolve() for path in files}) < len(files):
            raise ValueError("a picture is given twice, and would count twice; give each once")
        sets["pictures"] = files
    return sets


def read_pair(original: Path, scale: int, small_folder: Path | None = None) -> Pair:
    """An original with a small picture, made as MATLAB's ``imresize`` makes it or read.

    Arguments:
        original: The file of the original.
        scale: How many times the small picture grows.
        small_folder: The folder of small pictures, called like the originals or with ``x2`` for a scale of 2 behind,
            in it or in a folder ``X2`` in it; else they are made.

    Raises:
        ValueError: A picture cannot be read, has alpha, is smaller than the scale, or the small one is missing or of
            another size.
        OSError: A file cannot be read.
    """
    whole = _pixels(original)
    large = cropped(whole, scale)
    cut_off = (whole.shape[0] - large.shape[0], whole.shape[1] - large.shape[1])
    if small_folder is None:
        return Pair(imresize(large, 1 / scale), large, cut_off)
    path = _find_small(small_folder, original.stem, scale)
    small = _pixels(path)
    if small.shape != (large.shape[0] // scale, large.shape[1] // scale, large.shape[2]):
        raise ValueError(f"{path} is {_size(small)}, which is not {_size(whole)} made {scale} times smaller")
    return Pair(small, large, cut_off, _likeness(small, imresize(large, 1 / scale)))


def _likeness(small: Pixels, made: Pixels) -> float:
    """The correlation of two pictures of a size, by their luma; flat ones are alike."""
    x, y = (luma(pixels) - luma(pixels).mean() for pixels in (small, made))
    spread = math.sqrt(np.square(x).sum() * np.square(y).sum())
    return float((x * y).sum()) / spread if spread else 1.0


def _set_name(folder: Path) -> str:
    return folder.parent.name if folder.name.lower() in _ORIGINALS else folder.name


def _pixels(path: Path) -> Pixels:
    picture = read_picture(path)
    if picture.has_alpha:
        raise ValueError(f"{path} has alpha, which no metric knows; flatten it first")
    return picture.pixels


def _find_small(folder: Path, stem: str, scale: int) -> Path:
    folders = (folder / f"X{scale}", folder / f"x{scale}", folder)
    names = (f"{stem}x{scale}", f"{stem}X{scale}", stem)
    candidates = (place / f"{name}{suffix}" for place in folders for name in names for suffix in sorted(READ))
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise ValueError(f"{folder} has no {stem}x{scale} nor {stem}, nor has X{scale} in it")
    return found


def _size(pixels: Pixels) -> str:
    kind = "grey" if pixels.shape[2] == 1 else "RGB"
    return f"{pixels.shape[1]} x {pixels.shape[0]} {kind}"
