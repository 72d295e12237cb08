"""What is found in a picture: boxes, each of a kind and with a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FACE = "face"
PLATE = "plate"
IGNORE = "ignore"
"""The class of boxes that are neither looked for nor background: groups, what cannot be made out, what is not sure."""
LEFT_SCORE = 0.5
"""The score from which on what is found in a redacted picture counts as left, unless a person says otherwise."""


class Box(NamedTuple):
    """A rectangle in pixels, the origin at the picture's upper left corner: it may reach out of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def grown(self, factor: float) -> Box:
        """The box with both sides times ``factor``, about the same middle.

        Example:
            >>> Box(10, 10, 20, 30).grown(1.5)
            Box(left=7.5, top=5.0, right=22.5, bottom=35.0)
        """
        across, down = (factor - 1) * self.width / 2, (factor - 1) * self.height / 2
        return Box(self.left - across, self.top - down, self.right + across, self.bottom + down)

    def scaled(self, across: float, down: float) -> Box:
        """The box in a picture whose width and height are so many times as large."""
        return Box(self.left * across, self.top * down, self.right * across, self.bottom * down)

    def moved(self, across: float, down: float) -> Box:
        """The box so many pixels further to the right and below."""
        return Box(self.left + across, self.top + down, self.right + across, self.bottom + down)


@dataclass(frozen=True, slots=True)
class Region:
    """Something in a picture that a person or a detector marked.

    Arguments:
        box: The place.
        kind: The kind of thing, such as ``face`` or ``plate``.
        score: How sure a detector is, in [0, 1]; 1 of what a person marked.
        faint: Whether a detector is too unsure of it for it to count by itself: in a video, other frames decide.
        attributes: What else a table says of it, as names and words: its ``group``, the id of its track, whether it is
            tilted.

    Raises:
        ValueError: The box is empty or not finite, or the score is not in [0, 1].
    """

    box: Box
    kind: str
    score: float = 1.0
    faint: bool = False
    attributes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.box)) or self.box.width <= 0 or self.box.height <= 0:
            raise ValueError(f"box: expected left < right and top < bottom, got {tuple(self.box)}")
        if not 0 <= self.score <= 1:
            raise ValueError(f"score: expected 0 to 1, got {self.score}")

    def to_json(self) -> dict[str, Any]:
        """JSON's own types; coordinates to a hundredth of a pixel, outwards, so that nothing shrinks."""
        left, top, right, bottom = self.box
        box = [_below(left), _below(top), -_below(-right), -_below(-bottom)]
        more = {"attributes": dict(self.attributes)} if self.attributes else {}
        return {"kind": self.kind, "box": box, "score": round(self.score, 4), **more}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Region:
        """What `to_json` made.

        Raises:
            ValueError: It is something else.
        """
        match value:
            case {
                "kind": str(kind),
                "box": [int() | float(), int() | float(), int() | float(), int() | float()] as box,
                "score": int() | float() as score,
            }:
                attributes = value.get("attributes", {})
                if not isinstance(attributes, dict) or not all(isinstance(word, str) for word in attributes.values()):
                    raise ValueError(f"`attributes`: expected words by their names, got {attributes}")
                return cls(Box(*map(float, box)), kind, float(score), attributes=tuple(attributes.items()))
        raise ValueError(f"no region with `kind`, `box` of four numbers and `score`: {value}")


def boxes_array(regions: Sequence[Region]) -> NDArray[np.float64]:
    """The boxes, :math:`(N, 4)`: left, top, right, bottom."""
    return np.array([region.box for region in regions], dtype=np.float64).reshape(-1, 4)


def iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each of N boxes with each of M, :math:`(N, M)`.

    Arguments:
        first: The boxes :math:`(N, 4)`.
        second: The boxes :math:`(M, 4)`.
    """
    shared = intersections(first, second)
    union: NDArray[np.float64] = areas(first)[:, None] + areas(second)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def intersections(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area that each of N boxes shares with each of M, in square pixels, :math:`(N, M)`."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared: NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2)
    return shared


def areas(boxes: NDArray[Any]) -> NDArray[Any]:
    """The areas of boxes :math:`(N, 4)`."""
    found: NDArray[Any] = (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1)
    return found


def _below(value: float) -> float:
    """The largest hundredth that is not above the value: itself if it is one, although 100 * 0.29 is below 29."""
    near = math.floor(100 * value)
    return next(number / 100 for number in (near + 1, near, near - 1) if number / 100 <= value)
