"""A mask of seeds into seeds: those that touch are cut at their necks and seams, and what was cut too often is joined.

All lengths here are shares of the typical radius, half the width of a seed, and all areas of the circle of that radius.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from nflows_agri.trays.colours import Floats
from nflows_agri.trays.shapes import Mask, Shape, Window, shape_of

Labels = NDArray[np.int32]
Looks = Callable[[Window], Sequence[Floats]]
"""Pictures of a window, which are darker where seeds meet."""

SPECK = 0.3
"""The least area of a seed."""
_SMALL_HOLE = 0.3
_HAIR = 4.0  # a radius in pixels: an opening by one pixel leaves smaller seeds no shape
_PEAK = 0.08  # how far a maximum of the distance rises over the pass to a higher one
_SMOOTHING = 0.08
_SEAM_WIDTH, _SEAM_LENGTH = 0.7, 0.25
_SEAM_DEPTH = (3.0, 0.25)  # beside the median depth of valleys, and beside the range of all brightness
_WHOLE = 0.95  # the solidity from which on a piece is one seed without a look
_CONVEX, _LOSS = 0.93, 0.035  # the solidity of two parts that are one seed, and what they may lose by it


def typical_radius(mask: Mask) -> float:
    """The radius of the largest circle in a piece of a mask, its median over the area; 0 where there is no piece.

    It is half the width of a seed, also where most lie in heaps that touch.
    """
    labels, count = ndimage.label(mask)
    if not count:
        return 0.0
    depth = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    radii = ndimage.maximum(depth, labels, np.arange(1, count + 1))
    areas = np.bincount(labels.ravel())[1:]
    order = np.argsort(radii)
    return float(radii[order][np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)])


def cleaned(mask: Mask, radius: float, least: float) -> Mask:
    """The mask without small holes, hairs, and pieces of fewer than ``least`` pixels."""
    mask = ~_without_small(~mask, _SMALL_HOLE * np.pi * radius**2)
    if radius >= _HAIR:
        mask = ndimage.binary_opening(np.pad(mask, 2, mode="edge"))[2:-2, 2:-2]
    return _without_small(mask, least)


def _without_small(mask: Mask, least: float) -> Mask:
    labels, _ = ndimage.label(mask)
    is_large = np.bincount(labels.ravel()) >= least
    is_large[0] = False
    return np.asarray(is_large[labels])


def pieces_of(mask: Mask) -> Labels:
    """The connected pieces of a mask, numbered from 1."""
    return np.asarray(label(mask, connectivity=1), np.int32)


def split(pieces: Labels, radius: float, looks: Looks) -> Labels:
    """The seeds in pieces of a mask, numbered from 1.

    Each piece that is not convex is cut by a watershed on the distance transform, from the maxima that rise well over
    their passes (h-maxima: Soille 2004, chapter 6), of the piece without its seams. Beyond the edges of the photograph
    the piece goes on as it is there, so that a seed that is cut off has its maximum, too. Two parts whose union is
    as convex as they are, are one seed.

    Arguments:
        pieces: The pieces, numbered from 1.
        radius: Half the width of a seed in pixels.
        looks: What pictures of a window look like; see `Looks`.
    """
    seeds, count = np.zeros_like(pieces), 0
    for number, window in enumerate(ndimage.find_objects(pieces), 1):
        piece = pieces[window] == number
        parts = _parts(piece, window, pieces.shape, radius, looks)
        seeds[window][piece] = parts[piece] + count
        count += int(parts.max())
    return seeds


def _parts(piece: Mask, window: Window, size: tuple[int, int], radius: float, looks: Looks) -> Labels:
    if shape_of(piece, window, size).solidity >= _WHOLE:
        return piece.astype(np.int32)
    core = piece.copy()
    for look in looks(window):
        core &= ~_seams(piece, look, radius)
    depth = _depth(core, window, size, radius)
    peaks = label(h_maxima(depth, np.float32(_PEAK * radius)))
    return _joined(np.asarray(watershed(-depth, peaks, mask=piece), np.int32), window, size)


def _seams(piece: Mask, look: Floats, radius: float) -> Mask:
    """The valleys of brightness that reach the outline: where seeds meet there is shade, or the background shines."""
    look = ndimage.gaussian_filter(look, max(0.5, _SMOOTHING * radius))
    inside = look[piece]
    width = max(3, round(_SEAM_WIDTH * radius) | 1)
    depth = ndimage.grey_closing(np.where(piece, look, inside.min()), (width, width)) - look
    typical, contrast = float(np.median(depth[piece])), float(np.ptp(np.percentile(inside, (5, 95))))
    valleys, count = ndimage.label(
        piece & (depth > max(_SEAM_DEPTH[0] * typical, _SEAM_DEPTH[1] * contrast)), np.ones((3, 3))
    )
    reaches = np.zeros(count + 1, bool)
    reaches[valleys[ndimage.binary_dilation(~piece, border_value=1)]] = True
    reaches &= np.bincount(valleys.ravel(), minlength=count + 1) > _SEAM_LENGTH * radius
    reaches[0] = False
    return np.asarray(reaches[valleys])


def _depth(core: Mask, window: Window, size: tuple[int, int], radius: float) -> Floats:
    """The distance to the outline, smoothed."""
    reach = int(np.ceil(radius)) + 2
    padded = core
    for axis, (side, length) in enumerate(zip(window, size, strict=True)):
        for end, goes_on in enumerate((side.start == 0, side.stop == length)):
            width = [(0, 0), (0, 0)]
            width[axis] = (reach, 0) if end == 0 else (0, reach)
            padded = np.pad(padded, width, mode="edge" if goes_on else "constant")
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(padded).astype(np.float32), _SMOOTHING * radius)
    return np.where(padded, depth, np.float32(0))[reach:-reach, reach:-reach]


def _joined(parts: Labels, window: Window, size: tuple[int, int]) -> Labels:
    """The parts with those joined that make one seed, the most convex pair first."""
    shapes = {number: shape_of(parts == number, window, size) for number in range(1, int(parts.max()) + 1)}
    owners = np.arange(len(shapes) + 1)
    pairs = {pair: _convexity(shapes, pair) for pair in _neighbours(parts)}
    while pairs and pairs[best := max(pairs, key=lambda pair: pairs[pair])]:
        kept, gone = best
        shapes[kept] |= shapes.pop(gone)
        owners[owners == gone] = kept
        renamed = {tuple(sorted(kept if one == gone else one for one in pair)) for pair in pairs}
        changed = {(one, other) for one, other in renamed if one != other}
        pairs = {pair: _convexity(shapes, pair) if kept in pair else pairs[pair] for pair in changed}
    _, numbers = np.unique(owners, return_inverse=True)
    return np.asarray(numbers[parts], np.int32)


def _convexity(shapes: dict[int, Shape], pair: tuple[int, int]) -> float:
    """The solidity of two parts together if they are one seed, else 0."""
    one, other = (shapes[number] for number in pair)
    together = (one | other).solidity
    is_one = together >= max(_CONVEX, min(one.solidity, other.solidity) - _LOSS)
    return together if is_one else 0.0


def _neighbours(parts: Labels) -> set[tuple[int, int]]:
    """The pairs of numbers that stand side by side, the lower one first."""
    found: set[tuple[int, int]] = set()
    for one, other in ((parts[1:], parts[:-1]), (parts[:, 1:], parts[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        pairs = np.sort(np.stack([one[meet], other[meet]], 1), 1)
        found |= {(int(first), int(second)) for first, second in np.unique(pairs, axis=0)}
    return found
