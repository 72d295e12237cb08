"""What a detector sees of a picture, and how a file holds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images.finding import find
from nflows_privacy.detection import Detector, Look, distinct
from nflows_privacy.levels import is_narrow, spread
from nflows_privacy.regions import Region
from nflows_privacy.rgb import Pixels, as_rgb, as_three, colours_of, in_8_bits

_COLOURS = 16
"""A picture is dithered if so many colours fill half of it: of dithers that have more, networks see what they show."""
_SAMPLES = 2**16
_SIGMA = 1.25
"""How far a dithered picture is smoothed, in pixels; chosen on a street and a snapshot dithered in eight ways."""


def seen_by(detector: Detector, pixels: Pixels, look: Look = Look.THOROUGH) -> list[Region]:
    """What a detector finds in a picture, however that is shown.

    It looks at the colours, where some of the picture is transparent also at what shows on black and on white, since
    alpha may carry the whole picture, and at each of them smoothed as well if it is dithered. Where samples of 16 bits
    use little of their range, it looks also at the levels in use, spread over all of it. What is of one colour shows
    nothing, and is not looked at.

    Arguments:
        detector: The detector.
        pixels: The picture :math:`(H, W, C)`, alpha last where there is some.
        look: How hard it looks.
    """
    return distinct(region for view in _views(pixels) for region in detector(view, look))


def _views(pixels: Pixels) -> Iterator[NDArray[np.uint8]]:
    import cv2

    for view in _shown(pixels):
        if (view == view[0, 0]).all():
            continue
        yield view
        if _is_dithered(view):
            yield cv2.GaussianBlur(view, (0, 0), _SIGMA).astype(np.uint8, copy=False)


def _shown(pixels: Pixels) -> Iterator[NDArray[np.uint8]]:
    yield from _over_grounds(as_rgb(pixels), pixels)
    colours = colours_of(pixels)
    if colours.dtype == np.uint16 and is_narrow(colours):
        yield from _over_grounds(as_three(spread(colours)), pixels)


def _over_grounds(colours: NDArray[np.uint8], pixels: Pixels) -> Iterator[NDArray[np.uint8]]:
    """The colours of a picture, and where alpha hides some of them, what shows on black and on white."""
    yield colours
    alpha = in_8_bits(pixels[..., -1:]) if pixels.shape[2] in (2, 4) else np.full((1, 1, 1), 255, np.uint8)
    if alpha.min() < 255:
        on_black = (colours.astype(np.uint16) * alpha // 255).astype(np.uint8)
        yield on_black
        yield on_black + (255 - alpha)


def _is_dithered(view: NDArray[np.uint8]) -> bool:
    """Whether a few colours fill half of it, by a sample of its pixels."""
    sample = view.reshape(-1, 3)[:: max(1, view.size // 3 // _SAMPLES)]
    counts = np.unique(sample @ np.array([1, 2**8, 2**16]), return_counts=True)[1]
    return bool(2 * np.sort(counts)[-_COLOURS:].sum() >= len(sample))


def is_turned(path: Path) -> bool:
    """Whether a picture's file says that its pixels are to be turned; not of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return find(file).orientation != 1
    except (OSError, ValueError):
        return False
