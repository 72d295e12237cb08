"""Seeds as pictures: each for itself, and all of a tray with their outlines and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from nflows_agri.trays.colours import Pixels
from nflows_agri.trays.splitting import Labels

Around = Literal["black", "kept"]

_MARGIN = 0.06
"""Around a crop, as a share of its longer side."""
_LONGEST = 4096
"""The most pixels along a side of an overlay."""
# Neighbouring numbers get colours that are far apart on paper, on film and on cloth, and from each other.
_OUTLINES = np.array([(255, 0, 200), (0, 90, 255), (255, 120, 0), (0, 200, 220), (255, 230, 0)], np.uint8)


def crops(pixels: Pixels, labels: Labels, around: Around = "black") -> Iterator[tuple[int, Pixels]]:
    """The number and the picture of each seed, with a small margin.

    Arguments:
        pixels: The photograph, (H, W, 3).
        labels: The number of the seed at each pixel.
        around: Whether what is not of the seed becomes black, or is kept.
    """
    height, width = labels.shape
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        margin = 1 + int(_MARGIN * max(rows.stop - rows.start, columns.stop - columns.start))
        window = (
            slice(max(0, rows.start - margin), min(height, rows.stop + margin)),
            slice(max(0, columns.start - margin), min(width, columns.stop + margin)),
        )
        crop = pixels[window]
        yield number, np.where((labels[window] == number)[..., None], crop, 0) if around == "black" else crop


def overlay(pixels: Pixels, labels: Labels, longest: int = _LONGEST) -> Pixels:
    """The photograph with an outline about each seed and its number in the middle, at most ``longest`` pixels long."""
    factor = max(1, -(-max(labels.shape) // longest))
    small = pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))
    top, left = (min(factor // 2, side - 1) for side in labels.shape)
    numbers = labels[top::factor, left::factor]
    shown = np.array(small)
    thickness = 1 + min(shown.shape[:2]) // 900
    for number, window in enumerate(ndimage.find_objects(numbers, int(labels.max(initial=0))), 1):
        if window is not None:
            _outline(shown, numbers, number, window, thickness)
    return _numbered(shown, numbers, thickness)


def _outline(shown: Pixels, labels: Labels, number: int, window: tuple[slice, ...], thickness: int) -> None:
    piece = np.pad(labels[window] == number, 1)
    rim = (piece & ~ndimage.binary_erosion(piece, iterations=thickness))[1:-1, 1:-1]
    shown[window][rim] = _OUTLINES[number % len(_OUTLINES)]


def _numbered(shown: Pixels, labels: Labels, thickness: int) -> Pixels:
    image = Image.fromarray(shown)
    draw = ImageDraw.Draw(image)
    for number, window in enumerate(ndimage.find_objects(labels), 1):
        if window is None:
            continue
        rows, columns = window
        height = min(rows.stop - rows.start, columns.stop - columns.start)
        font = ImageFont.load_default(max(9, min(48, int(0.45 * height))))
        place = ((columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2)
        draw.text(place, str(number), (255, 255, 255), font, "mm", stroke_width=thickness, stroke_fill=(0, 0, 0))
    return np.asarray(image)


def as_mask(labels: Labels) -> NDArray[np.uint16]:
    """The labels as the pixels of a picture of 16 bits, (H, W, 1)."""
    return labels.astype(np.uint16)[..., None]
