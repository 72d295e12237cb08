r"""The model that says which crops to label next: a linear layer on frozen features, drawn by dropout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nflows_agri.labelling.acquisition import Acquisition, choose
from nflows_core.classifiers import Classifier, sampled_probabilities
from nflows_core.training import Classification, EngineConfig, Labelled, Trainer

DRAWS = 100
"""How often the weights are drawn: a batch can tell no more than which draw it is, log 100 = 4.6 nats."""
# Of dropout .2 and .5, rates .003 and .01, whole features and their principal components the best macro-F1 in grouped
# folds of magnetic tiles and road signs; features of one length were best for BatchBALD and the entropy on the tiles.
_DROPOUT, _RATE = 0.5, 0.01
_BATCH, _UPDATES, _PASSES = 64, 100, 10
TOGETHER = 5
"""The crops that are chosen together: on the tiles, labels of 20 would tell 3.5 to 4.2 of those 4.6 nats, of 5 half."""


class Head(Classifier):
    """A classifier of features that are there already.

    Arguments:
        width: The number F of features.
        classes: The number of classes.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(nn.Identity(), width, classes, dropout=_DROPOUT)

    def features(self, x: Tensor) -> Tensor:
        """The same features, :math:`(B, F)`."""
        return x

    def log_probs(self, features: Tensor, draws: int = DRAWS, seed: int = 0) -> Tensor:
        r"""The answers of so many drawn heads, :math:`\log p(y = c \mid x_n, \theta_k)`, :math:`(N, K, C)`."""
        return sampled_probabilities(self, features, draws, seed).log()


def normalized(features: Tensor) -> Tensor:
    r"""Features of all crops, labelled or not, made comparable, :math:`(N, F)`.

    Each feature gets mean 0 and variance 1; one that is constant becomes 0. Then each crop's get the length
    :math:`\sqrt F`: a dropped feature changes the answer about a long vector more, so that a crop would be wanted for
    being unlike all others, whatever its class.
    """
    deviation = features.std(0, correction=0)
    standard = (features - features.mean(0)) / torch.where(deviation > 0, deviation, 1.0)
    unit: Tensor = torch.nn.functional.normalize(standard, dim=1)
    return unit * math.sqrt(features.shape[1])


def train_head(features: Tensor, labels: Tensor, classes: int, seed: int = 0) -> Head:
    """A head that has learned labelled features, of which it has seen those of every class equally often.

    Arguments:
        features: What `normalized` gives of the labelled crops, :math:`(N, F)`.
        labels: The index of each one's class, :math:`(N,)`.
        classes: The number of classes.
        seed: The seed of everything random.
    """
    size = min(_BATCH, len(labels))
    epochs = max(_PASSES, math.ceil(_UPDATES / (len(labels) // size)))
    config = EngineConfig(epochs=epochs, batch_size=size, learning_rate=_RATE, ema_decay=0.0, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        head = Head(features.shape[1], classes)
    return Trainer(Classification(head, Labelled(features, labels), config, balanced=True)).fit()


def wanted(
    head: Head, features: Tensor, candidates: Sequence[int], batch: int, by: Acquisition, seed: int = 0
) -> list[int]:
    """Which of the candidates should be labelled next, the most wanted first; all of them if they are fewer.

    By BatchBALD, `TOGETHER` at a time, each under draws of their own: the labels of more would tell which of the draws
    is the true one, whatever crops they are of, and what else is chosen would be chosen by chance.

    Arguments:
        head: A head that has learned what is labelled.
        features: Those of all crops, :math:`(N, F)`.
        candidates: The indices of crops without a label, at least one.
        batch: How many are wanted.
        by: See `choose`.
        seed: The seed of what is drawn.
    """
    chosen: list[int] = []
    while left := sorted(set(candidates) - set(chosen)):
        count = min(batch - len(chosen), len(left), TOGETHER if by == "batchbald" else batch)
        if not count:
            break
        log_probs = head.log_probs(features[left], seed=seed + len(chosen))
        chosen += [left[place] for place in choose(log_probs, count, by, seed + len(chosen))]
    return chosen
