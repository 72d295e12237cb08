r"""Several views of one thing, such as its photographs from above and from below, judged together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LEAST = 1e-12  # a view that is all but certain of another class outweighs many, and not all


def fused(probabilities: ArrayLike) -> NDArray[np.float64]:
    r"""The probabilities of a thing from those of its views.

    .. math:: p_k \propto \exp \operatorname{mean}_v \log p_{vk}

    The geometric mean, normalized: a class must be likely in all views (the product rule of Kittler et al. 1998,
    section 2.1, for views whose errors are not independent).

    Arguments:
        probabilities: Those of each view, :math:`(V, K)`; zeros count as 1e-12.

    Returns:
        :math:`(K,)`.

    Raises:
        ValueError: There is no view, or rows are no probabilities.
    """
    views = np.asarray(probabilities, np.float64)
    if views.ndim != 2 or not len(views) or (views < 0).any() or not np.allclose(views.sum(1), 1, atol=1e-3):
        raise ValueError(f"`probabilities`: expected a row of each view that sums to 1, got the shape {views.shape}")
    logs = np.log(views.clip(_LEAST)).mean(0)
    product = np.exp(logs - logs.max())
    return np.asarray(product / product.sum())


def fused_by_item(probabilities: NDArray[np.float64], items: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """The probabilities of each thing, in the order of first views.

    Arguments:
        probabilities: Those of each view, :math:`(N, K)`.
        items: The thing that each view shows.
    """
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        rows.setdefault(item, []).append(row)
    return {item: fused(probabilities[chosen]) for item, chosen in rows.items()}
