r"""Components scaled by how much they vary between a pixel and its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.reductions.pca import with_signs
from nflows_geo.spectra import Sample, refuse_constant_bands

REACH = 2.0
"""Standard deviations at which a component ends."""
MOST_NEGATIVE = 0.01
"""The part of a band's values that may lie below zero, where dark reflectance does by its errors and has the root 0."""
_ROUNDING = 1e-5
"""The relative rounding of a blur."""
_LEAST_VARIANCE = 1e-10
"""The smallest eigenvalue of the bands' local correlation matrix: below is the rounding of a band that others give."""


@dataclass(frozen=True)
class LocalWhitening:
    r"""Components in which a pixel differs from its surroundings by unit variance in every direction.

    With :math:`x` the square root of the reflectance of a blurred scene and :math:`s` that of the surroundings,

    .. math:: z = \mathrm{clip}((x - m) A), \qquad A^\top N A = I, \qquad A^\top S A = \Lambda,

    where :math:`N` is the second moment of :math:`x - s`, :math:`S` the covariance of :math:`x`, and :math:`\Lambda`
    diagonal. These are the minimum noise fractions of Green et al. (1988), with all that varies within a
    few pixels as noise: not the sensor's alone, but slopes towards and away from the sun, and mixing.

    Why this before k-means: k-means measures every direction alike, so it is right where units spread alike in all of
    them. Most of how a unit spreads is its shading, and it is seen between neighbours, without labels; between units
    it is mixed with what tells them apart, and a whitening by :math:`S` divides by both. The square root makes the
    variance of photon noise constant and holds the differences of bright and dark slopes together without enlarging
    errors of dark pixels, as a logarithm does. Each component ends at two standard deviations, because squared
    distances let few outliers have a class of their own. The gain of a band has no influence.

    Arguments:
        center: Medians of the components, :math:`(D,)`.
        matrix: :math:`A`, :math:`(C, D)`.
        limits: Where the components end, on both sides of the median, :math:`(D,)`.
        variance_ratios: :math:`\Lambda`, the variance in the scene over that in a neighbourhood, :math:`(D,)`.
        negative: The part of the values of each band that lay below zero, whose root is taken as 0, :math:`(C,)`.
    """

    center: NDArray[np.float32]
    matrix: NDArray[np.float32]
    limits: NDArray[np.float32]
    variance_ratios: NDArray[np.float64]
    negative: NDArray[np.float64]

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Takes the components of a sample; nothing in it is random.

        Raises:
            ValueError: A band is constant, or more of it lies below zero than reflectance does.
        """
        negative = _negative(sample.spectra)
        x, surroundings = _root(sample.spectra), _root(sample.surroundings)
        # A blur rounds what is constant.
        refuse_constant_bands(np.ptp(x, axis=0) - _ROUNDING * x.max(axis=0))
        whitening = whitening_matrix(x - surroundings)
        ratios, rotation = np.linalg.eigh(_second_moment((x - x.mean(0)) @ whitening))
        matrix = with_signs(whitening @ rotation[:, ::-1])
        components = x @ matrix
        limits = (REACH * components.std(0)).astype(np.float32)
        center = np.median(components, axis=0).astype(np.float32)
        return cls(center, matrix.astype(np.float32), limits, ratios[::-1], negative)

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra of a blurred scene, :math:`(N, C)`, to components, :math:`(N, D)`."""
        components = np.sqrt(np.maximum(spectra, np.float32(0))) @ self.matrix
        components -= self.center
        return np.clip(components, -self.limits, self.limits, out=components)

    def describe(self) -> dict[str, Any]:
        """The components, for a report."""
        return {
            "components": self.matrix.shape[1],
            "variance_in_scene_over_variance_in_neighbourhood": self.variance_ratios.tolist(),
            "loadings_on_root_of_reflectance": self.matrix.T.tolist(),
            "limit_in_standard_deviations": REACH,
            "part_of_values_below_zero": self.negative.tolist(),
        }


def _negative(spectra: NDArray[np.float32]) -> NDArray[np.float64]:
    negative = (spectra < 0).mean(0)
    if (most := negative.max()) > MOST_NEGATIVE:
        raise ValueError(
            f"{most:.0%} of band {int(negative.argmax()) + 1} is below zero, and local-whitening takes roots of "
            "reflectance; choose another reduction, as leading-pca"
        )
    return np.asarray(negative)


def _root(spectra: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(spectra.astype(np.float64), 0))


def whitening_matrix(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """What makes the second moment of deviations the identity, without directions in which there are none."""
    moment = _second_moment(deviations)
    scale = np.sqrt(np.diag(moment))
    refuse_constant_bands(scale)
    variances, directions = np.linalg.eigh(moment / np.outer(scale, scale))
    kept = variances > _LEAST_VARIANCE
    return np.asarray(directions[:, kept] / np.sqrt(variances[kept]) / scale[:, None])


def _second_moment(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows.T @ rows / len(rows))
