"""Regions filled from their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole, Way
from nflows_privacy.fills.settings import FillSettings
from nflows_privacy.fills.sizes import at_size, back

_RADIUS = 3
_LONGEST = 128  # pixels: inside of a large hole there is nothing fine, and the time grows with its area


class Telea(Way):
    """Inpainting by fast marching: colours are carried inwards along the edges that lead there.

    A. Telea, An image inpainting technique based on the fast marching method, Journal of Graphics Tools 9(1), 2004.
    """

    context, blind = 0.25, True

    def __call__(self, hole: Hole, seed: int) -> NDArray[Any]:
        import cv2

        pixels, hidden = at_size(hole, min(_LONGEST, max(hole.hidden.shape)))
        if hidden.all():
            return hole.pixels
        # A row more at each side, since of a picture of one row OpenCV reads what is beside it in memory.
        padded, mask = (
            cv2.copyMakeBorder(one, 1, 1, 1, 1, cv2.BORDER_REPLICATE) for one in (pixels, hidden.astype(np.uint8))
        )
        # Of 16 bits, OpenCV fills one channel at a time; the result is that of all together.
        channels = [cv2.inpaint(one, mask, _RADIUS, cv2.INPAINT_TELEA) for one in cv2.split(padded)]
        return back(np.stack(channels, axis=2)[1:-1, 1:-1], hole)


def load(settings: FillSettings) -> Telea:
    """The way, which has no settings."""
    return Telea()
