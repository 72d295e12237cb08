"""How convex a piece is, known by the outermost pixels of its rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

Mask = NDArray[np.bool_]
Points = NDArray[np.int64]
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Shape:
    """A piece: how many pixels it has, and the first and the last of each of its rows, (N, 2)."""

    area: int
    ends: Points

    def __or__(self, other: Shape) -> Shape:
        """The union with a piece that shares no pixel."""
        return Shape(self.area + other.area, np.concatenate([self.ends, other.ends]))

    @property
    def solidity(self) -> float:
        """The share of the pixels of its convex hull that are its own, in (0, 1]."""
        return self.area / _pixels_within(self.ends)


def shape_of(piece: Mask, window: Window, size: tuple[int, int]) -> Shape:
    """The shape of a piece; one that the edge of the photograph cuts is mirrored there.

    Of two seeds that both lie across the edge, the visible halves together may be convex; with their mirror images they
    are not.

    Arguments:
        piece: The pixels of the window that are of it; at least one is.
        window: The place of the piece in the photograph.
        size: The height and width of the photograph.
    """
    rows = np.flatnonzero(piece.any(1))
    first, last = piece[rows].argmax(1), piece.shape[1] - 1 - piece[rows, ::-1].argmax(1)
    places = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)])
    shape = Shape(int(piece.sum()), places + np.array([window[0].start, window[1].start]))
    for axis in (0, 1):
        shape = _mirrored(shape, axis, size[axis])
    return shape


def _mirrored(shape: Shape, axis: int, length: int) -> Shape:
    along = shape.ends[:, axis]
    edges = [edge for edge, cuts in ((-1, along.min() == 0), (2 * length - 1, along.max() == length - 1)) if cuts]
    if len(edges) != 1:  # one that reaches from edge to edge has no end to be mirrored at
        return shape
    ends = shape.ends.copy()
    ends[:, axis] = edges[0] - along
    return shape | Shape(shape.area, ends)


def _pixels_within(points: Points) -> int:
    """The points of the grid in the convex hull of some, by Pick's theorem: area + half of those on its edge + 1."""
    try:
        hull = ConvexHull(points)
    except QhullError:  # all on one line
        return int(np.abs(np.ptp(points, 0)).max()) + 1
    corners = points[hull.vertices]
    sides = np.abs(np.diff(corners, axis=0, append=corners[:1]))
    return round(float(hull.volume) + float(np.gcd(*sides.T).sum()) / 2 + 1)
