"""Tracks: one thing in the frames of a video, so that what is missed in a frame is known from those around it.

`nflows_privacy.video.linking` makes them. Gaps are interpolated, both ends extended, and boxes smoothed. A box only
ever grows by it: every region that was given lies in one that comes out, and where there was none, boxes are the larger
the further the next one is, and the less steadily the thing moves, as it does where a camera shakes. How much was
chosen on tracks of a walk to which a shaking of the camera was added by a random process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.regions import Box, Region

Places = NDArray[np.float64]
Frames = NDArray[np.int64]

EXTENSION = 5
"""The most frames by which a track is extended at either end."""
_DOUBT = 0.06  # that a box grows by for each frame to the next that is known, in its sides
_LARGEST_ERROR = 0.15  # that a line through a gap is taken to have, in sides of the box
_SURE = 0.8  # the score from which a track may be extended further than it was seen
_WINDOW = 2  # the frames on either side over which boxes are smoothed
_LAST = 5  # the frames of which the velocity is taken


@dataclass(slots=True)
class Track:
    """One thing in the frames of a video.

    Arguments:
        kind: The kind of thing.
        places: The boxes, by their frames in order.
        scores: The scores, by their frames.
        sure: The number of frames in which it is not faint.
        faint: The number of frames in a row in which it is, up to the one that was added last.
    """

    kind: str
    places: dict[int, Box] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    sure: int = 0
    faint: int = 0

    @property
    def first(self) -> int:
        return next(iter(self.places))

    @property
    def last(self) -> int:
        return next(reversed(self.places))

    def add(self, frame: int, region: Region) -> None:
        """Adds the region of a frame after the last, or before the first."""
        is_earlier = self.places and frame < self.first
        self.places = {frame: region.box, **self.places} if is_earlier else self.places
        self.places[frame], self.scores[frame] = region.box, region.score
        self.sure, self.faint = (self.sure, self.faint + 1) if region.faint else (self.sure + 1, 0)

    def predicted(self, frame: int) -> Box:
        """The place in a frame after the last, or before the first, if it moves on as it did; its size stays."""
        known = list(islice(reversed(self.places) if frame > self.first else self.places, _LAST))
        near, far = known[0], known[-1]
        box = self.places[near]
        if near == far:
            return box
        steps = (frame - near) / (near - far)
        across, down = (
            steps * (new - old) for new, old in zip(middle_of(box), middle_of(self.places[far]), strict=True)
        )
        return Box(box.left + across, box.top + down, box.right + across, box.bottom + down)


def covered(tracks: Iterable[Track], length: int) -> tuple[tuple[Region, ...], ...]:
    """The regions of all frames of a video: those of the tracks, their gaps filled, extended and smoothed.

    Arguments:
        tracks: The tracks.
        length: The number of frames.

    Returns:
        The regions of each frame; where a track has none of its own, it has the score of the last one before.
    """
    frames: list[list[Region]] = [[] for _ in range(length)]
    for track in tracks:
        score = track.scores[track.first]
        for frame, box in sorted(_steady(track, length)):
            score = track.scores.get(frame, score)
            frames[frame].append(Region(box, track.kind, score))
    return tuple(map(tuple, frames))


def _steady(track: Track, length: int) -> Iterable[tuple[int, Box]]:
    known = np.array(list(track.places))
    inner = np.arange(track.first, track.last + 1)
    after = np.searchsorted(known, inner)
    before = np.searchsorted(known, inner, side="right") - 1
    between = _between(np.array(list(track.places.values())), known, inner, before, after)
    smooth = _outwards(between, _smoothed(between))
    back, ahead = inner - known[before], known[after] - inner
    errors = _acceleration(track) * back * ahead / 2  # of a line between two points of a parabola
    for frame, box, *doubt in zip(inner.tolist(), smooth.tolist(), np.minimum(back, ahead), errors, strict=True):
        yield frame, _doubted(Box(*box), *map(float, doubt))
    for steps in range(1, _extension(track) + 1):
        for frame, end in ((track.first - steps, track.first), (track.last + steps, track.last)):
            if 0 <= frame < length:
                yield frame, _doubted(_joined(track.places[end], track.predicted(frame)), steps)


def _between(boxes: Places, known: Frames, inner: Frames, before: Frames, after: Frames) -> Places:
    """The boxes of frames from the known ones: the middle on a line between those, the sides as of the larger."""
    low, high = boxes[:, :2], boxes[:, 2:]
    middles = np.stack([np.interp(inner, known, axis) for axis in ((low + high) / 2).T], axis=1)
    halves = np.maximum((high - low)[before], (high - low)[after]) / 2
    found: Places = np.concatenate([middles - halves, middles + halves], axis=1)
    return found


def _extension(track: Track) -> int:
    """By how many frames it is extended: one that was seldom seen and never surely, by no more than it was seen."""
    return EXTENSION if max(track.scores.values()) >= _SURE else min(EXTENSION, len(track.places))


def _acceleration(track: Track) -> float:
    """The root mean square of how the velocity of a track changes, in pixels per squared frame: of a camera's too."""
    frames, boxes = np.array(list(track.places)), np.array(list(track.places.values()))
    if len(frames) < 3:
        return 0.0
    velocities = np.diff((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0) / np.diff(frames)[:, None]
    changes = 2 * np.diff(velocities, axis=0) / (frames[2:] - frames[:-2])[:, None]
    return float(np.sqrt(np.mean(np.sum(changes**2, axis=1))))


def _doubted(box: Box, steps: float, error: float = 0.0) -> Box:
    """A box so many frames from a known one, grown by what may be wrong with it: in pixels, on each of its sides."""
    share = _DOUBT * steps + 2 * min(error / side_of(box), _LARGEST_ERROR)
    return box.grown(1 + share) if share else box


def _smoothed(boxes: Places) -> Places:
    """Means over the frames around each: as many before as after, so that a steady movement stays itself."""
    count = len(boxes)
    wide = [min(_WINDOW, index, count - 1 - index) for index in range(count)]
    return np.stack([boxes[index - half : index + half + 1].mean(axis=0) for index, half in enumerate(wide)])


def _outwards(one: Places, other: Places) -> Places:
    return np.concatenate([np.minimum(one[:, :2], other[:, :2]), np.maximum(one[:, 2:], other[:, 2:])], axis=1)


def _joined(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )


def middle_of(box: Box) -> tuple[float, float]:
    """Its middle: x and y."""
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def side_of(box: Box) -> float:
    """The side of a square of the same area."""
    return math.sqrt(box.width * box.height)
