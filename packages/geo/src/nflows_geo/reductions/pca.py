r"""Principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.spectra import PercentileScaling, Sample

VARIANCE = 0.9
"""The part of the variance that the components keep."""
_LEAST_VARIANCE = 1e-10
"""Relative to the first component's; what is below is the rounding of a band that others determine."""


@dataclass(frozen=True)
class PCA:
    r"""The first principal components of the scaled bands, as many as keep 90 % of the variance.

    .. math:: z = (x - \mu) V

    Arguments:
        scaling: The scaling of the bands.
        mean: :math:`\mu` of the scaled bands, :math:`(C,)`.
        directions: :math:`V`, :math:`(C, D)`.
        variance_fractions: The part of each component in the variance of all, :math:`(D,)`.

    Source: Nagar, Farahbakhsh, Awange and Chandra, Adv. Space Res. 74 (2024).
    """

    scaling: PercentileScaling
    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    variance_fractions: NDArray[np.float64]

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Takes the components of a sample; nothing in it is random."""
        scaling, mean, variances, directions = _components(sample)
        fractions = variances / variances.sum()
        kept = int(np.searchsorted(np.cumsum(fractions), VARIANCE)) + 1
        return cls(scaling, mean, directions[:, :kept].astype(np.float32), fractions[:kept])

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`, to components, :math:`(N, D)`."""
        components = (self.scaling.transform(spectra) - self.mean) @ self.directions
        return np.asarray(components, np.float32)

    def describe(self) -> dict[str, Any]:
        """The scaling and the components, for a report."""
        return {
            "scaling": self.scaling.describe(),
            "components": self.directions.shape[1],
            "variance_fractions": self.variance_fractions.tolist(),
            "loadings": self.directions.T.tolist(),
        }


@dataclass(frozen=True)
class WhitenedPCA(PCA):
    r"""All principal components, each divided by its standard deviation, :math:`z = (x - \mu) V \Lambda^{-1/2}`.

    The first component of a scene is the illumination. Whitened, it counts no more than those that tell rocks apart,
    and neither do the noisiest.
    """

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Takes the components of a sample; nothing in it is random."""
        scaling, mean, variances, directions = _components(sample)
        kept = variances > _LEAST_VARIANCE * variances[0]
        directions = directions[:, kept] / np.sqrt(variances[kept])
        return cls(scaling, mean, directions.astype(np.float32), variances[kept] / variances.sum())


def _components(
    sample: Sample,
) -> tuple[PercentileScaling, NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """The scaling, the mean, and variances and directions of all components, the largest first."""
    scaling = PercentileScaling.fit(sample.spectra)
    scaled = scaling.transform(sample.spectra).astype(np.float64)
    variances, directions = np.linalg.eigh(np.cov(scaled, rowvar=False).reshape(scaled.shape[1], -1))
    return scaling, scaled.mean(0).astype(np.float32), variances[::-1], with_signs(directions[:, ::-1])


def with_signs(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same directions, each turned so that its largest entry is positive, whatever the solver gave."""
    largest = np.take_along_axis(directions, np.abs(directions).argmax(0)[None], axis=0)
    return directions * np.sign(largest)
