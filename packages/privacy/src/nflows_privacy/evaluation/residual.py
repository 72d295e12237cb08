"""What a detector still finds in a redacted picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import Region, areas, boxes_array, intersections

LEAST_SHARE = 0.5
"""Two boxes are of the same thing if they share this much of the smaller one: what is left of a face may be found
smaller or larger than the face was."""


@dataclass(frozen=True)
class Residual:
    """What was found.

    Arguments:
        again: Whether each region of the picture before was found again, by a region of its kind.
        elsewhere: How many regions were found at no region of the picture before.
    """

    again: tuple[bool, ...]
    elsewhere: int


def residual(before: Sequence[Region], after: Sequence[Region]) -> Residual:
    """Compares the regions of a picture with those that are found in it when it is redacted.

    Arguments:
        before: The regions that should be gone.
        after: What is found now.

    Example:
        >>> from nflows_privacy.regions import Box
        >>> face, plate = Region(Box(0, 0, 10, 10), "face"), Region(Box(50, 50, 70, 60), "plate")
        >>> residual([face, plate], [Region(Box(2, 2, 8, 8), "face", 0.7)])
        Residual(again=(True, False), elsewhere=0)
    """
    if not before or not after:
        return Residual((False,) * len(before), len(after))
    same = _same_place(before, after)
    kinds = np.array([[one.kind == other.kind for other in after] for one in before])
    again = (same & kinds).any(1).tolist()
    return Residual(tuple(again), int((~same.any(0)).sum()))


def _same_place(before: Sequence[Region], after: Sequence[Region]) -> NDArray[np.bool_]:
    first, second = boxes_array(before), boxes_array(after)
    smaller = np.minimum(areas(first)[:, None], areas(second)[None])
    same: NDArray[np.bool_] = intersections(first, second) >= LEAST_SHARE * smaller
    return same
