"""Classes of features without labels, each method by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering.centroids import Centroids
from nflows_geo.clustering.clustering import Clustering
from nflows_geo.clustering.elbow import Criterion, Elbow, elbow
from nflows_geo.clustering.hierarchical import spectral, ward
from nflows_geo.clustering.kmeans import LOG_SUM_OF_SQUARES, SUM_OF_SQUARES, k_means, mini_batch_k_means
from nflows_geo.clustering.mixture import LIKELIHOOD, Mixture, gaussian_mixture

__all__ = [
    "CLUSTERINGS",
    "Centroids",
    "Clustering",
    "Criterion",
    "Elbow",
    "Method",
    "Mixture",
    "elbow",
    "gaussian_mixture",
    "k_means",
    "mini_batch_k_means",
    "spectral",
    "ward",
]


@dataclass(frozen=True)
class Method:
    """A way to make classes.

    Arguments:
        fit: Makes them from features :math:`(N, D)`, their number and a seed.
        own: What their number is judged by; that of k-means if nothing is its own.
    """

    fit: Callable[[NDArray[np.float32], int, int], Clustering]
    own: Criterion | None = None

    def criterion(self, *, logarithmic: bool = False) -> Criterion:
        """What numbers of classes are judged by.

        Arguments:
            logarithmic: Whether the logarithm of the sum of squares is taken, where that is what they are judged by.
        """
        return self.own or (LOG_SUM_OF_SQUARES if logarithmic else SUM_OF_SQUARES)


CLUSTERINGS = {
    "gmm": Method(gaussian_mixture, LIKELIHOOD),
    "k-means": Method(k_means),
    "mini-batch": Method(mini_batch_k_means),
    "spectral": Method(spectral),
    "ward": Method(ward),
}
