"""What seeds lie on, under the light that falls there: a smooth surface through the pixels that are not seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nflows_agri.trays.colours import Floats

_SAMPLES = 20_000
_BIN = 8.0
_WIDEST = np.array([40.0, 25.0, 25.0])  # of lightness, a and b: seeds differ by more
_NARROWEST = np.array([4.0, 3.0, 3.0])
_STEPS = 12
_TUKEY = 4.685  # for 95 % efficiency where errors are normal


@dataclass(frozen=True)
class Background:
    r"""A polynomial of the second degree in the place, for each feature.

    Arguments:
        coefficients: Those of :math:`1, x, y, x^2, x y, y^2`, :math:`(6, F)`, where x and y run from -1 to 1.
    """

    coefficients: NDArray[np.float64]

    def at(self, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Floats:
        """The features at the crossings of rows and columns, both as places in [-1, 1]: (F, H, W)."""
        y, x = rows[:, None], columns[None, :]
        one, a, b, aa, ab, bb = self.coefficients[..., None, None]
        return np.asarray(one + a * x + b * y + aa * x**2 + ab * (x * y) + bb * y**2, np.float32)


def places(length: int) -> NDArray[np.float64]:
    """The middles of pixels along a side, from -1 to 1."""
    return (2 * np.arange(length) + 1) / length - 1


def fit_background(values: Floats) -> Background:
    """The surface that most pixels lie near, whatever the others are.

    Of a twenty-thousandth of the picture each, weighted least squares are repeated with Tukey's biweight (Beaton and
    Tukey 1974) while its width shrinks, from the commonest colour: graduated non-convexity (Blake and Zisserman 1987).
    A pixel counts by its CIELAB, and so do its other features.

    Arguments:
        values: The features, :math:`(F, H, W)`, CIELAB first.
    """
    height, width = values.shape[1:]
    step = max(1, int(np.sqrt(height * width / _SAMPLES)))
    some = values[:, step // 2 :: step, step // 2 :: step]
    rows, columns = places(height)[step // 2 :: step], places(width)[step // 2 :: step]
    y, x = (one.ravel() for one in np.meshgrid(rows, columns, indexing="ij"))
    terms = np.stack([np.ones_like(x), x, y, x**2, x * y, y**2], 1)
    samples = some.reshape(len(values), -1).T.astype(np.float64)
    fitted = np.broadcast_to(_commonest(some[:3]), (len(samples), 3))
    weights = np.ones(len(samples))
    coefficients = np.zeros((6, samples.shape[1]))
    for share in np.linspace(0, 1, _STEPS):
        reach = _WIDEST ** (1 - share) * _NARROWEST**share * _TUKEY / 2
        weights = np.prod(np.clip(1 - ((samples[:, :3] - fitted) / reach) ** 2, 0, None) ** 2, 1)
        coefficients = _least_squares(terms, samples, weights)
        fitted = terms @ coefficients[:, :3]
    return Background(coefficients)


def _least_squares(
    terms: NDArray[np.float64], samples: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted; a little of a ridge on the slopes, for the weights may leave one corner only."""
    weighted = terms * weights[:, None]
    ridge = np.diag([1e-9, *[1e-4] * 5]) * max(float(weights.sum()), 1e-9)
    return np.asarray(np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ samples), np.float64)


def _commonest(lab: Floats) -> NDArray[np.float64]:
    """The colour of the fullest cell of a histogram, where a frame of a twentieth counts as much as all within."""
    height, width = lab.shape[1:]
    rim = max(1, min(height, width) // 20)
    weights = np.full((height, width), height * width / max(1, 2 * rim * (height + width - 2 * rim)))
    weights[rim:-rim, rim:-rim] = height * width / max(1, (height - 2 * rim) * (width - 2 * rim))
    colours = lab.reshape(3, -1).T
    edges = [np.arange(low, high + 2 * _BIN, _BIN) for low, high in ((0, 100), (-128, 128), (-128, 128))]
    counts, _ = np.histogramdd(colours, bins=edges, weights=weights.ravel())
    smooth = ndimage.uniform_filter(counts, 3, mode="constant")
    cell = np.unravel_index(np.argmax(smooth), smooth.shape)
    return np.array([edge[index] + _BIN / 2 for edge, index in zip(edges, cell, strict=True)])
