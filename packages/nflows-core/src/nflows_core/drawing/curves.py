"""Points along curves, to be drawn as strokes or as the outlines of polygons."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Places :math:`(N, 2)`, each x (to the right) and y (down), in pixels; the middle of the first pixel is (.5, .5)."""


def bezier(controls: Points, count: int) -> Points:
    r"""Points on a Bézier curve, from its first control point to its last.

    .. math:: b(t) = \sum_k \binom{n}{k} t^k (1 - t)^{n - k} c_k, \qquad t = 0, \ldots, 1

    Arguments:
        controls: The control points :math:`(n + 1, 2)`.
        count: The number of points, evenly in t.

    Raises:
        ValueError: There are fewer than two control points, or points.
    """
    if len(controls) < 2 or count < 2:
        raise ValueError(f"a curve needs two control points and two points, got {len(controls)} and {count}")
    n, t = len(controls) - 1, np.linspace(0, 1, count)[:, None]
    k = np.arange(n + 1)
    binomials = np.array([comb(n, int(each)) for each in k])
    weights: Points = binomials * t**k * (1 - t) ** (n - k)
    return weights @ controls


def wandering(start: Points, angle: float, length: float, turns: float, random: np.random.Generator) -> Points:
    """Points of a way that goes on as it began and turns a little at every step, as cracks and rivulets do.

    Arguments:
        start: Where it begins, x and y.
        angle: Where it goes at first, in radians from the x axis.
        length: Its length in pixels, a point after each.
        turns: The standard deviation of the turn at each pixel, in radians.
        random: What the turns are drawn from.
    """
    steps = max(1, round(length))
    angles = angle + np.cumsum(random.normal(0, turns, steps))
    ways = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=1), axis=0)
    return np.concatenate([np.reshape(start, (1, 2)), np.reshape(start, (1, 2)) + ways])
