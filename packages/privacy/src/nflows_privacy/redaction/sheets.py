"""What a report shows of redacted files: never a picture before, since it would show what was redacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.images import PictureError, PictureFile
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.thumbnails import as_png, detail, thumbnail
from nflows_privacy.masks import Rectangle, cover
from nflows_privacy.regions import Box, Region
from nflows_privacy.video.formats import is_video

_SIDE = 320
_OUTLINE = (255, 210, 0)
_MOST = 24
_AROUND = 3
"""How many times as large as a region the part is that is shown of it."""


def redacted_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """The redacted pictures, where something was filled outlined, and the largest region of each from near."""
    shown = [outcome for outcome in about.shown(done) if not is_video(outcome.job.target)]
    if not shown:
        return []
    caption = f"Redacted: {len(shown)} of {len(done)}, what was filled outlined"
    rows = {
        str(outcome.job.source): shown_regions(outcome.job.target, _regions((outcome.result or {}).get("regions")))
        for outcome in shown
    }
    return [Sheet(caption, ("redacted", "the largest region"), rows)]


def left_sheet(left: Mapping[Path, Sequence[Region]]) -> list[Sheet]:
    """The pictures in which something is left, outlined, and the largest of it from near; at most so many."""
    shown = {path: regions for path, regions in left.items() if not is_video(path)}
    rows = {str(path): shown_regions(path, regions) for path, regions in list(shown.items())[:_MOST]}
    return [Sheet("Left", ("the picture", "the largest region"), rows)] if rows else []


def outlined(
    pixels: NDArray[np.uint8], boxes: Sequence[Box], colour: tuple[int, int, int] = _OUTLINE
) -> NDArray[np.uint8]:
    """A picture :math:`(H, W, 3)` with the outline of each box, one pixel wide, around what is in it."""
    drawn = pixels.copy()
    height, width = pixels.shape[:2]
    for box in boxes:
        if (place := cover(box, height, width)) is not None:
            _outline(drawn, place, colour)
    return drawn


def _outline(drawn: NDArray[np.uint8], place: Rectangle, colour: tuple[int, int, int]) -> None:
    top, left, bottom, right = place
    drawn[top, left:right] = drawn[bottom - 1, left:right] = colour
    drawn[top:bottom, left] = drawn[top:bottom, right - 1] = colour


def shown_regions(path: Path, regions: Sequence[Region]) -> list[bytes | str]:
    """A picture with outlines about regions, and the largest of them from near; or why it cannot be shown."""
    try:
        with PictureFile(path) as picture:
            return [_whole(picture, regions), _near(picture, regions)]
    except (PictureError, OSError) as error:
        return [f"cannot be shown: {error}", ""]


def whole_outlined(path: Path, regions: Sequence[Region]) -> bytes | str:
    """A picture with outlines about regions; or why it cannot be shown."""
    try:
        with PictureFile(path) as picture:
            return _whole(picture, regions)
    except (PictureError, OSError) as error:
        return f"cannot be shown: {error}"


def _regions(told: Any) -> list[Region]:
    """The regions of a result, which stands in a log that somebody may have edited."""
    try:
        return [Region.from_json(one) for one in told or ()]
    except (TypeError, ValueError):
        return []


def _whole(picture: PictureFile, regions: Sequence[Region]) -> bytes:
    small = thumbnail(picture, _SIDE)
    down, across = small.shape[0] / picture.shape[0], small.shape[1] / picture.shape[1]
    return as_png(outlined(small, [region.box.scaled(across, down) for region in regions]))


def _near(picture: PictureFile, regions: Sequence[Region]) -> bytes | str:
    if not regions:
        return "nothing was found"
    box = max(regions, key=lambda region: region.box.width).box
    height, width, _ = picture.shape
    place = (box.top + box.bottom) / 2 / height, (box.left + box.right) / 2 / width
    side = max(32, round(_AROUND * max(box.width, box.height)))
    return as_png(detail(picture, place, (side, side)))
