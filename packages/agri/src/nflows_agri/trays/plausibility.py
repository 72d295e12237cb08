"""Masks that cannot be right, and why: of such a tray no number is told; and pictures that are no photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nflows_agri.trays.colours import Pixels
from nflows_agri.trays.segmenting import Segmentation
from nflows_agri.trays.shapes import shape_of

Areas = NDArray[np.int64]

_MOST_COVERED = 0.6
_MOST_OF_RIM = 0.5
_GIANT_SHARE, _GIANT_AREAS = 0.1, 10.0
_NO_SEED = 15.0  # typical areas: seeds of one lot are not so unequal, hands and rulers are
_LONE_SHARE = 0.4
_LEAST_SOLIDITY, _GIANT_SOLIDITY = 0.8, 0.85
_MOST_UNEXPLAINED = 0.05
_SOLIDITY_SAMPLES = 400
_DUST = 0.05  # of the area of a typical seed: what is smaller is dust, and no seed of another sort
_GRAIN = 0.004  # of it: what is smaller is the camera's noise, of which a large photograph has more
_MOST_SPECKS = 100
_SPREAD = 12.0
_FEWEST = 5
_LINE = 15.0
_LEVELS, _MOSTLY = 3, 0.7
_LEAST_DISTANCE = 11.0
"""Of seeds from the background, in its standard deviations: of drawn trays, seeds came in pieces in most below, and in
hardly any above."""
_INDISTINCT = (
    "what shows hardly differs from the background, or from its shadows: photograph seeds on paper or cloth of another "
    "colour, in softer light"
)


def doubt(found: Segmentation, *, heaps: bool = False, sizes_differ: bool = False) -> str | None:
    """Why the mask of a tray cannot be right, in words that say what to do; nothing if it can be.

    Arguments:
        found: The seeds.
        heaps: Whether a piece may be several seeds that touch, which have any shape.
        sizes_differ: Whether a person has said how small a seed may be, so that sizes tell nothing.
    """
    if not found.count:
        return _hidden(found)
    areas = np.bincount(found.labels.ravel())[1:]
    size = found.labels.size
    typical = float(np.median(areas))
    reasons = (
        _INDISTINCT if found.channel is not None and min(found.channel.far) < _LEAST_DISTANCE else None,
        _covering(areas.sum() / size, _rim(found)),
        _giant(areas, found),
        None if heaps else _ragged(found),
        _lined(found),
        None if heaps or sizes_differ else _mixed(areas, typical, found.specks),
        None if heaps or sizes_differ else _no_seed(areas, typical),
    )
    return next((reason for reason in reasons if reason is not None), None)


def _hidden(found: Segmentation) -> str | None:
    """Why it cannot be right that there is no seed."""
    if found.unexplained > _MOST_UNEXPLAINED:
        small = f", or are its {len(found.specks)} specks seeds of too few pixels" if found.specks.size else ""
        share = f"{found.unexplained:.0%} of it is not of one colour"
        return f"no seed is told from the rest, but {share}: is it a tray{small}?"
    if found.faint:
        return _INDISTINCT
    if len(found.specks) > _MOST_SPECKS:
        return f"there are {len(found.specks)} specks and no seed: dust, or a rough background"
    return None


def _solidity(found: Segmentation, number: int) -> float:
    """The solidity of a seed, counted from 0."""
    window = ndimage.find_objects(found.labels, number + 1)[number]
    return shape_of(found.labels[window] == number + 1, window, found.labels.shape).solidity


def _rim(found: Segmentation) -> float:
    """The share of the outermost pixels that are of seeds."""
    labels = found.labels
    return float(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).astype(bool).mean())


def _covering(share: float, rim: float) -> str | None:
    if share > _MOST_COVERED:
        return f"seeds would cover {share:.0%} of it: spread them, so that more of the tray is seen"
    if rim > _MOST_OF_RIM:
        return f"seeds would cover {rim:.0%} of its rim: it is inverted, or shows more than the tray"
    return None


def _giant(areas: Areas, found: Segmentation) -> str | None:
    largest, share = int(areas.argmax()), float(areas.max() / found.labels.size)
    is_odd = areas[largest] > _GIANT_AREAS * np.median(areas) or _solidity(found, largest) < _GIANT_SOLIDITY
    if share > _LONE_SHARE or (share > _GIANT_SHARE and is_odd):
        pieces = "the only piece" if found.count == 1 else f"one of {found.count} pieces"
        return f"{pieces} covers {share:.0%} of it: a heap, or no seed; spread the seeds, and photograph the tray alone"
    return None


def _no_seed(areas: Areas, typical: float) -> str | None:
    if len(areas) >= _FEWEST and areas.max() > _NO_SEED * typical:
        return (
            f"one of {len(areas)} pieces is {areas.max() / typical:.0f} times as large as a typical seed: a hand, a "
            "ruler, a rim? Photograph the seeds alone, or cut the picture; give `min_area` if seeds are so unequal"
        )
    return None


def _ragged(found: Segmentation) -> str | None:
    """Seeds are convex, or nearly so; texture, writing and things of daily life are not."""
    some = range(0, found.count, max(1, found.count // _SOLIDITY_SAMPLES))
    solidity = float(np.median([_solidity(found, one) for one in some]))
    if solidity < _LEAST_SOLIDITY:
        return f"the pieces are ragged (median solidity {solidity:.2f}), which seeds are not: is it a tray, and sharp?"
    return None


def _lined(found: Segmentation) -> str | None:
    """Pieces in a row that is far longer than wide: seeds that touch lie in heaps, or in rows of a few."""
    rows, _ = ndimage.label(found.labels, np.ones((3, 3)))
    for window, number in zip(ndimage.find_objects(rows), range(1, rows.max() + 1), strict=True):
        is_row = rows[window] == number
        pieces = len(np.unique(found.labels[window][is_row]))
        if pieces >= _FEWEST and _elongation(is_row) > _LINE:
            return f"{pieces} pieces lie in one thin line: a fold, an edge or a thread? Photograph the seeds alone"
    return None


def _elongation(piece: NDArray[np.bool_]) -> float:
    """The ratio of the axes of the ellipse with the piece's second moments."""
    least, largest = np.linalg.eigvalsh(np.cov(np.argwhere(piece).T) + np.eye(2) / 12)
    return float(np.sqrt(largest / least))


