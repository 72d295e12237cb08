"""What is in the frames of a video: each is looked at, some thoroughly, and where a track has a gap once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection import Detector, Look, distinct
from nflows_privacy.masks import Rectangle, covers
from nflows_privacy.regions import Box, Region, boxes_array, iou
from nflows_privacy.video.camera import Camera, Motion, steadied
from nflows_privacy.video.linking import Linker
from nflows_privacy.video.planes import enclosing
from nflows_privacy.video.reading import Frame, opened
from nflows_privacy.video.tracks import Track

EVERY = 15
"""Of so many frames, one is looked at thoroughly."""
_AROUND = 6.0  # how large a part is looked at, in sides of the box
_FEW = 4  # parts that are looked at one by one, each from near; of more, one look holds all
_SAME = 0.3  # the intersection over union from which two boxes are one thing


def looked_at(path: str | Path, detector: Detector) -> Iterator[tuple[float, list[Region]]]:
    """The times in seconds of a video's frames, and what `check_of` finds in each, counted as a screen shows it.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no video, is damaged, or holds pictures besides that are not looked at.
    """
    with opened(path) as video:
        for count, frame in enumerate(video.frames()):
            yield float(frame.time), seen_in(frame.views(), detector, check_of(count))
        if hidden := video.hidden():
            raise ValueError(f"{path}: holds {', '.join(hidden)} too, which was not looked at; leave it out")


def tracked(frames: Iterable[Frame], detector: Detector) -> tuple[list[Track], list[Motion]]:
    """The tracks of what a detector finds in frames, as if the camera stood still, and how it moves each frame.

    Every fifteenth frame, the first and so on, is looked at thoroughly and as the result will be, the others quickly.
    Where tracks have nothing in a frame, the parts of it around where they are predicted are looked at once more.

    Arguments:
        frames: The frames in order.
        detector: The detector.
    """
    linker, camera = Linker(), Camera()
    motions: list[Motion] = []
    for count, frame in enumerate(frames):
        views = list(frame.views())
        motions.append(moved := camera(views[0]))
        missed = linker.add(count, steadied(_looked(views, detector, count), moved))
        if missed:
            places = [moved.of(track.predicted(count)) for track in missed]
            again = steadied(_near(views[0], places, detector), moved)
            linker.add(count, _new(again, linker.held(count)))
    return linker.finished(), motions


def seen_in(views: Iterable[NDArray[np.uint8]], detector: Detector, look: Look) -> list[Region]:
    """What a detector finds in a frame, however a screen shows it; see `Frame.views`."""
    return distinct(region for view in views for region in detector(view, look))


def _looked(views: Sequence[NDArray[np.uint8]], detector: Detector, frame: int) -> list[Region]:
    if not is_key(frame):
        return seen_in(views, detector, Look.QUICK)
    regions = seen_in(views, detector, Look.THOROUGH)
    return [*regions, *_new(seen_in(views, detector, Look.CHECK), [region.box for region in regions])]


def is_key(frame: int) -> bool:
    """Whether a frame is one of those that are looked at thoroughly."""
    return frame % EVERY == 0


def check_of(frame: int) -> Look:
    """How a frame is looked at for what is left in it: the key frames thoroughly, the others once."""
    return Look.CHECK if is_key(frame) else Look.QUICK_CHECK


def look_at(pixels: NDArray[np.uint8], where: Rectangle, detector: Detector, look: Look) -> list[Region]:
    """What a detector finds in a part of a picture, where it is in the picture."""
    found = detector(np.ascontiguousarray(pixels[where.slices]), look)
    return [replace(region, box=region.box.moved(where.left, where.top)) for region in found]


def _near(pixels: NDArray[np.uint8], places: Sequence[Box], detector: Detector) -> Iterator[Region]:
    """What quick looks find in the parts of a picture that hold places and what is around them."""
    inside = covers([Region(place.grown(_AROUND), "") for place in places], *pixels.shape[:2])
    for where in inside if len(inside) <= _FEW else [enclosing(inside)]:
        yield from look_at(pixels, where, detector, Look.QUICK)


def _new(found: Iterable[Region], known: Sequence[Box]) -> list[Region]:
    """Those that are not known yet, each once."""
    once = distinct(found)
    shared = iou(boxes_array(once), np.array(known).reshape(-1, 4)).max(axis=1, initial=0)
    return [region for region, same in zip(once, shared, strict=True) if same < _SAME]
