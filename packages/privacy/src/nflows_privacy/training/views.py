"""What a training sees of pictures with boxes: parts of them, turned, scaled, joined and with things put into them.

Every function gives the boxes as they lie in the part: what is left of each, and where it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import areas
from nflows_privacy.training.cells import IGNORED

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]

NO_MIRROR = -3
"""What stands in the place of the class that a box has in a mirror, if it has none there."""
GREY = 114
"""The value of what lies outside of a picture."""
_VISIBLE = 0.5
"""The part of a box that is left in a view, at least, of one that should be found; less of it does not count."""
_THINNEST = 4
"""The least side in pixels of a box that should be found in a view; one that is thinner does not count."""
_BLENDED = 0.1
"""The width of the edge along which a piece is blended, in its sides."""


@dataclass(frozen=True, eq=False)
class View:
    """A part of a picture.

    Arguments:
        pixels: The part in RGB, :math:`(H, W, 3)`.
        boxes: The boxes :math:`(M, 4)` in its pixels.
        labels: The number of the class of each, :math:`(M,)`, or `IGNORED` of one that does not count.
        mirrored: The number of the class that each has in a mirror, `NO_MIRROR`, or `IGNORED` as before.
    """

    pixels: Pixels
    boxes: Boxes
    labels: NDArray[np.int64]
    mirrored: NDArray[np.int64]

    @property
    def has_mirror_image(self) -> bool:
        """Whether every box, even of what is cut off, has a class in a mirror."""
        return bool((self.mirrored != NO_MIRROR).all())


def square(view: View, left: float, top: float, scale: float, side: int) -> View:
    """A `window` of equal sides."""
    return window(view, left, top, scale, (side, side))


def window(view: View, left: float, top: float, scale: float, size: tuple[int, int]) -> View:
    """A part of a view that was scaled, with grey where it reaches out of it.

    Arguments:
        view: The view.
        left: The left edge of the part in it.
        top: Its upper edge.
        scale: The factor by which it is scaled.
        size: Its width and height, after that.
    """
    across, down = (max(1, round(side / scale)) for side in size)
    x, y = round(left), round(top)
    inner = view.pixels[max(y, 0) : max(y + down, 0), max(x, 0) : max(x + across, 0)]
    height, width = inner.shape[:2]
    above, before = max(-y, 0), max(-x, 0)
    edges = above, max(down - above - height, 0), before, max(across - before - width, 0)
    whole = cv2.copyMakeBorder(inner, *edges, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
    resized = cv2.resize(whole, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes = (view.boxes - np.array([x, y] * 2, np.float32)) * np.float32(scale)
    return _cut_off(replace(view, pixels=np.asarray(resized, np.uint8)), boxes)


def turned(view: View, degrees: float) -> View:
    """A view turned about its middle, with grey where nothing was; boxes are about the corners of the turned ones.

    Arguments:
        view: The view.
        degrees: The angle, against the clock.
    """
    height, width = view.pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    pixels = cv2.warpAffine(view.pixels, matrix, (width, height), borderValue=(GREY,) * 3)
    # Edges of boxes lie between pixels, whose middles the matrix maps.
    x, y = (view.boxes[:, [0, 2, 2, 0]] - 0.5, view.boxes[:, [1, 1, 3, 3]] - 0.5)
    across, down = (row[0] * x + row[1] * y + row[2] + 0.5 for row in matrix)
    boxes = np.stack([across.min(1), down.min(1), across.max(1), down.max(1)], axis=1).astype(np.float32)
    return _cut_off(replace(view, pixels=np.asarray(pixels, np.uint8)), boxes)


def flipped(view: View, axis: Literal["across", "down"]) -> View:
    """A view turned over along an axis, its classes as they are; twice is the view itself."""
    height, width = view.pixels.shape[:2]
    left, top, right, bottom = view.boxes.T
    if axis == "across":
        boxes = np.stack([width - right, top, width - left, bottom], axis=1)
        return replace(view, pixels=view.pixels[:, ::-1], boxes=boxes)
    return replace(view, pixels=view.pixels[::-1], boxes=np.stack([left, height - bottom, right, height - top], axis=1))


def mirrored(view: View) -> View:
    """A view in a mirror, with the classes that its boxes have there; twice is the view itself."""
    return replace(flipped(view, "across"), labels=view.mirrored, mirrored=view.labels)


def mosaic(views: Sequence[View]) -> View:
    """Four views as the quarters of another, row after row: sides that touch are of one length."""
    height, width = views[0].pixels.shape[:2]
    rows = [np.concatenate([view.pixels for view in views[first : first + 2]], axis=1) for first in (0, 2)]
    shifts = [np.array([x, y] * 2, np.float32) for y in (0, height) for x in (0, width)]
    return View(
        np.concatenate(rows),
        np.concatenate([view.boxes + shift for view, shift in zip(views, shifts, strict=True)]),
        np.concatenate([view.labels for view in views]),
        np.concatenate([view.mirrored for view in views]),
    )


def joined(view: View, piece: View, left: int, top: int) -> View:
    """A view with another put into it, its edges blended; it stays as it was if a box would be covered.

    Arguments:
        view: The view.
        piece: The other one, a square.
        left: Its left edge in the view.
        top: Its upper edge.
    """
    side = len(piece.pixels)
    x, y = view.boxes[:, 0::2], view.boxes[:, 1::2]
    if ((x[:, 0] < left + side) & (x[:, 1] > left) & (y[:, 0] < top + side) & (y[:, 1] > top)).any():
        return view
    pixels = view.pixels.copy()
    part = pixels[top : top + side, left : left + side]
    part[:] = np.rint(part + _seen(side)[..., None] * (piece.pixels.astype(np.float32) - part))
    boxes = piece.boxes + np.array([left, top] * 2, np.float32)
    return View(
        pixels,
        np.concatenate([view.boxes, boxes]),
        np.concatenate([view.labels, piece.labels]),
        np.concatenate([view.mirrored, piece.mirrored]),
    )


def _seen(side: int) -> NDArray[np.float32]:
    """How much of each pixel of a piece is seen: all but at its edges."""
    middles = np.arange(side) + 0.5
    rising = (np.minimum(middles, side - middles) / (_BLENDED * side)).clip(0, 1).astype(np.float32)
    return np.asarray(np.minimum(rising[:, None], rising), np.float32)


def _cut_off(view: View, boxes: Boxes) -> View:
    """The view with these boxes, cut off at its edges, without those outside; of what is too little none counts."""
    height, width = view.pixels.shape[:2]
    inside = boxes.clip(0, [width, height, width, height]).astype(np.float32)
    area, whole = areas(inside), areas(boxes)
    part = np.divide(area, whole, out=np.zeros_like(area), where=whole > 0)
    thin = (inside[:, 2:] - inside[:, :2]).min(1, initial=math.inf) < _THINNEST
    ignored = (part < _VISIBLE) | thin
    labels = np.where(ignored, IGNORED, view.labels)
    mirrored = np.where(ignored & (view.mirrored != NO_MIRROR), IGNORED, view.mirrored)
    kept = part > 0
    return View(view.pixels, inside[kept], labels[kept], mirrored[kept])
