r"""A mixture of Gaussians."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering.centroids import by_size, check_classes, first_smallest
from nflows_geo.clustering.elbow import Criterion
from nflows_geo.clustering.expectation_maximization import Gaussians, fit_gaussians

STARTS = 5
"""How often the fit starts anew, since it ends in a local optimum; the likeliest is kept."""
_CURVE_STARTS = 3
_MOST_DIMENSIONS = 48


@dataclass(frozen=True)
class Mixture:
    r"""The class of :math:`x` is the likeliest component, :math:`\arg\max_k \pi_k N(x; \mu_k, \Sigma_k)`.

    Arguments:
        whitenings: :math:`W_k` with :math:`W_k W_k^\top = \Sigma_k^{-1}`, :math:`(K, D, D)`; the first is the largest.
        centers: :math:`W_k^\top \mu_k`, :math:`(K, D)`.
        offsets: :math:`-\log \pi_k - \log |\det W_k|`, :math:`(K,)`.
    """

    whitenings: NDArray[np.float32]
    centers: NDArray[np.float32]
    offsets: NDArray[np.float32]

    @classmethod
    def of(cls, fitted: Gaussians, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> Self:
        """The components of points from which a mean was taken and that were divided by a scale."""
        whitenings = np.linalg.cholesky(fitted.precisions) / scale[:, None]
        offsets = -np.log(fitted.weights) - np.linalg.slogdet(whitenings)[1]
        centers = np.einsum("kd,kde->ke", fitted.means * scale + mean, whitenings)
        return cls(*(array.astype(np.float32) for array in (whitenings, centers, offsets)))

    def ordered(self, order: NDArray[np.integer]) -> Mixture:
        """The same components in another order; those that it lacks, of no point, come last."""
        order = np.concatenate([order, np.setdiff1d(np.arange(self.classes), order)])
        return Mixture(self.whitenings[order], self.centers[order], self.offsets[order])

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.centers)

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The class of each row of :math:`(N, D)`, from 1, :math:`(N,)`."""
        return first_smallest(features, self._costs)

    def mean_log_density(self, features: NDArray[np.float32]) -> float:
        r"""The mean of :math:`\log \sum_k \pi_k N(x; \mu_k, \Sigma_k)` over features, in nats."""
        from scipy.special import logsumexp

        densities = logsumexp(-self._costs(features).astype(np.float64), axis=0)
        return float(densities.mean() - features.shape[1] / 2 * math.log(2 * math.pi))

    def _costs(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        points = np.ascontiguousarray(rows.T)  # long rows, along which sums are quick
        parameters = zip(self.whitenings, self.centers, self.offsets, strict=True)
        return np.stack([_half_square(w.T @ points - center[:, None]) + offset for w, center, offset in parameters])


def _half_square(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("dn,dn->n", columns, columns) / np.float32(2))


def gaussian_mixture(features: NDArray[np.float32], k: int, seed: int) -> Mixture:
    """Fits a mixture of Gaussians with full covariances by expectation maximization, from k-means.

    Arguments:
        features: A sample, :math:`(N, D)`.
        k: The number of components.
        seed: Decides the first centroids.

    Raises:
        ValueError: There are fewer distinct features than components, more than 255 components are asked for, or the
            features have more than 48 dimensions.

    Source: Dempster, Laird and Rubin (1977), section 4.3.
    """
    check_classes(features, k)
    return _fit(features, k, seed, STARTS)


def _fit(features: NDArray[np.float32], k: int, seed: int, starts: int) -> Mixture:
    dimensions = features.shape[1]
    if dimensions > _MOST_DIMENSIONS:
        raise ValueError(
            f"a mixture of Gaussians takes {_MOST_DIMENSIONS} dimensions at most, not {dimensions}; reduce them first, "
            "as by leading-pca, or cluster by k-means"
        )
    mean, scale = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    scale[scale == 0] = 1
    fitted = fit_gaussians((features - mean) / scale, k, seed, starts)
    mixture = Mixture.of(fitted, mean, scale)
    return mixture.ordered(by_size(mixture.predict(features)) - 1)


LIKELIHOOD = Criterion(
    "negative log-likelihood",
    lambda features, k, seed: _fit(features, k, seed, _CURVE_STARTS),
    lambda mixture, features: -mixture.mean_log_density(features),
)
"""Of a sample under the mixture, the mean over its points: what the fit maximises."""
