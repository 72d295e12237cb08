r"""Methods that compare all pairs: on a part of the sample, and the nearest centroid for the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nflows_geo.clustering.centroids import Centroids, check_classes

MOST_POINTS = 2000
"""Points whose pairs are all compared: distances in memory and time grow with the square and the cube."""
_NEIGHBOURS = 15


def ward(features: NDArray[np.float32], k: int, seed: int) -> Centroids:
    """Joins the two classes that add least to the within-cluster sum of squares, until as many as asked for are left.

    Arguments:
        features: A sample, :math:`(N, D)`.
        k: The number of classes.
        seed: Chooses the points that are joined.

    Raises:
        ValueError: There are fewer distinct features than classes, or more than 255 classes are asked for.

    Source: Ward, Hierarchical grouping to optimize an objective function (1963).
    """
    from sklearn.cluster import AgglomerativeClustering

    points = _part(features, k, seed)
    return Centroids.of_labels(points, AgglomerativeClustering(k, linkage="ward").fit_predict(points))


def spectral(features: NDArray[np.float32], k: int, seed: int) -> Centroids:
    """Cuts the graph of nearest neighbours; classes may have any shape in it, but not in what is nearest to a centroid.

    Arguments and errors are those of `ward`.

    Source: Ng, Jordan and Weiss, On spectral clustering (2001).
    """
    from sklearn.cluster import SpectralClustering
    from sklearn.neighbors import kneighbors_graph

    points = _part(features, k, seed)
    neighbours = kneighbors_graph(points, min(_NEIGHBOURS, len(points) - 1), include_self=False)
    # A few links between all keep the graph connected, without which the cut is not defined.
    affinity = (neighbours + neighbours.T).toarray() / 2 + 1e-6
    labels = SpectralClustering(k, affinity="precomputed", random_state=seed).fit_predict(affinity)
    return Centroids.of_labels(points, labels)


def _part(features: NDArray[np.float32], k: int, seed: int) -> NDArray[np.float32]:
    chosen = np.random.default_rng(seed).permutation(len(features))[:MOST_POINTS]
    check_classes(features[chosen], k)
    return features[chosen]
