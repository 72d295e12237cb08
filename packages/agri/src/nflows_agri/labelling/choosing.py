"""Which crops a person is asked for next, and why chance chooses them where it does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from nflows_agri.labelling.acquisition import Acquisition
from nflows_agri.labelling.head import train_head, wanted
from nflows_agri.labelling.looking import Looking

_LEAST = 2
"""The labels that two classes must have each, before a model is asked."""


class Choice(NamedTuple):
    """The crops that are asked for.

    Arguments:
        numbers: The crops, the most wanted first.
        by: How they were chosen.
        why: Why by chance, where a model was to be asked.
    """

    numbers: list[int]
    by: Acquisition
    why: str = ""


@dataclass(frozen=True)
class Chooser:
    """How crops are chosen.

    Arguments:
        by: The way; by chance as long as the model cannot be asked.
        batch: How many are asked for at once.
        looking: What makes features of the crops; nothing if they are chosen by chance.
        seed: The seed of what is drawn.
    """

    by: Acquisition = "batchbald"
    batch: int = 20
    looking: Looking | None = None
    seed: int = 0

    def choose(self, left: Sequence[int], labels: Mapping[int, int], classes: int) -> Choice:
        """The next crops.

        Arguments:
            left: The numbers of the crops without an answer, at least one.
            labels: The place of the class of each crop that has one, by its number.
            classes: The number of classes.
        """
        seed = self.seed + len(left)
        features = None if self.looking is None else self.looking.features
        why = self._reason(labels)
        if why or features is None:
            return Choice(random.Random(seed).sample(left, min(self.batch, len(left))), "random", why)
        head = train_head(features[list(labels)], torch.tensor(list(labels.values())), classes, seed)
        return Choice(wanted(head, features, left, self.batch, self.by, seed), self.by)

    def _reason(self, labels: Mapping[int, int]) -> str:
        """Why the model cannot be asked yet, if it cannot."""
        if self.looking is None:
            return ""
        if sum(count >= _LEAST for count in Counter(labels.values()).values()) < 2:
            return f"two classes need {_LEAST} labels each before the model is asked"
        if self.looking.error:
            return f"the model failed: {self.looking.error}"
        return "" if self.looking.features is not None else "the model has not yet looked at all crops"
