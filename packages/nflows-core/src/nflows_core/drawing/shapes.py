"""Strokes and polygons, drawn as the share of each pixel that they cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nflows_core.drawing.curves import Points

_DETAIL = 4
"""Shapes are drawn so many times as large: a share is one of 17 for each pixel."""


@dataclass(frozen=True)
class Stroke:
    """A line with round ends and joints.

    Arguments:
        points: The places that it goes through, in pixels.
        widths: Its width at each of them, in pixels, drawn to a quarter of a pixel and as that at least.
    """

    points: Points
    widths: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.points.shape != (len(self.widths), 2):
            raise ValueError(f"a stroke has a width at each point, got {self.points.shape} and {self.widths.shape}")


@dataclass(frozen=True)
class Polygon:
    """The inside of an outline, which is closed.

    Arguments:
        points: Its corners, in pixels.
    """

    points: Points


def drawn(shapes: Iterable[Stroke | Polygon], height: int, width: int) -> NDArray[np.float32]:
    """The share of each pixel that any of the shapes covers, :math:`(H, W)` in [0, 1].

    What lies outside is cut off.

    Arguments:
        shapes: The shapes.
        height: The height in pixels.
        width: The width.
    """
    canvas = Image.new("L", (width * _DETAIL, height * _DETAIL))
    pen = ImageDraw.Draw(canvas)
    for shape in shapes:
        if isinstance(shape, Polygon):
            pen.polygon([tuple(point) for point in shape.points * _DETAIL - 0.5], fill=255)
        else:
            _stroke(pen, shape)
    shares = np.asarray(canvas.reduce(_DETAIL), np.float32)
    return shares / np.float32(255)


def _stroke(pen: ImageDraw.ImageDraw, stroke: Stroke) -> None:
    points, widths = stroke.points * _DETAIL - 0.5, stroke.widths * _DETAIL
    for start, end, width in zip(points, points[1:], (widths[1:] + widths[:-1]) / 2, strict=False):
        pen.line([tuple(start), tuple(end)], fill=255, width=max(1, round(width)))
    for (x, y), radius in zip(points, widths / 2, strict=True):
        if radius > 1:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
