"""What all ways have in common: groups of rectangles, what a way is shown of a picture, and pasting back.

A way makes pixels; it never writes into a picture, so that none can touch what is outside of the rectangles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.fills.base import Fill
from nflows_privacy.masks import Rectangle


@dataclass(frozen=True)
class Hole:
    """A group of rectangles that overlap, in a window of the picture.

    Arguments:
        pixels: The window, :math:`(h, w, C)`, C = 1 or 3, of the picture's type.
        mask: The pixels :math:`(h, w)` of the group.
        hidden: The pixels :math:`(h, w)` of all rectangles in the window, those of other groups too.
        side: The longest side of the group's rectangles, in pixels.
        kind: The kind of region that the largest of them is of; nothing if it is not known.
        corner: The row and column of the first pixel of the largest in the picture.
    """

    pixels: NDArray[Any]
    mask: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    side: int
    kind: str
    corner: tuple[int, int]

    @property
    def top(self) -> int:
        """The highest level of a sample."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def mean(self) -> NDArray[Any]:
        """The mean colour of what is not hidden, in whole levels; the middle of the levels where all is."""
        import cv2

        channels = self.pixels.shape[2]
        if self.hidden.all():
            return np.full(channels, self.top // 2, self.pixels.dtype)
        mean = cv2.mean(self.pixels, (~self.hidden).view(np.uint8))
        return np.rint(mean[:channels]).astype(self.pixels.dtype)

    def blinded(self) -> Hole:
        """The same with the mean colour in the place of all that is hidden."""
        return replace(self, pixels=np.where(self.hidden[..., None], self.mean, self.pixels))


class Way(Protocol):
    """What makes the pixels of a hole."""

    context: float
    """How far around a group the window reaches, in ``side`` s."""
    blind: bool
    """Whether the hidden pixels are replaced by the mean of the others, before the way is shown the window."""

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        """The window :math:`(h, w, C)`, filled: levels of any type, of which those outside of the group are not used.

        Arguments:
            hole: The window.
            seed: The seed of what is random.
        """


@dataclass(frozen=True)
class PastedFill(Fill):
    """A fill that a way makes the pixels of.

    Arguments:
        way: The way.
    """

    way: Way

    def __call__(
        self, pixels: NDArray[Any], rectangles: Sequence[Rectangle], seed: int, kinds: Sequence[str] | None = None
    ) -> NDArray[Any]:
        _check(pixels, rectangles, kinds)
        filled = pixels.copy()
        colours, alpha = (slice(0, 3), slice(3, 4)) if pixels.shape[2] >= 3 else (slice(0, 1), slice(1, 2))
        for group in groups(rectangles):
            own = [rectangles[one] for one in group]
            window = _window(own, self.way.context, pixels.shape)
            index = max(group, key=lambda one: (_area(rectangles[one]), rectangles[one]))
            hole = Hole(
                pixels[window.slices][..., colours],
                _mask(window, own),
                _mask(window, rectangles),
                side=max(map(_side, own)),
                kind=kinds[index] if kinds else "",
                corner=rectangles[index][:2],
            )
            made = self.way(hole.blinded() if self.way.blind else hole, seed)
            for place in own:
                filled[place.slices][..., colours] = _levels(made[_within(place, window)], hole.top)
                if _varies(pixels[place.slices][..., alpha]):  # it can draw a face as colours do
                    filled[place.slices][..., alpha] = hole.top
        return filled


def _varies(alpha: NDArray[Any]) -> bool:
    return alpha.size > 0 and bool(alpha.min() < alpha.max())


def groups(rectangles: Sequence[Rectangle]) -> Iterator[list[int]]:
    """The rectangles that overlap, directly or by others, as lists of their places; each is in one list."""
    sides = np.array(rectangles, dtype=np.int64).reshape(-1, 4)
    low, high = sides[:, :2], sides[:, 2:]
    left = np.ones(len(sides), np.bool_)
    for first in range(len(sides)):
        group = [first] if left[first] else []
        left[first] = False
        for one in group:  # grows while it is walked through
            touching = left & (low < high[one]).all(axis=1) & (low[one] < high).all(axis=1)
            left &= ~touching
            group += np.flatnonzero(touching).tolist()
        if group:
            yield sorted(group)


def _check(pixels: NDArray[Any], rectangles: Sequence[Rectangle], kinds: Sequence[str] | None) -> None:
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"`pixels`: expected height x width x 1 to 4 of uint8 or uint16, got {pixels.shape} of {pixels.dtype}"
        )
    height, width = pixels.shape[:2]
    for one in rectangles:
        if not (0 <= one.top < one.bottom <= height and 0 <= one.left < one.right <= width):
            raise ValueError(f"`rectangles`: {tuple(one)} is empty or not inside of {height} x {width} pixels")
    if kinds is not None and len(kinds) != len(rectangles):
        raise ValueError(f"`kinds`: expected one for each of {len(rectangles)} rectangles, got {len(kinds)}")


def _window(group: Sequence[Rectangle], context: float, shape: tuple[int, ...]) -> Rectangle:
    """The part of the picture around a group, cut off at the picture's edges."""
    tops, lefts, bottoms, rights = zip(*group, strict=True)
    margin = round(context * max(map(_side, group)))
    top, left = max(0, min(tops) - margin), max(0, min(lefts) - margin)
    return Rectangle(top, left, min(shape[0], max(bottoms) + margin), min(shape[1], max(rights) + margin))


def _mask(window: Rectangle, rectangles: Sequence[Rectangle]) -> NDArray[np.bool_]:
    """The pixels of a window that are in any of the rectangles."""
    mask = np.zeros((_height(window), _width(window)), np.bool_)
    for one in rectangles:
        mask[_within(one, window)] = True
    return mask


def _within(rectangle: Rectangle, window: Rectangle) -> tuple[slice, slice]:
    """The rows and columns of a window that a rectangle covers."""
    top, bottom = (max(0, row - window.top) for row in (rectangle.top, rectangle.bottom))
    left, right = (max(0, column - window.left) for column in (rectangle.left, rectangle.right))
    return slice(top, bottom), slice(left, right)


def _levels(made: NDArray[Any], top: int) -> NDArray[Any]:
    """Whole levels within the range."""
    return made if made.dtype.kind == "u" else np.rint(made).clip(0, top)


def _height(rectangle: Rectangle) -> int:
    return rectangle.bottom - rectangle.top


def _width(rectangle: Rectangle) -> int:
    return rectangle.right - rectangle.left


def _side(rectangle: Rectangle) -> int:
    """The longer side."""
    return max(_height(rectangle), _width(rectangle))


def _area(rectangle: Rectangle) -> int:
    return _height(rectangle) * _width(rectangle)
