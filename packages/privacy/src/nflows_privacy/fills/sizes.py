"""Windows at the size that a model works at, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.fills.pasting import Hole


def at_size(hole: Hole, longest: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The pixels of a window, of which the longer side becomes ``longest``, and what of them is hidden.

    A pixel is hidden if any hidden one has gone into it, so that what is blurred at the edge of the mask is below it.
    """
    import cv2

    height, width = hole.hidden.shape
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = (
        cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )  # of two pixels: no overshoot, which would leave the mask
    pixels = cv2.resize(hole.pixels, size, interpolation=method).reshape(size[1], size[0], -1)
    hidden = cv2.resize(hole.hidden.astype(np.float32), size, interpolation=method)
    return pixels, hidden > 0


def back(made: NDArray[Any], hole: Hole) -> NDArray[Any]:
    """What was made of it, at the size of the window; of grey pictures the mean of RGB."""
    import cv2

    height, width = hole.hidden.shape
    scale = width / made.shape[1]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    channels = hole.pixels.shape[2]
    if made.shape[2] > channels:
        made = made.mean(axis=2, keepdims=True)
    return cv2.resize(made, (width, height), interpolation=method).reshape(height, width, channels)
