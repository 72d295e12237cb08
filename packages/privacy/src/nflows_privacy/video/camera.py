"""How a camera moves, so that things are linked as if it stood still: a shake moves and turns all of them alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.passes import resized
from nflows_privacy.regions import Box, Region
from nflows_privacy.video.tracks import Track, covered, middle_of

_SIDE = 320  # the longer side of what is compared, in pixels: fine enough for boxes
_POINTS = 150
_LEAST_QUALITY = 0.01  # of a corner, as a part of the best one's
_APART = 8  # pixels between two corners
_SMALLEST = 32  # pixels of a side below which nothing is followed
_ERROR = 3.0  # pixels by which a point that stands still may be off: lenses bend, and what is near moves more
_AGREED = 0.25  # the part of the points that must move alike: of unrelated streets .09 do at most, of one street most


class Motion(NamedTuple):
    r"""A turn and a shift of the plane of a picture, its points taken as complex numbers: :math:`z \mapsto a z + b`.

    Arguments:
        turn: The factor :math:`a`, of absolute value 1.
        shift: The shift :math:`b` in pixels: to the right the real part, downwards the imaginary one.
    """

    turn: complex = 1
    shift: complex = 0

    def then(self, later: Motion) -> Motion:
        """Both, one after the other."""
        turn = later.turn * self.turn
        return Motion(turn / abs(turn), later.turn * self.shift + later.shift)

    def of(self, box: Box) -> Box:
        """Where a box of this size is afterwards."""
        return _at(box, self.turn * _middle(box) + self.shift)

    def undone(self, box: Box) -> Box:
        """Where a box of this size was before."""
        return _at(box, (_middle(box) - self.shift) / self.turn)


class Camera:
    """Follows how what stands still has moved since the first frame.

    From a frame to the next one, corners (Shi and Tomasi 1994, "Good features to track") are followed by the method of
    Lucas and Kanade (1981) on a pyramid, and the similarity that most of them share is found by RANSAC (Fischler and
    Bolles 1981). Its scale is left out: who walks comes nearer to what is before him, and to each thing otherwise.

    Where they share none, as at a cut or in a dark frame, nothing is taken to have moved.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._moved = Motion()

    def __call__(self, pixels: NDArray[np.uint8]) -> Motion:
        """How what stands still moved from the first frame to the next one, which is this.

        Arguments:
            pixels: The frame, :math:`(H, W, 3)`, RGB.
        """
        import cv2

        scale = min(1.0, _SIDE / max(pixels.shape[:2]))
        grey = np.asarray(cv2.cvtColor(resized(pixels, scale), cv2.COLOR_RGB2GRAY), np.uint8)
        if self._before is not None and self._before.shape == grey.shape:
            step = _motion(self._before, grey)
            self._moved = self._moved.then(step._replace(shift=step.shift / scale))
        self._before = grey
        return self._moved


def steadied(regions: Iterable[Region], moved: Motion) -> list[Region]:
    """The regions of a frame where they would be if the camera had not moved."""
    return [replace(region, box=moved.undone(region.box)) for region in regions]


def in_frames(tracks: Iterable[Track], motions: Sequence[Motion]) -> tuple[tuple[Region, ...], ...]:
    """The regions of all frames of a video where its camera shows them; see `covered`.

    Arguments:
        tracks: The tracks, of steadied regions.
        motions: What `Camera` says of each frame.
    """
    frames = zip(covered(tracks, len(motions)), motions, strict=True)
    return tuple(tuple(replace(region, box=moved.of(region.box)) for region in regions) for regions, moved in frames)


def _motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Motion:
    """Without its scale, which leaves the middle of the picture where it is."""
    import cv2

    corners = None if min(after.shape) < _SMALLEST else cv2.goodFeaturesToTrack(before, _POINTS, _LEAST_QUALITY, _APART)
    if corners is None:
        return Motion()
    moved, followed, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, np.empty_like(corners), maxLevel=4)
    kept = followed[:, 0] > 0
    if kept.sum() < max(2, _AGREED * len(corners)):
        return Motion()
    found, agreed = cv2.estimateAffinePartial2D(corners[kept], moved[kept], ransacReprojThreshold=_ERROR)
    if found is None or agreed.sum() < _AGREED * len(corners):
        return Motion()
    similarity, shift = complex(*found[:, 0]), complex(*found[:, 2])
    turn, middle = similarity / abs(similarity), complex(*after.shape[::-1]) / 2
    return Motion(turn, similarity * middle + shift - turn * middle)


def _middle(box: Box) -> complex:
    return complex(*middle_of(box))


def _at(box: Box, middle: complex) -> Box:
    moved = middle - _middle(box)
    return box.moved(moved.real, moved.imag)
