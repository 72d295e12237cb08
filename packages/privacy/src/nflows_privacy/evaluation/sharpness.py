r"""Whether a place shows that it was filled, by three numbers of its sharpness.

Of the grey levels g of the pixels in a place: the logarithm of the variance of the Laplacian; that of the mean length
of the gradient; and the share of what is finer than two pixels, :math:`\operatorname{mean} (g - g * G_2)^2 /
(\operatorname{var} g + 1)`, with a Gaussian of that deviation. A normal density of one covariance for both sides
(Fisher's linear discriminant) is fitted in all folds but one and scores the places of that one; the AUROC is that of
all scores, and 1/2 where the numbers tell nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_privacy.evaluation.erased_places import Normals, folds_of
from nflows_privacy.masks import Rectangle

_SIGMA = 2.0

Array = NDArray[np.float64]


def sharpness(pixels: NDArray[np.uint8], place: Rectangle) -> Array:
    """The three numbers of a place in a picture :math:`(H, W, 3)`; nothing around the place counts."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[place.slices]), cv2.COLOR_RGB2GRAY).astype(np.float64)
    laplacian = cv2.Laplacian(grey, cv2.CV_64F)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    fine = grey - cv2.GaussianBlur(grey, (0, 0), _SIGMA)
    return np.array([np.log(laplacian.var() + 1), np.log(gradient.mean() + 1), (fine**2).mean() / (grey.var() + 1)])


def neighbour(place: Rectangle, taken: Sequence[Rectangle], height: int, width: int) -> Rectangle | None:
    """A place of the same size beside another, that touches none that is taken; nothing if there is none."""
    down, across = place.bottom - place.top, place.right - place.left
    for rows, columns in ((0, across), (0, -across), (-down, 0), (down, 0)):
        beside = place.moved(rows, columns)
        is_inside = beside.top >= 0 and beside.left >= 0 and beside.bottom <= height and beside.right <= width
        if is_inside and not any(beside.shares_pixels(other) for other in taken):
            return beside
    return None


def told_apart(first: Array, second: Array, groups: Sequence[str], seed: int, folds: int = 5) -> float:
    """The AUROC of places of one sort against those of another, each scored by what was learned in other groups.

    Arguments:
        first: The numbers of the places of one sort, :math:`(n, 3)`.
        second: Those of the other, :math:`(m, 3)`.
        groups: The picture of each of the n + m places.
        seed: The seed of the folds.
        folds: How many there are.
    """
    features = np.concatenate([first, second])
    labels = np.repeat([1, 0], [len(first), len(second)])
    scores = np.empty(len(labels))
    for test in folds_of(np.full(len(labels), ""), groups, folds, seed):
        train = np.setdiff1d(np.arange(len(labels)), test)
        found = Normals(features[train], labels[train], 2)(features[test])
        scores[test] = found[:, 1] - found[:, 0]
    return auroc(scores[labels == 1], scores[labels == 0])


def auroc(first: Array, second: Array) -> float:
    """The share of pairs in which the first is larger; half of each tie counts.

    Example:
        >>> auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
        0.875
    """
    ordered = np.sort(second)
    below, up_to = (np.searchsorted(ordered, first, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(second))
