r"""Which points a person should label next, told by a model whose weights were drawn several times.

All functions take :math:`\log p(y = c \mid x_n, \theta_k)` of N points, K draws of the weights and C classes,
:math:`(N, K, C)`; a draw has the same weights for all points, as a dropout mask that is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from nflows_agri.labelling.joint import Joint, entropies

Acquisition = Literal["batchbald", "bald", "entropy", "random"]
CONFIGURATIONS = 300
"""The most configurations of labels that are enumerated, and as many are drawn where there are more."""
_SCORED, _BLOCK = 1024, 64
"""The points that are scored at once, each for itself, and while the best with others is sought."""


class Chosen(NamedTuple):
    r"""A batch.

    Arguments:
        indices: The points, in the order in which they were chosen.
        information: What the first j of them tell together, :math:`I(y_{1..j}; \theta)` in nats, for each j.
    """

    indices: list[int]
    information: list[float]


def choose(log_probs: Tensor, batch: int, by: Acquisition = "batchbald", seed: int = 0) -> list[int]:
    """The points that are labelled next, the most wanted first.

    Arguments:
        log_probs: The log-probabilities, :math:`(N, K, C)`.
        batch: How many points.
        by: ``"batchbald"``, or the greatest of ``"bald"`` or ``"entropy"`` each for itself, or ``"random"``.
        seed: The seed of what is drawn.

    Raises:
        ValueError: ``log_probs`` are no log-probabilities, or there are fewer than ``batch`` points.
    """
    if by == "batchbald":
        return batchbald(log_probs, batch, seed=seed).indices
    _check(log_probs, batch)
    match by:
        case "bald":
            scores = mutual_information(log_probs)
        case "entropy":
            scores = predictive_entropy(log_probs)
        case "random":
            scores = torch.rand(len(log_probs), generator=torch.Generator().manual_seed(seed))
        case _:
            raise ValueError(f"`by` must be one of {', '.join(get_args(Acquisition))}, got {by!r}")
    order: list[int] = scores.sort(descending=True, stable=True).indices[:batch].tolist()
    return order


def predictive_entropy(log_probs: Tensor) -> Tensor:
    r"""The entropy of each point's label, :math:`H(\tfrac{1}{K} \sum_k p(y \mid \theta_k))` in nats, :math:`(N,)`."""
    return _in_blocks(lambda block: entropies(block.logsumexp(1) - math.log(block.shape[1])), log_probs)


def mutual_information(log_probs: Tensor) -> Tensor:
    r"""What each point's label tells about the weights, :math:`I(y; \theta)` in nats, :math:`(N,)`.

    The predictive entropy without the mean entropy of the draws (Houlsby et al. 2011, "Bayesian active learning",
    equation 2).
    """
    known = _in_blocks(lambda block: entropies(block).mean(1), log_probs)
    return (predictive_entropy(log_probs) - known).clamp(min=0)


def batchbald(log_probs: Tensor, batch: int, configurations: int = CONFIGURATIONS, seed: int = 0) -> Chosen:
    r"""The batch whose labels tell most together, :math:`I(y_1, \dots, y_b; \theta)`, found greedily.

    The information is monotone and submodular, so what is found has at least :math:`1 - 1/e` of the greatest there is
    (Kirsch, van Amersfoort & Gal 2019, "BatchBALD", section 3.2). As a point's gain never grows by other choices, its
    last one is a bound, and few points are computed again (Minoux 1978, "Accelerated greedy algorithms"). Beyond
    ``configurations`` the joint distribution of the labels is drawn, and both hold up to the error of that.

    Arguments:
        log_probs: The log-probabilities, :math:`(N, K, C)`; computed with in their own precision.
        batch: How many points.
        configurations: The most configurations of labels, :math:`C^j` or drawn ones.
        seed: The seed of the draws.

    Raises:
        ValueError: ``log_probs`` are no log-probabilities, or there are fewer than ``batch`` points.

    Example:
        >>> certain, unsure = [[0.0, -math.inf]] * 2, [[0.0, -math.inf], [-math.inf, 0.0]]
        >>> batchbald(torch.tensor([certain, unsure, unsure]), 2).indices
        [1, 0]
    """
    _check(log_probs, batch)
    generator = torch.Generator().manual_seed(seed)
    joint = Joint.of_nothing(log_probs.shape[1], log_probs)
    bounds = mutual_information(log_probs)
    chosen = Chosen([], [])
    for _ in range(batch):
        index = _best(joint, log_probs, bounds)
        chosen.indices.append(index)
        chosen.information.append(sum(chosen.information[-1:]) + float(bounds[index]))
        joint = joint.extended(log_probs[index], configurations, generator)
        bounds[index] = -math.inf
    return chosen


def _best(joint: Joint, log_probs: Tensor, bounds: Tensor) -> int:
    """The point with the greatest gain; the bounds of all that had to be computed become their gains."""
    if not joint.is_impartial:
        order = bounds.sort(descending=True, stable=True).indices
        best = -math.inf
        for block in torch.split(order, _BLOCK):
            if best >= bounds[block[0]]:
                break
            block = block[bounds[block] > -math.inf]
            if len(block):
                bounds[block] = joint.information(log_probs[block])
                best = max(best, float(bounds[block].max()))
    return int(bounds.argmax())


def _in_blocks(score: Callable[[Tensor], Tensor], log_probs: Tensor) -> Tensor:
    """The scores of all points, with few of them in memory a second time."""
    return torch.cat([score(block) for block in torch.split(log_probs, _SCORED)])


def _check(log_probs: Tensor, batch: int) -> None:
    if log_probs.ndim != 3 or 0 in log_probs.shape or not log_probs.is_floating_point():
        raise ValueError(f"`log_probs` must be floats of shape (N, K, C), got {tuple(log_probs.shape)}")
    if not (_in_blocks(lambda block: block.logsumexp(-1).abs().amax(1), log_probs) < 1e-3).all():
        raise ValueError("`log_probs` must be logarithms of probabilities that sum to 1 over the classes")
    if not 1 <= batch <= len(log_probs):
        raise ValueError(f"`batch` must be 1 to {len(log_probs)}, as many as there are points, got {batch}")
