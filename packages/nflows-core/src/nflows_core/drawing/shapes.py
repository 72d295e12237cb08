"""Strokes and polygons, drawn as the share of each pixel that they cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.drawing.curves import Points

Shares = NDArray[np.float32]

_LINES = 8
"""Lines of a row of pixels on which a polygon is measured; along each of them its share is exact."""
_PIECE = 8.0
"""Strokes are drawn in pieces of so many pixels at most, and so many pieces at a time."""
_AT_ONCE = 1024
_ASIDE = 1e-6
"""Pixels on the middle of a stroke are seen across it too, from a little beside it."""


@dataclass(frozen=True)
class Stroke:
    """A line with round ends and joints.

    Arguments:
        points: The places that it goes through, in pixels, at least one.
        widths: Its width at each of them, in pixels; what is thinner than a pixel covers less of it.
    """

    points: Points
    widths: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.points.shape != (len(self.widths), 2) or not len(self.points):
            raise ValueError(f"a stroke has a width at each point, got {self.points.shape} and {self.widths.shape}")


@dataclass(frozen=True)
class Polygon:
    """The inside of an outline, which is closed.

    Arguments:
        points: Its corners, in pixels.
    """

    points: Points


def drawn(shapes: Iterable[Stroke | Polygon], height: int, width: int) -> Shares:
    """The share of each pixel that shapes cover, :math:`(H, W)` in [0, 1]; of several, the largest share counts.

    What lies outside is cut off.

    Arguments:
        shapes: The shapes.
        height: The height in pixels.
        width: The width.
    """
    shares = np.zeros((height, width), np.float32)
    for shape in shapes:
        if isinstance(shape, Polygon):
            np.maximum(shares, _polygon(shape.points, height, width), out=shares)
        else:
            _draw_stroke(shares, shape)
    return shares


def _polygon(points: Points, height: int, width: int) -> Shares:
    r"""How often the outline goes around each place, at most once, measured on some lines of each row of pixels.

    Where an edge crosses a line at x, all that lies to the right is inside by one more, or one less: the pixel of x by
    the part of it to the right, and the next by all. Sums along the line make of these changes the shares.
    """
    changes = np.zeros((height * _LINES, width + 2))
    for line, x, sign in _crossings(points, height):
        x = np.clip(x, 0, width)
        pixel = x.astype(np.intp)
        np.add.at(changes, (line, pixel), sign * (pixel + 1 - x))
        np.add.at(changes, (line, pixel + 1), sign * (x - pixel))
    shares = np.minimum(np.abs(changes.cumsum(1)[:, :width]), 1)
    means: Shares = shares.reshape(height, _LINES, width).mean(1).astype(np.float32)
    return means


def _crossings(points: Points, height: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64], int]]:
    """For each edge the lines that it crosses, where, and whether downwards (1) or upwards (-1)."""
    for (x, y), (next_x, next_y) in zip(points, np.roll(points, -1, 0), strict=True):
        first, last = np.clip(np.ceil(np.sort([y, next_y]) * _LINES - 0.5), 0, height * _LINES).astype(int)
        if first < last:
            lines = np.arange(first, last)
            slope = (next_x - x) / (next_y - y)
            yield lines, x + slope * ((lines + 0.5) / _LINES - y), 1 if next_y > y else -1


def _draw_stroke(shares: Shares, stroke: Stroke) -> None:
    points, widths = _in_pieces(stroke)
    for first in range(0, len(points) - 1, _AT_ONCE):
        part = slice(first, first + _AT_ONCE + 1)
        _draw_pieces(shares, points[part], widths[part])


def _in_pieces(stroke: Stroke) -> tuple[Points, NDArray[np.float64]]:
    """The same stroke with points that are close together, two at least."""
    points, widths = (np.concatenate([values, values[-1:]]) for values in (stroke.points, stroke.widths))
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    counts = np.maximum(np.ceil(lengths / _PIECE), 1).astype(int)
    places = np.concatenate([k + np.arange(count) / count for k, count in enumerate(counts)] + [[len(counts)]])
    numbers = np.arange(len(points))
    x, y, widths = (np.interp(places, numbers, values) for values in (*points.T, widths))
    return np.stack([x, y], axis=1), widths


def _draw_pieces(shares: Shares, points: Points, widths: NDArray[np.float64]) -> None:
    """Pieces whose width changes along lines, each in a square of pixels around it."""
    start, way, half = points[:-1], np.diff(points, axis=0), widths / 2
    reach = half.max() + 1
    corner = np.floor(np.minimum(points[:-1], points[1:]) - reach).astype(int)
    offsets = np.arange(int(np.abs(way).max() + 2 * reach) + 2)
    x, y = corner[:, 0, None, None] + offsets, corner[:, 1, None, None] + offsets[:, None]
    right, down = x + 0.5 - start[:, 0, None, None], y + 0.5 - start[:, 1, None, None]
    dx, dy = way.T[:, :, None, None]
    along = np.clip((right * dx + down * dy) / np.maximum(dx**2 + dy**2, 1e-12), 0, 1)
    right, down = right - along * dx - _ASIDE * dy, down - along * dy + _ASIDE * dx
    part = _part_within(right, down, half[:-1, None, None] + along * np.diff(half)[:, None, None])
    x, y = np.broadcast_arrays(x, y)
    seen = (part > 0) & (x >= 0) & (x < shares.shape[1]) & (y >= 0) & (y < shares.shape[0])
    np.maximum.at(shares, (y[seen], x[seen]), part[seen].astype(np.float32))


def _part_within(right: NDArray[np.float64], down: NDArray[np.float64], half: NDArray[np.float64]) -> Any:
    r"""The part of a pixel that lies in a straight strip of a half width, whose middle is nearest at (right, down).

    Across the strip, a pixel seen under an angle has the profile of two boxes convolved, as wide as the parts p and q
    of the direction. With :math:`Q(t) = \max(t, 0)^2`, the part of it below t is

    .. math:: \frac{Q(t + a) - Q(t + b) - Q(t - b) + Q(t - a)}{2pq}, \quad a = \frac{p + q}{2}, b = \frac{p - q}{2}.
    """
    distance = np.hypot(right, down)
    p, q = (np.maximum(np.abs(side) / np.maximum(distance, 1e-12), 1e-3) for side in (right, down))
    wide, narrow = (p + q) / 2, (p - q) / 2

    def below(t: NDArray[np.float64]) -> Any:
        signs = ((1, wide), (-1, narrow), (-1, -narrow), (1, -wide))
        return sum(sign * np.maximum(t + shift, 0) ** 2 for sign, shift in signs) / (2 * p * q)

    return below(half - distance) - below(-half - distance)
