r"""K-means."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering.centroids import Centroids, check_classes
from nflows_geo.clustering.elbow import Criterion

STARTS = 10
"""How often k-means starts anew, since it ends in a local minimum; the best is kept."""
_BATCH = 4096


def k_means(features: NDArray[np.float32], k: int, seed: int) -> Centroids:
    r"""Minimizes the within-cluster sum of squares, :math:`\sum_n \min_k \lVert x_n - c_k \rVert^2`.

    Arguments:
        features: A sample, :math:`(N, D)`.
        k: The number of classes.
        seed: Decides the first centroids.

    Raises:
        ValueError: There are fewer distinct features than classes, or more than 255 classes are asked for.

    Source: Lloyd (1982); starts by Arthur and Vassilvitskii, k-means++ (2007).
    """
    from sklearn.cluster import KMeans

    check_classes(features, k)
    fitted = KMeans(k, n_init=STARTS, random_state=seed).fit(features)
    return Centroids.of_labels(features, fitted.labels_)


def mini_batch_k_means(features: NDArray[np.float32], k: int, seed: int) -> Centroids:
    """K-means by updates with random batches: quicker on large samples, and a little worse.

    Arguments and errors are those of `k_means`.

    Source: Sculley, Web-scale k-means clustering (2010).
    """
    from sklearn.cluster import MiniBatchKMeans

    check_classes(features, k)
    fitted = MiniBatchKMeans(k, n_init=STARTS, batch_size=_BATCH, random_state=seed).fit(features)
    return Centroids.of_labels(features, fitted.labels_)


def _once(features: NDArray[np.float32], k: int, seed: int) -> Centroids:
    """K-means of a single start, many of which make a curve."""
    from sklearn.cluster import KMeans

    return Centroids(KMeans(k, n_init=1, random_state=seed).fit(features).cluster_centers_)


SUM_OF_SQUARES = Criterion("sum of squares", _once, Centroids.sum_of_squares)
"""The elbow lies where the largest classes are told apart: the first steps are so high that later ones look alike."""

LOG_SUM_OF_SQUARES = Criterion(
    "logarithm of the sum of squares", _once, lambda classes, features: math.log(classes.sum_of_squares(features))
)
"""The likelihood of round classes up to a factor and a term that does not depend on their number: it compares each step
with what is left, and so finds more and smaller classes."""
