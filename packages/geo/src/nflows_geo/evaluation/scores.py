r"""How good classes are without labels, and means over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SILHOUETTE_POINTS = 2000


def internal_scores(features: NDArray[np.float32], classes: NDArray[np.uint8], seed: int) -> dict[str, Any]:
    r"""How compact and separate classes are in a space.

    The scores depend on the space more than on the map: fewer components raise them and leave the map as it is. So
    methods compare in a space that they have in common, such as the scaled bands, not each in its own.

    Arguments:
        features: :math:`(N, D)`.
        classes: Of each, :math:`(N,)`; zero, for no data, is left out.
        seed: Chooses the points of the silhouette.

    Returns:
        Calinski and Harabasz's index (1974; higher is better, no bound), Davies and Bouldin's (1979; lower is better,
        at least 0), and the mean silhouette (Rousseeuw 1987; -1 to 1) of 2,000 random points, with its 95 % interval.

    Raises:
        ValueError: There are fewer than two classes.
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples

    features, classes = features[classes > 0], classes[classes > 0]
    _refuse_one_class(classes)
    chosen = np.random.default_rng(seed).permutation(len(classes))[:SILHOUETTE_POINTS]
    _refuse_one_class(classes[chosen])
    silhouettes = silhouette_samples(features[chosen], classes[chosen])
    half = 1.96 * float(silhouettes.std()) / math.sqrt(len(chosen))
    mean = float(silhouettes.mean())
    return {
        "n": len(classes),
        "calinski_harabasz": float(calinski_harabasz_score(features, classes)),
        "davies_bouldin": float(davies_bouldin_score(features, classes)),
        "silhouette": mean,
        "silhouette_interval_95": [mean - half, mean + half],
        "silhouette_n": len(chosen),
    }


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """The mean of a score over runs with different seeds, and its 95 % interval by Student's t.

    The interval is of the randomness of the method alone, not of that of the labels.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("a mean over seeds needs one run or more")
    mean = float(np.mean(values))
    if len(values) == 1:
        return {"n": 1, "mean": mean, "interval_95": None, "values": list(values)}
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return {"n": len(values), "mean": mean, "interval_95": [mean - half, mean + half], "values": list(values)}


def _refuse_one_class(classes: NDArray[np.uint8]) -> None:
    if len(np.unique(classes)) < 2:
        raise ValueError("scores compare classes, and there is only one; ask for two or more")
