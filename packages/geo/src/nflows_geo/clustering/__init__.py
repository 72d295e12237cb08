"""Classes of features without labels, each method by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering.centroids import Centroids
from nflows_geo.clustering.elbow import Elbow, elbow
from nflows_geo.clustering.hierarchical import spectral, ward
from nflows_geo.clustering.kmeans import k_means, mini_batch_k_means
from nflows_geo.clustering.mixture import Mixture, gaussian_mixture

__all__ = [
    "CLUSTERINGS",
    "DEFAULT",
    "Centroids",
    "Clustering",
    "Elbow",
    "Mixture",
    "elbow",
    "gaussian_mixture",
    "k_means",
    "mini_batch_k_means",
    "spectral",
    "ward",
]


class Clustering(Protocol):
    """Classes of a sample; the first is the largest there."""

    @property
    def classes(self) -> int:
        """How many there are."""

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The class of each row of :math:`(N, D)`, from 1, :math:`(N,)`."""


DEFAULT = "k-means"
CLUSTERINGS: dict[str, Callable[[NDArray[np.float32], int, int], Clustering]] = {
    "k-means": k_means,
    "mini-batch": mini_batch_k_means,
    "gmm": gaussian_mixture,
    "spectral": spectral,
    "ward": ward,
}
"""Each makes its classes from features :math:`(N, D)`, their number and a seed."""
