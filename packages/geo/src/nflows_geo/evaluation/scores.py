r"""How compact and separate the units of a map are, without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import normal, student
from nflows_geo.spectra import PercentileScaling

SILHOUETTE_POINTS = 2000


def internal_scores(features: NDArray[np.float32], units: NDArray[np.uint8], seed: int) -> dict[str, Any]:
    r"""How compact and separate units are in a space.

    The scores depend on the space more than on the map: fewer components raise them and leave the map as it is. So
    methods compare in a space that they have in common, such as the scaled bands, not each in its own.

    Arguments:
        features: :math:`(N, D)`.
        units: The unit of each, :math:`(N,)`; zero, for no data, is left out.
        seed: Chooses the points of the silhouette.

    Returns:
        Calinski and Harabasz's index (1974; higher is better, no bound), Davies and Bouldin's (1979; lower is better,
        at least 0), and the mean silhouette (Rousseeuw 1987; -1 to 1) of 2,000 random points, with its 95 % interval.

    Raises:
        ValueError: There are fewer than two units.

    Example:
        >>> from nflows_geo import internal_scores
        >>> features, units = np.array([[0.0], [0.1], [1.0], [1.1]], np.float32), np.array([1, 1, 2, 2], np.uint8)
        >>> scores = internal_scores(features, units, seed=0)
        >>> round(scores["davies_bouldin"], 6), round(scores["silhouette"], 6)
        (0.1, 0.899749)
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples

    features, units = features[units > 0], units[units > 0]
    _refuse_one_unit(units)
    chosen = np.random.default_rng(seed).permutation(len(units))[:SILHOUETTE_POINTS]
    _refuse_one_unit(units[chosen])
    silhouettes = silhouette_samples(features[chosen], units[chosen])
    mean = float(silhouettes.mean())
    return {
        "n": len(units),
        "calinski_harabasz": float(calinski_harabasz_score(features, units)),
        "davies_bouldin": float(davies_bouldin_score(features, units)),
        "silhouette": mean,
        "silhouette_interval_95": list(normal(mean, float(silhouettes.std()) / math.sqrt(len(chosen)))),
        "silhouette_n": len(chosen),
    }


def score_rows(
    spectra: NDArray[np.float32], features: NDArray[np.float32], units: NDArray[np.uint8], seed: int
) -> list[dict[str, Any]]:
    """Internal scores in the method's own space, and in that of the bands, which all methods share.

    Arguments:
        spectra: Random pixels of a scene, :math:`(N, C)`; each band is scaled to [0, 1].
        features: What the method made of them, :math:`(N, D)`.
        units: Their units on the map, :math:`(N,)`.
        seed: Chooses the points of the silhouette.
    """
    scaled = PercentileScaling.fit(spectra).transform(spectra)
    return [
        {"space": space, "dimensions": points.shape[1], **internal_scores(points, units, seed)}
        for space, points in (("own", features), ("bands", scaled))
    ]


def _refuse_one_unit(units: NDArray[np.uint8]) -> None:
    if len(np.unique(units)) < 2:
        raise ValueError("scores compare units, and there is only one; ask for two or more")


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """The mean of a score over runs with different seeds, and its interval; of one run, no interval.

    The interval is of the randomness of the method alone, not of that of the labels.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("a mean over seeds needs one run or more")
    if len(values) == 1:
        return {"n": 1, "mean": float(values[0]), "interval_95": None, "values": list(values)}
    mean, low, high = student(values)
    return {"n": len(values), "mean": mean, "interval_95": [low, high], "values": list(values)}
