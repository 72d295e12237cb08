"""The same models trained on real and on anonymised pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from nflows_core.training import EngineConfig
from nflows_privacy.utility.comparing import REAL, Compared, Scores

D = TypeVar("D")
D_contra = TypeVar("D_contra", contravariant=True)
M = TypeVar("M")


class Learner(Protocol[D_contra, M]):
    """A model that can be trained, from weights that depend on the seed alone, and tested."""

    @property
    def name(self) -> str:
        """What the model is called."""

    def fit(self, data: D_contra, config: EngineConfig) -> M:
        """The model trained on data."""

    def test(self, model: M, data: D_contra) -> Scores:
        """What a trained model makes of other data."""


@dataclass(frozen=True)
class Trial(Generic[D]):
    """What is compared on what.

    Arguments:
        real: The pictures as they were, with labels.
        anonymised: The same pictures anonymised, with the same labels, by how they are called.
        test: Real pictures that neither is trained on.
        config: The settings of every training; ``seed`` is that of the first.
        seeds: How many times each model is trained.
    """

    real: D
    anonymised: Mapping[str, D]
    test: D
    config: EngineConfig
    seeds: int


def compare(learners: Sequence[Learner[D, Any]], trial: Trial[D], advance: Callable[[str], None]) -> list[Compared]:
    """Trains each model on all, from the same weights and in the same order of the pictures, and tests it.

    Arguments:
        learners: The models.
        trial: The data and the settings.
        advance: Called after each training, with a few words about it.
    """
    compared = []
    for learner in learners:
        data = {REAL: trial.real, **trial.anonymised}
        scores: dict[str, list[Scores]] = {name: [] for name in data}
        for seed in range(trial.config.seed, trial.config.seed + trial.seeds):
            for name, pictures in data.items():
                model = learner.fit(pictures, replace(trial.config, seed=seed))
                scores[name].append(learner.test(model, trial.test))
                advance(f"{learner.name}, {name}, seed {seed}")
        compared.append(Compared(learner.name, scores.pop(REAL), scores))
    return compared
