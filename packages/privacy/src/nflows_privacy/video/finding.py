"""What is in the frames of a video: each is looked at, some thoroughly, and where a track has a gap once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection import Detector, Look
from nflows_privacy.masks import cover
from nflows_privacy.regions import Box, Region, boxes_array, iou
from nflows_privacy.video.planes import enclosing
from nflows_privacy.video.reading import Frame, opened
from nflows_privacy.video.tracks import Linker, Track

EVERY = 10
"""Of so many frames, one is looked at thoroughly."""
_AROUND = 4.0  # how large a part is looked at, in sides of the box
_SAME = 0.3  # the intersection over union from which two boxes are one thing


def looked_at(path: str | Path, detector: Detector, look: Look = Look.CHECK) -> Iterator[tuple[float, list[Region]]]:
    """The times in seconds of a video's frames, and the regions in each, counted as a screen shows it.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no video, or is damaged.
    """
    with opened(path) as video:
        for frame in video.frames():
            yield float(frame.time), detector(frame.rgb(), look)


def tracked(frames: Iterable[Frame], detector: Detector) -> tuple[list[Track], int]:
    """The tracks of what a detector finds in frames, and their number.

    Every tenth frame, the first and so on, is looked at thoroughly, the others quickly. Where tracks have nothing in a
    frame, the part of it around where they are predicted is looked at once more, so enlarged.

    Arguments:
        frames: The frames in order.
        detector: The detector.
    """
    linker, count = Linker(), 0
    for frame in frames:
        pixels = frame.rgb()
        regions = detector(pixels, Look.QUICK if count % EVERY else Look.THOROUGH)
        missed = linker.add(count, regions)
        if missed:
            places = [track.predicted(count) for track in missed]
            linker.add(count, _new(look_near(pixels, places, detector), regions))
        count += 1
    return linker.tracks, count


def look_near(pixels: NDArray[np.uint8], places: Sequence[Box], detector: Detector) -> list[Region]:
    """What a quick look finds in the part of a picture that holds some places and what is around them."""
    height, width = pixels.shape[:2]
    around = [cover(place.grown(_AROUND), height, width) for place in places]
    inside = [one for one in around if one]
    if not inside:
        return []
    where = enclosing(inside)
    found = detector(np.ascontiguousarray(pixels[where.slices]), Look.QUICK)
    return [shifted(region, where.left, where.top) for region in found]


def shifted(region: Region, across: float, down: float) -> Region:
    """The region moved by so many pixels."""
    left, top, right, bottom = region.box
    return Region(Box(left + across, top + down, right + across, bottom + down), region.kind, region.score)


def _new(found: Sequence[Region], known: Sequence[Region]) -> list[Region]:
    """Those that are not known yet."""
    if not found or not known:
        return list(found)
    shared = iou(boxes_array(found), boxes_array(known)).max(axis=1)
    return [region for region, same in zip(found, shared, strict=True) if same < _SAME]
