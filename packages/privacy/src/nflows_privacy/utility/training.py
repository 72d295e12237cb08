"""The same models trained on real and on anonymised pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from nflows_core.training import EngineConfig
from nflows_privacy.utility.comparing import ANONYMISED, REAL, Compared, Scores

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
        anonymised: The same pictures anonymised, with the same labels.
        test: Real pictures that neither is trained on.
        config: The settings of every training; ``seed`` is that of the first.
        seeds: How many times each model is trained.
    """

    real: D
    anonymised: D
    test: D
    config: EngineConfig
    seeds: int


def compare(learners: Sequence[Learner[D, Any]], trial: Trial[D], advance: Callable[[str], None]) -> list[Compared]:
    """Trains each model on both, from the same weights and in the same order of the pictures, and tests it.

    Arguments:
        learners: The models.
        trial: The data and the settings.
        advance: Called after each training, with a few words about it.
    """
    compared = []
    for learner in learners:
        scores: Mapping[str, list[Scores]] = {REAL: [], ANONYMISED: []}
        for seed in range(trial.config.seed, trial.config.seed + trial.seeds):
            for trained_on, data in ((REAL, trial.real), (ANONYMISED, trial.anonymised)):
                model = learner.fit(data, replace(trial.config, seed=seed))
                scores[trained_on].append(learner.test(model, trial.test))
                advance(f"{learner.name}, {trained_on}, seed {seed}")
        compared.append(Compared(learner.name, scores[REAL], scores[ANONYMISED]))
    return compared


def require_same(real: Sequence[str], anonymised: Sequence[str], folder: Path) -> None:
    """Refuses anonymised pictures that are not those of the real ones: more or fewer would be compared, not others.

    Arguments:
        real: The names of the real pictures.
        anonymised: Those of the anonymised ones.
        folder: The folder of the anonymised ones, for the message.

    Raises:
        ValueError: One is missing, or there is another one.
    """
    if missing := sorted(set(real) - set(anonymised)):
        raise ValueError(f"{folder}: {len(missing)} of the real pictures are not there, such as {missing[0]}")
    if more := sorted(set(anonymised) - set(real)):
        raise ValueError(f"{folder}: {len(more)} pictures are not among the real ones, such as {more[0]}")
