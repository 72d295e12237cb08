"""The geometry of a line chart, for an SVG that the report's template draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 640, 260
"""The size of the plotted area, in the units of the SVG."""

_MOST_POINTS = 500
_TICKS = 8


@dataclass(frozen=True)
class Curve:
    """Lines to be drawn in one chart.

    Arguments:
        caption: The words under the chart.
        x_label: The quantity to the right, with its unit.
        y_label: The quantity upwards, with its unit.
        lines: The points of each line, by its name.
    """

    caption: str
    x_label: str
    y_label: str
    lines: Mapping[str, Points]


@dataclass(frozen=True)
class Chart:
    """A curve in the coordinates of its SVG: x to the right, y downwards.

    Arguments:
        curve: The curve that is drawn.
        lines: Name, points as an SVG attribute, and last point of each line.
        x_ticks: Place and text of each mark on the x axis.
        y_ticks: Place and text of each mark on the y axis.
        ceiling: The value above which lines are cut off, or nothing.
    """

    curve: Curve
    lines: list[tuple[str, str, tuple[float, float]]]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    ceiling: float | None


def draw(curve: Curve) -> Chart:
    """Scales the lines to the chart.

    A line of more than 500 points is drawn by the means of consecutive ones. A loss falls steeply at first and
    slowly ever after: where the highest twentieth of all values would squeeze the rest into a third of the
    height, it is cut off.

    Raises:
        ValueError: A line has no points, or one that is not finite.
    """
    lines = {name: _thin(name, points) for name, points in curve.lines.items()}
    xs = sorted(x for points in lines.values() for x, _ in points)
    ys = sorted(y for points in lines.values() for _, y in points)
    ceiling = _ceiling(ys)
    left, right = _widen(xs[0], xs[-1])
    bottom, top = _widen(ys[0], ys[-1] if ceiling is None else ceiling)

    def place_x(x: float) -> float:
        return round((x - left) / (right - left) * WIDTH, 1)

    def place_y(y: float) -> float:
        return round((top - y) / (top - bottom) * HEIGHT, 1)

    placed = {name: [(place_x(x), place_y(y)) for x, y in points] for name, points in lines.items()}
    return Chart(
        curve,
        [(name, " ".join(f"{x},{y}" for x, y in points), points[-1]) for name, points in placed.items()],
        [(place_x(x), f"{x:,.10g}") for x in _ticks(left, right)],
        [(place_y(y), f"{y:,.10g}") for y in _ticks(bottom, top)],
        ceiling,
    )


def finite(points: Points) -> Points:
    """The points that a chart can show."""
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _thin(name: str, points: Points) -> list[tuple[float, float]]:
    if not points:
        raise ValueError(f"the line {name!r} of the chart has no points")
    if not all(math.isfinite(x) and math.isfinite(y) for x, y in points):
        raise ValueError(f"the line {name!r} of the chart has points that are not finite")
    size = math.ceil(len(points) / _MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _ceiling(ys: Sequence[float]) -> float | None:
    high = ys[math.ceil(0.95 * (len(ys) - 1))]
    return high if ys[-1] - ys[0] > 3 * (high - ys[0]) > 0 else None


def _widen(low: float, high: float) -> tuple[float, float]:
    """The same interval, or one around it if it has no width."""
    margin = 0.0 if high > low else max(abs(low), 1.0) / 10
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """At most nine round numbers from ``low`` to ``high``."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [index * step for index in range(first, last + 1)]
