"""The work of ``nflows heritage mask``: a picture to the mask of its damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.images import Picture, PictureError, PictureFile
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.thumbnails import as_png, detail, thumbnail
from nflows_core.runtime.pictures.work import Made
from nflows_heritage.masks.brush import find_brush, read_brush
from nflows_heritage.masks.colour import Mask, find_colour, parse_colour
from nflows_heritage.masks.cracks import SHIPPED, load_finder

_SIDE = 320
_MARKED = (255, 0, 200)
"""The colour of what is marked, which paintings hardly have."""


@dataclass(frozen=True)
class FindDamage:
    """Marks damage: what any of these ways finds.

    Arguments:
        cracks: Whether cracks are looked for.
        colour: The colour of losses, as `parse_colour` takes it, if they are looked for.
        tolerance: How far a colour may be from that, in CIELAB.
        least: The pixels of a loss, at least.
        grow: How many pixels are marked around a loss.
        brush: The file or the folder of the masks that a person has painted, if any.
    """

    cracks: bool
    colour: str | None = None
    tolerance: float = 10.0
    least: int = 20
    grow: int = 1
    brush: str | None = None

    def __call__(self, source: PictureFile, seed: int) -> Made:
        """The mask, of 0 and 255, and the share that is marked in percent."""
        height, width, channels = source.shape
        pixels = source.rows(0, height)[..., : channels - source.about.has_alpha]
        mask = np.zeros((height, width), np.bool_)
        for found in self._found(pixels, source.path):
            mask |= found
        picture = Picture(np.where(mask, np.uint8(255), np.uint8(0))[..., None], dpi=source.about.dpi)
        return Made(picture, numbers=partial(_numbers, mask))

    def _found(self, pixels: NDArray[Any], path: Path) -> Iterator[Mask]:
        if self.brush is not None:
            yield read_brush(find_brush(Path(self.brush), path), *pixels.shape[:2])
        if self.cracks:
            yield load_finder(SHIPPED)(pixels)
        if self.colour is not None:
            yield find_colour(pixels, parse_colour(self.colour), self.tolerance, self.least, self.grow)


def _numbers(mask: Mask) -> dict[str, float]:
    return {"marked_percent": round(100 * float(mask.mean()), 3)}


def mask_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """The pictures with what is marked laid over, as a whole and the middle of the damage from near."""
    if not done:
        return []
    rows = {str(one.job.source): _row(one.job.source, one.job.target) for one in about.shown(done)}
    columns = ("the picture", "marked", "a part", "marked there")
    return [Sheet(f"What is marked: {len(rows)} of {len(done)}", columns, rows)]


def _row(source: Path, target: Path) -> list[bytes | str]:
    try:
        with PictureFile(source) as picture, PictureFile(target) as mask:
            whole, marks = thumbnail(picture, _SIDE), thumbnail(mask, _SIDE)
            place = _middle(marks[..., 0])
            near, near_marks = (detail(one, place, (_SIDE // 2, _SIDE // 2)) for one in (picture, mask))
    except (PictureError, OSError) as error:
        return [f"cannot be shown: {error}", "", "", ""]
    return [as_png(one) for one in (whole, overlaid(whole, marks), near, overlaid(near, near_marks))]


def overlaid(picture: NDArray[np.uint8], marks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture :math:`(H, W, 3)` with what is marked in one colour, by half where it is whole.

    Arguments:
        picture: The picture.
        marks: The mask of the same size, from 0 to 255 in each channel.
    """
    share = marks / 510
    laid: NDArray[np.uint8] = np.rint(picture * (1 - share) + share * np.array(_MARKED)).astype(np.uint8)
    return laid


def _middle(marks: NDArray[np.uint8]) -> tuple[float, float]:
    """The place that is marked nearest to the mean of all, in shares of the height and the width."""
    places = np.argwhere(marks)
    if not len(places):
        return 0.5, 0.5
    nearest = places[np.linalg.norm(places - places.mean(0), axis=1).argmin()]
    return float(nearest[0] + 0.5) / marks.shape[0], float(nearest[1] + 0.5) / marks.shape[1]
