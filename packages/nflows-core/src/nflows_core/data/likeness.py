r"""Which pictures show the same again: copies that were edited, and things that were photographed twice.

Crops of one kind have nearly the same outline and colours, so neither tells one grain from another: what does is the
pattern on it. Of each picture the band of that pattern is taken, a difference of Gaussians inside the thing alone, and
compared in all eight positions of a square. A few principal components of it find the likest others of each picture;
these are then compared pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, minimum_filter

SIDE = 48
"""The side of the squares that are compared."""
_TURNS = range(8)
_PLAIN = 25  # grey levels of 256 from the colour of the border, from which on something is the thing
_LEAST = 0.05  # of the square: what is smaller is no thing on a plain ground
_EDGE = 3  # pixels of the rim of the thing, where there is its outline and no pattern
_FINE, _COARSE = 1.0, 4.0  # the standard deviations of the band, in pixels
_COMPONENTS = 96
_LIKEST = 6
_ROWS = 512  # pictures that are filtered at once
_BLOCK = 2**22  # correlations that are held at once

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """From where on two pictures are taken to show the same.

    Arguments:
        copy: The correlation of all pixels in colour of a copy: compressed anew, resized, brightened, turned, mirrored.
        pixels: That correlation of a thing that was photographed again.
        pattern: The correlation of the patterns of such a thing.
        lead: How far that is above the correlation with the sixth likest picture, of either of the two.
    """

    copy: float = 0.995
    pixels: float = 0.9
    pattern: float = 0.75
    lead: float = 0.3


# Set on road signs in two frames of a video and on tiles under six exposures, where no two different ones come above
# a correlation of pixels of 0.98, nor lead by 0.28 in that of the patterns.
DEFAULT_LIMITS = Limits()


class Alike(NamedTuple):
    """Two pictures that show the same.

    Arguments:
        first: The place of the first.
        second: The place of the second, which is higher.
        is_copy: Whether one is a copy of the other; else the thing was photographed again.
        pixels: The correlation of all their pixels in colour.
        pattern: The correlation of their patterns.
    """

    first: int
    second: int
    is_copy: bool
    pixels: float
    pattern: float


def find_alike(squares: NDArray[np.uint8], limits: Limits = DEFAULT_LIMITS) -> list[Alike]:
    """The pairs of pictures that show the same, in the order of their places.

    Arguments:
        squares: The pictures, each as a whole, :math:`(N, 48, 48, 3)`.
        limits: From where on two are the same.

    Raises:
        ValueError: The squares have another shape.
    """
    if squares.ndim != 4 or squares.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"`squares` must be of shape (N, {SIDE}, {SIDE}, 3), got {squares.shape}")
    if len(squares) < 2:
        return []
    patterns, colours = _patterns(squares), _colours(squares)
    likest, turns, background = _likest(patterns)
    found: dict[tuple[int, int], Alike] = {}
    for turn in _TURNS:
        first, rank = np.nonzero(turns == turn)
        second = likest[first, rank]
        pixels, pattern = (_products(of, first, second, turn) for of in (colours, patterns))
        lead = pattern - np.maximum(background[first], background[second])
        is_copy = pixels >= limits.copy
        is_again = (pixels >= limits.pixels) & (pattern >= limits.pattern) & (lead >= limits.lead)
        for at in np.flatnonzero(is_copy | is_again):
            low, high = sorted((int(first[at]), int(second[at])))
            pair = Alike(low, high, bool(is_copy[at]), float(pixels[at]), float(pattern[at]))
            found[low, high] = max(pair, found.get((low, high), pair))
    return [found[ends] for ends in sorted(found)]


def turned(images: NDArray[Any], turn: int) -> NDArray[Any]:
    """Images :math:`(N, S, S, ...)` in one of the eight positions of a square."""
    images = np.swapaxes(images, 1, 2) if turn & 1 else images
    images = images[:, ::-1] if turn & 2 else images
    return images[:, :, ::-1] if turn & 4 else images


def _likest(patterns: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The likest others of each picture, by principal components, the position of each, and the lowest correlation."""
    count = len(patterns)
    most = min(_LIKEST, count - 1)
    components = _components(patterns)
    short = [_unit(turned(patterns, turn).reshape(count, -1) @ components) for turn in _TURNS]
    likest, turns = np.empty((2, count, most), np.intp)
    background = np.empty(count, np.float32)
    step = max(1, _BLOCK // count)
    for top in range(0, count, step):
        rows = np.arange(top, min(top + step, count))
        best, which = _in_best_turn(short, rows)
        best[np.arange(len(rows)), rows] = -np.inf
        order = np.argpartition(-best, most - 1, axis=1)[:, :most]
        likest[rows] = order
        turns[rows] = np.take_along_axis(which, order, 1)
        background[rows] = np.take_along_axis(best, order, 1).min(1)
    return likest, turns, background


def _in_best_turn(short: list[Floats], rows: NDArray[np.intp]) -> tuple[Floats, NDArray[np.int8]]:
    """The correlations of some pictures with all, each in the position where it is highest, and that position."""
    best = short[0][rows] @ short[0].T
    which = np.zeros(best.shape, np.int8)
    for turn in _TURNS[1:]:
        other = short[0][rows] @ short[turn].T
        which[other > best] = turn
        np.maximum(best, other, out=best)
    return best, which


def _components(patterns: Floats) -> Floats:
    """The directions in which the patterns vary most, in all positions, as columns."""
    flat = (turned(patterns, turn).reshape(len(patterns), -1) for turn in _TURNS)
    _, vectors = np.linalg.eigh(sum(one.T @ one for one in flat))
    return np.ascontiguousarray(vectors[:, -_COMPONENTS:])


def _products(images: Floats, first: NDArray[np.intp], second: NDArray[np.intp], turn: int) -> Floats:
    """The correlations of pairs of images, the second ones in a position."""
    products: Floats = (images[first] * turned(images[second], turn)).sum(tuple(range(1, images.ndim)))
    return products


def _patterns(squares: NDArray[np.uint8]) -> Floats:
    """The bands of the patterns, :math:`(N, 20, 20)`, of length 1; 0 where there is no pattern."""
    blocks = [_pattern(squares[top : top + _ROWS]) for top in range(0, len(squares), _ROWS)]
    return np.concatenate(blocks)


def _pattern(squares: NDArray[np.uint8]) -> Floats:
    grey = squares.mean(3, dtype=np.float32)
    inside = _inside(grey)
    fine, coarse = (_blurred(grey, inside, sigma) for sigma in (_FINE, _COARSE))
    band = ((fine - coarse) * inside)[:, 4:-4, 4:-4]
    halves = band.reshape(len(band), SIDE // 2 - 4, 2, SIDE // 2 - 4, 2).mean((2, 4))
    return _unit(halves)


def _inside(grey: Floats) -> Floats:
    """1 on the thing without its rim, or everywhere if there is none on a plain ground."""
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    ground = np.median(border, axis=1)[:, None, None]
    thing = minimum_filter(np.abs(grey - ground) > _PLAIN, (1, 2 * _EDGE + 1, 2 * _EDGE + 1))
    thing[thing.mean((1, 2)) < _LEAST] = True
    inside: Floats = thing.astype(np.float32)
    return inside


def _blurred(grey: Floats, inside: Floats, sigma: float) -> Floats:
    """The mean of the pixels inside, by Gaussian weights."""
    sums, weights = (gaussian_filter(one, (0, sigma, sigma)) for one in (grey * inside, inside))
    blurred: Floats = sums / np.maximum(weights, 1e-3)
    return blurred


def _colours(squares: NDArray[np.uint8]) -> Floats:
    """The pixels of all colours, :math:`(N, 24, 24, 3)`, less their mean, of length 1; 0 where all are the same."""
    halves = squares.reshape(len(squares), SIDE // 2, 2, SIDE // 2, 2, 3).mean((2, 4), dtype=np.float32)
    return _unit(halves - halves.mean((1, 2, 3), keepdims=True))


def _unit(images: Floats) -> Floats:
    length = np.sqrt(np.square(images).sum(tuple(range(1, images.ndim)), keepdims=True))
    unit: Floats = images / np.maximum(length, 1e-3)
    return unit
