"""Losses known by their colour: bare plaster, white filler, mould."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label
from skimage.color import rgb2lab

Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]

NAMED: dict[str, Colour] = {"white": (255, 255, 255), "black": (0, 0, 0)}
_STRIP = 256


def parse_colour(text: str) -> Colour:
    """The colour that a word or six hexadecimal digits name, red, green and blue from 0 to 255.

    Raises:
        ValueError: It is neither.
    """
    if text.lower() in NAMED:
        return NAMED[text.lower()]
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise ValueError(f"colour {text!r}: expected {' or '.join(NAMED)}, or red, green and blue as #f4efe6")
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def find_colour(pixels: NDArray[Any], colour: Colour, tolerance: float = 10.0, least: int = 20, grow: int = 1) -> Mask:
    r"""Where a picture has a colour in a connected area, :math:`(H, W)`.

    .. math:: \sqrt{(L - L_0)^2 + (a - a_0)^2 + (b - b_0)^2} \leq \text{tolerance}

    in CIELAB under D65, in which 2.3 is a difference that is just seen.

    Arguments:
        pixels: The picture :math:`(H, W, C)` of 8 or 16 bits, grey or sRGB, without alpha.
        colour: The colour.
        tolerance: How far a colour may be from it.
        least: The pixels that an area has at least, connected by sides or corners; smaller ones are left.
        grow: How many pixels are marked around, where paint and loss are mixed.
    """
    near = np.concatenate([_near(pixels[top : top + _STRIP], colour, tolerance) for top in _tops(pixels)])
    return grown(without_specks(near, least), grow)


def without_specks(mask: Mask, least: int) -> Mask:
    """The same without areas of fewer pixels than ``least``, connected by sides or corners."""
    numbers, _ = label(mask, np.ones((3, 3)))
    large = np.bincount(numbers.ravel()) >= least
    large[0] = False
    return large[numbers]  # type: ignore[no-any-return]


def grown(mask: Mask, pixels: int) -> Mask:
    """The same with so many pixels around, in all eight directions."""
    size = 2 * pixels + 1
    return binary_dilation(mask, np.ones((size, size))) if pixels else mask


def _tops(pixels: NDArray[Any]) -> range:
    return range(0, len(pixels), _STRIP)  # in CIELAB a whole scan takes 24 bytes a pixel


def _near(pixels: NDArray[Any], colour: Colour, tolerance: float) -> Mask:
    samples = pixels / np.iinfo(pixels.dtype).max
    lab = rgb2lab(np.broadcast_to(samples, (*samples.shape[:2], 3)))
    distance = np.linalg.norm(lab - rgb2lab(np.array(colour) / 255), axis=2)
    return np.asarray(distance <= tolerance)