def _mixed(areas: Areas, typical: float, specks: NDArray[np.float64]) -> str | None:
    advice = "give `min_area` if the small ones are what they should be"
    small = int((specks >= _DUST * typical).sum())
    if small > max(_FEWEST, 0.5 * len(areas)):
        return f"beside {len(areas)} seeds there are {small} pieces below a fifth of a typical one: {advice}"
    specks = specks[specks >= _GRAIN * typical]
    if len(specks) > max(_MOST_SPECKS, 4 * len(areas)):
        return f"beside {len(areas)} seeds there are {len(specks)} specks: dust, or a rough background; {advice}"
    low, high = float(np.percentile(areas, 10)), _half_of_all(areas)
    if len(areas) >= _FEWEST and high > _SPREAD * low:
        return f"the areas are wildly mixed, {low:.0f} to {high:.0f} pixels: {advice}"
    return None


def _half_of_all(areas: Areas) -> float:
    """The area of the piece up to which the pieces have half of all pixels."""
    ordered = np.sort(areas)
    return float(ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)])


def is_flat(found: Segmentation, pixels: Pixels) -> bool:
    """Whether most seeds have one colour and no texture: a mask or a drawing, which a photograph is not.

    Arguments:
        found: The seeds.
        pixels: The picture that they were found in, (H, W, 3).
    """
    windows = enumerate(ndimage.find_objects(found.labels), 1)
    flat = [_has_one_colour(pixels[window][found.labels[window] == number]) for number, window in windows]
    return bool(flat) and float(np.mean(flat)) > _MOSTLY


def _has_one_colour(colours: Pixels) -> bool:
    """Whether most of a seed's pixels (N, 3) are within a few levels of their median, as JPEG leaves what is even."""
    differences = np.abs(colours.astype(np.int16) - np.median(colours, 0)).max(1)
    return float((differences <= _LEVELS).mean()) > _MOSTLY
