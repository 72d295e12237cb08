"""How a camera moves, so that things are linked as if it stood still: a shake moves all of them alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection.passes import resized
from nflows_privacy.regions import Region
from nflows_privacy.video.tracks import Track, covered

Shift = tuple[float, float]
"""To the right and downwards, in pixels."""

_SIDE = 256  # the longer side of what is compared, in pixels: fine enough for boxes
_LEAST_RESPONSE = 0.2  # pictures of unrelated streets reach .12, those of a camera that turns .8


class Camera:
    r"""Follows by how far what stands still has moved since the first frame.

    From a frame :math:`f` to the next one :math:`g` it is the place of the peak of phase correlation (Kuglin and Hines
    1975, "The phase correlation image alignment method"),

    .. math:: \mathcal{F}^{-1} \left( \frac{\bar{\hat f} \hat g}{|\bar{\hat f} \hat g|} \right).

    Where there is no clear peak, as at a cut or in a dark frame, nothing is taken to have moved.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._shift: Shift = 0.0, 0.0

    def __call__(self, pixels: NDArray[np.uint8]) -> Shift:
        """The shift from the first frame to the next one, which is this.

        Arguments:
            pixels: The frame, :math:`(H, W, 3)`, RGB.
        """
        scale = min(1.0, _SIDE / max(pixels.shape[:2]))
        small = resized(pixels, scale).mean(axis=2, dtype=np.float32)
        across, down = (0.0, 0.0) if self._before is None else _shift(self._before, small)
        self._before = small
        self._shift = self._shift[0] + across / scale, self._shift[1] + down / scale
        return self._shift


def steadied(regions: Iterable[Region], shift: Shift) -> list[Region]:
    """The regions of a frame where they would be if the camera had not moved."""
    return [replace(region, box=region.box.moved(-shift[0], -shift[1])) for region in regions]


def in_frames(tracks: Iterable[Track], shifts: Sequence[Shift]) -> tuple[tuple[Region, ...], ...]:
    """The regions of all frames of a video where its camera shows them; see `covered`.

    Arguments:
        tracks: The tracks, of steadied regions.
        shifts: What `Camera` says of each frame.
    """
    frames = zip(covered(tracks, len(shifts)), shifts, strict=True)
    return tuple(tuple(steadied(regions, (-across, -down))) for regions, (across, down) in frames)


def _shift(before: NDArray[np.float32], after: NDArray[np.float32]) -> Shift:
    import cv2

    if before.shape != after.shape or min(after.shape) < 2:
        return 0.0, 0.0
    window = cv2.createHanningWindow(after.shape[::-1], cv2.CV_32F)
    shift, response = cv2.phaseCorrelate(before, after, window)
    return (float(shift[0]), float(shift[1])) if response >= _LEAST_RESPONSE else (0.0, 0.0)
