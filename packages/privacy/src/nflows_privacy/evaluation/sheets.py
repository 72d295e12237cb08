"""The worst pictures before and after, to look at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from nflows_core.runtime.images import read_picture
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_privacy.evaluation.comparing import Answer
from nflows_privacy.evaluation.measuring import Measured, Seen
from nflows_privacy.masks import cover
from nflows_privacy.regions import Region
from nflows_privacy.rgb import as_rgb

_SHOWN = 24
_SIDE = 168
_AROUND = 2.0
"""How much of its surroundings a region is shown with."""


def worst_sheet(answer: Answer) -> list[Sheet]:
    """A sheet of the worst pictures: the whole, and the worst region with its surroundings, before and after."""
    worst = answer.worst_first[:_SHOWN]
    if not worst:
        return []
    number = f"{len(worst)} of {len(answer.measured)} pictures, the worst first"
    caption = f"{number}. This page is as private as the pictures before."
    columns = ("before", "after", "worst place before", "the same after")
    return [Sheet(caption, columns, {one.pair.name: list(_row(one)) for one in worst})]


def _row(one: Measured) -> Iterator[bytes | str]:
    pictures = [as_rgb(read_picture(path).pixels) for path in (one.pair.before, one.pair.after)]
    yield from (as_png(_fitted(pixels)) for pixels in pictures)
    region = _worst_region(one)
    if region is None:
        yield from ("nothing found", "")
        return
    yield from (as_png(_fitted(_part(pixels, region))) for pixels in pictures)


def _worst_region(one: Measured) -> Region | None:
    """One that is found or read again, before others; of the same, the largest."""

    def badness(place: int) -> tuple[bool, bool, float]:
        leak, box = one.leaks.get(place), one.regions[place].box
        return one.again[place], leak is not None and leak.is_leak, box.width * box.height

    return one.regions[max(range(len(one.regions)), key=badness)] if one.regions else None


def _part(pixels: Seen, region: Region) -> Seen:
    rectangle = cover(region.box.grown(_AROUND), *pixels.shape[:2])
    return pixels if rectangle is None else pixels[rectangle.slices]


def _fitted(pixels: Seen) -> Seen:
    """The picture with its longer side as on the page; small ones stay pixels."""
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize(size, way))
