"""The boxes of one picture in its upright pixels, whatever is wrong with some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nflows_core.runtime.images.finding import find
from nflows_privacy.annotations.annotated import Marked
from nflows_privacy.annotations.faults import CUT, OUTSIDE, TURNED, UPRIGHT
from nflows_privacy.regions import Box, Region

_SWAPPED, _ROWS_TURNED, _COLUMNS_TURNED = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)  # EXIF 3.0, Orientation

_SLACK = 1e-3
"""Of a pixel: how far shares of the sides may reach out by rounding."""


@dataclass(frozen=True)
class Placed:
    """The regions of a picture, and what is wrong: kinds of `nflows_privacy.annotations.faults` with the boxes."""

    regions: tuple[Region, ...]
    faults: tuple[tuple[str, str], ...] = ()


def placed(marked: Marked, width: int, height: int, orientation: int = 1) -> Placed:
    """The regions in a picture that is shown upright; what has no part in it is left out.

    Boxes that are counted in a size are turned where that is the size of the pixels as stored and not as shown. Where
    no size is known, or it is both, they are taken to count as shown, as programs that obey EXIF count them, unless one
    of them reaches out of what is shown and all are inside of what is stored.

    Arguments:
        marked: What a file says of the picture.
        width: The width of the picture as it is shown.
        height: Its height.
        orientation: How the file stores it, 1 to 8, as EXIF numbers it.

    Raises:
        ValueError: The boxes are counted in a picture of another size.
    """
    is_stored = orientation != 1 and _is_stored(marked, width, height, orientation)
    if is_stored:
        regions = [replace(one, box=upright_box(one.box, orientation, width, height)) for one in marked.regions]
    else:
        regions = marked.within(width, height)
    faults = [(TURNED if is_stored else UPRIGHT, "")] if orientation != 1 and regions else []
    inside = [one for one in regions if _reaches_into(one.box, width, height)]
    faults += [(OUTSIDE, _words(one.box)) for one in regions if one not in inside]
    faults += [(CUT, _words(one.box)) for one in inside if not _all_inside([one], width, height)]
    return Placed(tuple(inside), tuple(faults))


def orientation_of(path: Path) -> int:
    """How a picture's file stores it, 1 to 8, as EXIF numbers it.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return find(file).orientation


def upright_box(box: Box, orientation: int, width: int, height: int) -> Box:
    """A box of a picture's pixels as stored, in the picture as shown, which has this width and height.

    Example:
        >>> upright_box(Box(0, 0, 10, 5), 6, width=60, height=80)
        Box(left=55, top=0, right=60, bottom=10)
    """
    left, top, right, bottom = box
    if orientation in _SWAPPED:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _ROWS_TURNED:
        top, bottom = height - bottom, height - top
    if orientation in _COLUMNS_TURNED:
        left, right = width - right, width - left
    return Box(left, top, right, bottom)


def _is_stored(marked: Marked, width: int, height: int, orientation: int) -> bool:
    """Whether boxes are counted in the pixels as stored."""
    stored = (height, width) if orientation in _SWAPPED else (width, height)
    if marked.size is not None:
        return marked.size == stored != (width, height)
    return not _all_inside(marked.regions, width, height) and _all_inside(marked.regions, *stored)


def _all_inside(regions: Sequence[Region], width: int, height: int) -> bool:
    return all(
        min(one.box[:2]) >= -_SLACK and one.box.right <= width + _SLACK and one.box.bottom <= height + _SLACK
        for one in regions
    )


def _reaches_into(box: Box, width: int, height: int) -> bool:
    return box.right > 0 and box.bottom > 0 and box.left < width and box.top < height


def _words(box: Box) -> str:
    return " ".join(f"{value:g}" for value in box)
