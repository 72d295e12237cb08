r"""Principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.spectra import PercentileScaling, Sample

VARIANCE = 0.9
"""The part of the variance that the components keep."""
SIGNAL = 0.99
"""The part of the variance that the leading components keep, of which most is signal and not noise."""
FEWEST, MOST = 3, 10
"""Leading components, where there are as many bands: nearly all of the variance may be that of brightness, which is one
component, while rocks differ in what is left; and a Gaussian in ten dimensions has 65 numbers, which few pixels tell.
"""
_REACH = 0.5
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
        found = _Components.of(sample)
        return cls._first(found, found.holding(VARIANCE))

    @classmethod
    def _first(cls, found: _Components, kept: int, scales: NDArray[np.float64] | float = 1.0) -> Self:
        """So many components, divided by scales."""
        directions = found.directions[:, :kept] / scales
        fractions = found.variances[:kept] / found.variances.sum()
        return cls(found.scaling, found.mean, directions.astype(np.float32), fractions)

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
        found = _Components.of(sample)
        return cls._first(found, found.independent, np.sqrt(found.variances[: found.independent]))


@dataclass(frozen=True)
class LeadingPCA(PCA):
    """As many whitened components as keep 99 % of the variance, but three at least and ten at most.

    Most of what the others hold is noise, which has no units: a mixture of Gaussians would spend its own on it, the
    more so with the hundreds of bands of a spectrometer.
    """

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Takes the components of a sample; nothing in it is random."""
        found = _Components.of(sample, _REACH)
        kept = min(max(found.holding(SIGNAL), FEWEST), MOST, found.independent)
        return cls._first(found, kept, np.sqrt(found.variances[:kept]))


@dataclass(frozen=True)
class _Components:
    """All components of a sample, those of the largest variance first.

    Arguments:
        scaling: The scaling of the bands.
        mean: Of the scaled bands, :math:`(C,)`.
        variances: Of each component, :math:`(C,)`.
        directions: One in each column, :math:`(C, C)`.
    """

    scaling: PercentileScaling
    mean: NDArray[np.float32]
    variances: NDArray[np.float64]
    directions: NDArray[np.float64]

    @classmethod
    def of(cls, sample: Sample, reach: float = 0.0) -> _Components:
        """Finds them in bands that are scaled as by `PercentileScaling`."""
        scaling = PercentileScaling.fit(sample.spectra, reach)
        scaled = scaling.transform(sample.spectra).astype(np.float64)
        variances, directions = np.linalg.eigh(np.cov(scaled, rowvar=False).reshape(scaled.shape[1], -1))
        return cls(scaling, scaled.mean(0).astype(np.float32), variances[::-1], with_signs(directions[:, ::-1]))

    @property
    def independent(self) -> int:
        """How many there are that are more than rounding."""
        return int((self.variances > _LEAST_VARIANCE * self.variances[0]).sum())

    def holding(self, part: float) -> int:
        """How many hold such a part of the variance."""
        return int(np.searchsorted(np.cumsum(self.variances / self.variances.sum()), part)) + 1


def with_signs(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same directions, each turned so that its largest entry is positive, whatever the solver gave."""
    largest = np.take_along_axis(directions, np.abs(directions).argmax(0)[None], axis=0)
    return directions * np.sign(largest)
