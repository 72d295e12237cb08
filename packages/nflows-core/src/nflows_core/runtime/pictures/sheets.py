"""Sheets of pictures before and after, made of their files."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest, nsmallest
from itertools import chain
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import PictureError, PictureFile
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.thumbnails import as_png, detail, thumbnail

Shown = NDArray[np.uint8]
Place = tuple[float, float]
_SIDE = 160
_BLOCK = 8
"""The side of the parts of a thumbnail that are compared for their detail."""
_PROPORTION = 1.1
"""How far the factors of the two sides may be apart, by which a picture became another."""


def before_and_after(caption: str, pairs: Iterable[tuple[str, Path, Path]]) -> Sheet:
    """A sheet of pictures as a whole, and of the part of each where there is most to see.

    The part is as large as on a screen in the picture after, and the one before is brought to its size pixel by pixel;
    there is none where the pictures have other proportions. A file that cannot be shown is named with the reason.

    Arguments:
        caption: The words over the sheet.
        pairs: The words, the file before and the file after of each picture.
    """
    columns = ("before", "after", "a part before", "the same part after")
    return Sheet(caption, columns, {name: _row(before, after) for name, before, after in pairs})


def contact_sheet(caption: str, pictures: Iterable[tuple[str, Path]]) -> Sheet:
    """A sheet of the pictures in files.

    Arguments:
        caption: The words over the sheet.
        pictures: The words and the file of each picture.
    """
    return Sheet(caption, ("picture",), {name: _shown(path) for name, path in pictures})


def spread(values: Sequence[float | None], most: int) -> list[int]:
    """Which of many pictures to show: the extremes of a number first, then others evenly, in their order.

    Arguments:
        values: The number of each picture, if it has one.
        most: How many to show.
    """
    known = array("d", (nan if value is None else value for value in values))
    ends = nsmallest(most // 6, _known(known)), nlargest(most // 6, _known(known))[::-1]
    chosen = dict.fromkeys(index for _, index in chain(*ends))
    rest = len(known) - len(chosen)
    places = np.linspace(0, rest - 1, min(rest, most - len(chosen))).round().astype(int)
    return [*chosen, *(_beside(int(place), chosen) for place in places)]


def _known(values: Iterable[float]) -> Iterator[tuple[float, int]]:
    return ((value, index) for index, value in enumerate(values) if not isnan(value))


def _beside(place: int, chosen: Iterable[int]) -> int:
    """Which of all is at a place of those that are not chosen."""
    for index in sorted(chosen):
        place += index <= place
    return place


def _row(before: Path, after: Path) -> list[bytes | str]:
    try:
        whole_after, part_after, place, size = _after(after)
        whole_before, part_before = _before(before, place, size, part_after.shape)
    except (PictureError, OSError) as error:
        return [f"cannot be shown: {error}", "", "", ""]
    parts: list[bytes | str] = ["", ""] if part_before is None else [as_png(part_before), as_png(part_after)]
    return [as_png(whole_before), as_png(whole_after), *parts]


def _shown(path: Path) -> list[bytes | str]:
    try:
        with PictureFile(path) as picture:
            return [as_png(thumbnail(picture, _SIDE))]
    except (PictureError, OSError) as error:
        return [f"cannot be shown: {error}"]


def _after(path: Path) -> tuple[Shown, Shown, Place, tuple[int, ...]]:
    """The whole, the part where there is most to see, the place of that, and the shape of the picture."""
    with PictureFile(path) as picture:
        whole = thumbnail(picture, _SIDE)
        place = _busiest(whole)
        return whole, detail(picture, place, (_SIDE, _SIDE)), place, picture.shape


def _before(path: Path, place: Place, new: tuple[int, ...], part: tuple[int, ...]) -> tuple[Shown, Shown | None]:
    """The whole, and the part that became one of the shape ``part`` in a picture of the shape ``new``."""
    with PictureFile(path) as picture:
        whole = thumbnail(picture, _SIDE)
        down, across = new[0] / picture.shape[0], new[1] / picture.shape[1]
        if max(down, across) > _PROPORTION * min(down, across):
            return whole, None
        sides = max(1, round(part[0] / down)), max(1, round(part[1] / across))
        small = Image.fromarray(detail(picture, place, sides))
        return whole, np.asarray(small.resize((part[1], part[0]), Image.Resampling.NEAREST))


def _busiest(pixels: Shown) -> Place:
    """The middle of the part that varies most, in shares of the height and the width."""
    height, width = (max(1, length // _BLOCK) for length in pixels.shape[:2])
    grey = pixels.mean(2)
    rows, columns = (
        np.array_split(np.arange(length), n) for length, n in zip(grey.shape, (height, width), strict=True)
    )
    spreads = [[grey[np.ix_(row, column)].std() for column in columns] for row in rows]
    row, column = np.unravel_index(np.argmax(spreads), (height, width))
    return (float(row) + 0.5) / height, (float(column) + 0.5) / width
