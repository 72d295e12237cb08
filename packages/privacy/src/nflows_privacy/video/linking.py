"""Regions of a video's frames linked over time.

Detections are assigned to predicted places, as in SORT (Bewley et al., 2016, arXiv 1602.00763), by distance and size
instead of overlap: a face in a crowd is often smaller than its step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from nflows_privacy.regions import Box, Region
from nflows_privacy.video.tracks import Track, middle_of, side_of

GAP = 15
"""The most frames in a row that a track may miss."""
FAINT_GAP = 3
"""The same, before something faint: the further away, the more likely it is something else."""
_REACH = 1.0  # how far from the predicted place, in sides of the box
_DRIFT = 0.1  # that it grows by for each frame that was missed
_FAINT_REACH = 0.5  # the part of it for what is faint, which must lie where it is expected
_SIZES = 2.0  # the largest ratio of sides


class Linker:
    """Links the regions of one frame after another.

    What is faint goes on with a track or comes before one, and never begins one: hysteresis, as in Canny's edges (1986,
    "A computational approach to edge detection", section VIII). No more of it in a row than there are sure frames: what
    was taken for something in one frame alone shall not be followed along a road.

    Attributes:
        tracks: All tracks.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._alive: list[Track] = []
        self._faint: dict[int, list[Region]] = {}

    def add(self, frame: int, regions: Sequence[Region]) -> list[Track]:
        """Adds the regions of a frame to the tracks that they go on, or begins new ones; a frame may be added twice.

        Returns:
            The tracks that were going on and have no region in this frame.
        """
        self._alive = [track for track in self._alive if frame - track.last <= GAP + 1]
        missed = [track for track in self._alive if track.last < frame]
        for region in _linked(frame, [one for one in regions if not one.faint], missed):
            self._begin(frame, region)
        open_ended = [one for one in missed if one.faint < one.sure and frame - one.last <= FAINT_GAP + 1]
        left = _linked(frame, [one for one in regions if one.faint], open_ended)
        self._faint.setdefault(frame, []).extend(left)
        return [track for track in missed if track.last < frame]

    def held(self, frame: int) -> list[Box]:
        """What the tracks have in the frame that was added last."""
        return [track.places[frame] for track in self._alive if track.last == frame]

    def finished(self) -> list[Track]:
        """The tracks, once all frames were added: each reaches back through what was faint before it began."""
        for track in self.tracks:
            track.faint = 0
            for frame in range(track.first - 1, -1, -1):
                if track.first - frame > FAINT_GAP + 1 or track.faint == track.sure:
                    break
                self._faint[frame] = _linked(frame, self._faint.get(frame, ()), [track])
        return self.tracks

    def _begin(self, frame: int, region: Region) -> None:
        track = Track(region.kind)
        track.add(frame, region)
        self.tracks.append(track)
        self._alive.append(track)


def _linked(frame: int, regions: Sequence[Region], tracks: list[Track]) -> list[Region]:
    """Adds regions to the tracks nearest to them, which leave the list; gives the regions that go on with none."""
    left, missed = dict(enumerate(regions)), dict(enumerate(tracks))
    for _, one, other in sorted(_costs(frame, regions, tracks)):
        if one in missed and other in left:
            missed.pop(one).add(frame, left.pop(other))
    tracks[:] = missed.values()
    return list(left.values())


def _costs(frame: int, regions: Sequence[Region], tracks: Sequence[Track]) -> Iterable[tuple[float, int, int]]:
    """How far each region is from where each track is predicted, where it may be the same thing."""
    for one, track in enumerate(tracks if regions else ()):
        end = track.last if frame > track.last else track.first
        reach = _REACH + _DRIFT * (abs(frame - end) - 1)
        predicted = track.predicted(frame)
        for other, region in enumerate(regions):
            far = min(_distance(predicted, region.box), _distance(track.places[end], region.box))
            sizes = side_of(predicted) / side_of(region.box)
            is_near = far <= reach * (_FAINT_REACH if region.faint else 1)
            if track.kind == region.kind and is_near and 1 / _SIZES <= sizes <= _SIZES:
                yield far + abs(math.log(sizes)), one, other


def linked(frames: Iterable[Sequence[Region]]) -> list[Track]:
    """The tracks of the regions of a video's frames in order; each region that is not faint is in one of them."""
    linker = Linker()
    for frame, regions in enumerate(frames):
        linker.add(frame, regions)
    return linker.finished()


def _distance(one: Box, other: Box) -> float:
    """Between the middles, in sides of the smaller box."""
    return math.dist(middle_of(one), middle_of(other)) / min(side_of(one), side_of(other))
