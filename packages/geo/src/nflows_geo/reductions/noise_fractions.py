r"""Components by their signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.reductions.local_whitening import whitening_matrix
from nflows_geo.reductions.pca import FEWEST, MOST, with_signs
from nflows_geo.spectra import Sample, refuse_constant_bands

_LEAST_RATIO = 2.0
"""The variance over that of the noise from which a component is kept: half of it is signal then."""


@dataclass(frozen=True)
class NoiseFractions:
    r"""Minimum noise fractions: components in the order of their signal-to-noise ratio, with noise of unit variance.

    .. math:: z = (x - \mu) A, \qquad A^\top N A = I, \qquad A^\top S A = \Lambda,

    where :math:`S` is the covariance of the bands and :math:`N` that of the noise: half of the second moment of the
    differences between pixels that lie side by side, since neighbours are mostly of one ground. The gain of a band has
    no influence. Kept are components with as much signal as noise, :math:`\lambda \ge 2`, but three at least and ten at
    most.

    Arguments:
        mean: :math:`\mu`, in the unit of the spectra, :math:`(C,)`.
        matrix: :math:`A`, :math:`(C, D)`.
        variance_ratios: :math:`\Lambda`, the variance over that of the noise, :math:`(D,)`.

    Source: Green, Berman, Switzer and Craig, A transformation for ordering multispectral data in terms of image quality
    with implications for noise removal (1988).
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]
    variance_ratios: NDArray[np.float64]

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Takes the components of a sample; nothing in it is random.

        Raises:
            ValueError: A band is constant, or no pixel differs from its neighbour.
        """
        spectra = sample.spectra.astype(np.float64)
        refuse_constant_bands(np.ptp(spectra, axis=0))
        white = whitening_matrix((spectra - sample.neighbours) / np.sqrt(2))
        mean = spectra.mean(0)
        centred = (spectra - mean) @ white
        ratios, rotation = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = min(max(int((ratios >= _LEAST_RATIO).sum()), FEWEST), MOST, len(ratios))
        matrix = with_signs(white @ rotation[:, ::-1])[:, :kept]
        return cls(mean.astype(np.float32), matrix.astype(np.float32), ratios[::-1][:kept])

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`, to components, :math:`(N, D)`."""
        return np.asarray((spectra - self.mean) @ self.matrix, np.float32)

    def describe(self) -> dict[str, Any]:
        """The components, for a report."""
        return {
            "components": self.matrix.shape[1],
            "variance_over_that_of_noise": self.variance_ratios.tolist(),
            "loadings": self.matrix.T.tolist(),
        }
