"""The level ground of a made-up road scene, as a camera over it sees what lies along a road."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Colour = tuple[int, ...]
Span = tuple[float, float]
Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 448, 256
NEAR, FAR = 2.2, 160.0
"""In metres before the camera: what is painted."""
_SHIFT = 4  # bits behind the point of OpenCV's coordinates


@dataclass(frozen=True)
class Bend:
    """A road that is straight, turns on a circle from a place on, and goes straight on.

    Arguments:
        start: Where the circle begins, in metres along the road.
        radius: The radius of the circle, in metres.
        turn: The angle by which it turns, in radians, above 0 to the right.
    """

    start: float = 0.0
    radius: float = 1.0
    turn: float = 0.0

    def places(self, along: ArrayLike, across: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What lies so many metres along the road and to the right of its origin, as metres to the right and ahead."""
        along, across = np.asarray(along, np.float64), np.asarray(across, np.float64)
        if not self.turn:
            return across, along
        angle = np.clip((along - self.start) / self.radius, 0, abs(self.turn))
        rest = np.clip(along - self.start - self.radius * abs(self.turn), 0, None)
        side = math.copysign(1, self.turn)
        right = side * (self.radius * (1 - np.cos(angle)) + rest * np.sin(angle)) + across * np.cos(angle)
        ahead = np.minimum(along, self.start) + self.radius * np.sin(angle) + rest * np.cos(angle)
        return right, ahead - side * across * np.sin(angle)


@dataclass(frozen=True)
class View:
    """A camera without distortion: a point X to the right, Y above the ground and Z ahead of it is at

    .. math:: u = W / 2 + f X / Z, \\quad v = v_0 + f (h - Y) / Z.

    Arguments:
        horizon: The row :math:`v_0` of the horizon, by which the camera is pitched.
        focal: The focal length :math:`f` in pixels.
        height: The height :math:`h` over the ground, in metres.
        yaw: The angle by which it looks to the right of the road's direction, in radians.
        aside: Where it stands, in metres to the right of the road's origin.
        before: How far it still is from where the scene was laid out, in metres.
        bend: How the road goes.
    """

    horizon: float
    focal: float
    height: float
    yaw: float
    aside: float
    before: float = 0.0
    bend: Bend = Bend()

    def scale(self, along: float, across: float) -> float:
        """The pixels of a metre there, and 0 of what is not before the camera."""
        depth = float(self._seen(along, across)[1])
        return self.focal / depth if depth > NEAR else 0.0

    def pixels(self, along: ArrayLike, across: ArrayLike, up: ArrayLike = 0.0) -> NDArray[np.float64]:
        """Where points along and across the road and above the ground are in the picture, :math:`(N, 2)`."""
        right, depth = self._seen(along, across)
        scale = self.focal / np.maximum(depth, NEAR / 2)
        found = np.empty((*np.shape(scale), 2))
        found[..., 0] = WIDTH / 2 + right * scale
        found[..., 1] = self.horizon + (self.height - np.asarray(up)) * scale
        return found

    def strip(
        self, along: tuple[float, float], across: tuple[float, float], up: tuple[float, float] = (0, 0)
    ) -> Pixels:
        """The outline of a band that follows the road, its two long sides at these places and heights."""
        low = min(max(along[0] + self.before, NEAR), FAR)
        high = min(max(along[1] + self.before, low), FAR)
        count = min(max(int((high - low) / 1.5), 2), 40)
        steps = low * (high / low) ** (np.arange(count) / (count - 1)) - self.before
        first, second = (self.pixels(steps, one, above) for one, above in zip(across, up, strict=True))
        return np.concatenate([first, second[::-1]])

    def pieces(self, starts: NDArray[np.float64], length: float, across: Span, up: Span = (0, 0)) -> ArrayLike:
        """The outlines :math:`(M, 4, 2)` of those of short pieces of such a band that are before the camera."""
        near = NEAR - self.before
        starts = starts[starts + length > near]
        first, last = np.maximum(starts, near), starts + length
        along = np.stack([first, last, last, first], axis=1)
        return self.pixels(along, np.repeat(across, 2), np.repeat(up, 2))

    def _seen(self, along: ArrayLike, across: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        right, ahead = self.bend.places(along, across)
        right, ahead = right - self.aside, ahead + self.before
        cosine, sine = math.cos(self.yaw), math.sin(self.yaw)
        return right * cosine - ahead * sine, ahead * cosine + right * sine


def fill(picture: Pixels, outline: ArrayLike, colour: Colour) -> None:
    """Fills a polygon :math:`(N, 2)`, or polygons apart from each other :math:`(M, N, 2)`, with smooth edges."""
    points = _fixed(outline)
    cv2.fillPoly(picture, list(points) if points.ndim == 3 else [points], colour, cv2.LINE_AA, _SHIFT)


def line(picture: Pixels, points: ArrayLike, width: float, colour: Colour) -> None:
    """Draws an open line through points :math:`(N, 2)`, at least a pixel wide."""
    cv2.polylines(picture, [_fixed(points)], False, colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def blob(picture: Pixels, centre: ArrayLike, radii: Span, colour: Colour) -> None:
    """Fills an ellipse."""
    cv2.ellipse(
        picture,
        _fixed(centre).tolist(),
        np.maximum(_fixed(radii), 1).tolist(),
        0,
        0,
        360,
        colour,
        -1,
        cv2.LINE_AA,
        _SHIFT,
    )


def shaded(colour: Sequence[float], factor: float) -> Colour:
    """A colour times a factor, as bytes."""
    return tuple(min(max(int(channel * factor), 0), 255) for channel in colour)


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    return np.rint(np.asarray(points) * (1 << _SHIFT)).astype(np.int32)
