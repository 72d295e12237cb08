"""What a categoriser learns from: observed scenes, in folds that divide no group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.data.assignment import assign
from nflows_privacy.missing.holes import SaidOfHoles, where_of
from nflows_privacy.missing.observing import Observed
from nflows_privacy.missing.scenes import Scene

FOLDS = 5

Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Material:
    """Scenes to learn from.

    Arguments:
        scenes: The scenes.
        observed: What is seen of each.
        surest: The score of the surest sign that a detector found in each, :math:`(N,)`; none if none has looked.

    Raises:
        ValueError: Fewer than two classes are missing anywhere, or no scene lacks nothing.
    """

    scenes: Sequence[Scene]
    observed: Sequence[Observed]
    surest: Sequence[float] | None = None
    left_out: dict[int, LeftOut] = field(default_factory=dict, init=False)
    """What `leave_out` has said with each seed: the audit and what learns for good ask for the same."""

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(
                f"`scenes`: signs of {len(self.classes)} contexts are missing; give two or more to tell apart"
            )
        if self.is_missing.all():
            raise ValueError(
                "`scenes`: each lacks a sign; nobody can learn from them what it looks like that none does"
            )

    @staticmethod
    def classes_of(scenes: Iterable[Scene]) -> tuple[str, ...]:
        """The contexts whose signs are missing in scenes, in the order of the alphabet."""
        return tuple(sorted({scene.context for scene in scenes if scene.is_missing and scene.context}))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return self.classes_of(self.scenes)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The number of the class that a scene lacks, :math:`(N,)`; -1 where that is unknown or nothing."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers.get(scene.context or "", -1) if scene.is_missing else -1 for scene in self.scenes])

    @cached_property
    def is_missing(self) -> Chosen:
        return np.array([scene.is_missing for scene in self.scenes])

    @cached_property
    def has_signs(self) -> Chosen:
        """Whether signs stand in each, :math:`(N,)`."""
        return np.array([bool(scene.standing) for scene in self.scenes])

    @cached_property
    def scores(self) -> Numbers:
        """``surest``, or zeros where no detector has looked, :math:`(N,)`."""
        return np.zeros(len(self.scenes)) if self.surest is None else np.array(self.surest, np.float64)

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The number of the group of each, :math:`(N,)`."""
        return np.unique([scene.group for scene in self.scenes], return_inverse=True)[1]

    @cached_property
    def roads(self) -> Tensor:
        return torch.stack([one.road for one in self.observed])

    @cached_property
    def places(self) -> Tensor:
        """The features of all holes, those of the first scene first, :math:`(M, F)`."""
        return torch.cat([one.places for one in self.observed])

    @cached_property
    def of_scene(self) -> NDArray[np.intp]:
        """The scene of each hole, :math:`(M,)`."""
        return np.repeat(np.arange(len(self.scenes)), [len(one.places) for one in self.observed])

    @cached_property
    def where(self) -> Numbers:
        """Where each hole lies, :math:`(M, 4)`."""
        return np.concatenate([where_of(scene.holes, scene.size) for scene in self.scenes])

    @cached_property
    def is_erased(self) -> Chosen:
        """Whether each hole held a sign, :math:`(M,)`."""
        return np.array([is_sign for scene in self.scenes for is_sign in scene.is_erased])


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What is said of scenes by categorisers that learned from others.

    Arguments:
        logits: Those of the classes by their roads, :math:`(N, K)`.
        holes: What is said of each of the M holes.
        evidence: What the holes of each scene say of whether one held a sign, :math:`(N,)`.
    """

    logits: Numbers
    holes: SaidOfHoles
    evidence: Numbers


def folds_of(material: Material, seed: int) -> Iterator[tuple[Chosen, Chosen]]:
    """Which scenes are learned from and which are tested, of folds that divide no group and share out the classes.

    Raises:
        ValueError: A class lies in fewer groups than there are folds.
    """
    check_groups(material)
    of_group = assign(_table(material), np.full(FOLDS, 1 / FOLDS), seed)
    for fold in range(FOLDS):
        tested = of_group[material.groups] == fold
        yield ~tested, tested


def check_groups(material: Material) -> None:
    """Refuses what cannot be divided into folds.

    Raises:
        ValueError: A class lies in fewer groups than there are folds.
    """
    in_groups = (_table(material) > 0).sum(0)
    for name, count in zip(material.classes, in_groups.tolist(), strict=False):
        if count < FOLDS:
            raise ValueError(
                f"the context {name} has {count} places that show nothing of each other, and each of {FOLDS} folds "
                "needs one; give more scenes of it, or leave it out"
            )


def _table(material: Material) -> NDArray[np.int64]:
    """How many scenes of each class, and of none, are in each group."""
    kinds = np.where(material.labels >= 0, material.labels, len(material.classes))
    table = np.zeros((material.groups.max() + 1, len(material.classes) + 1), np.int64)
    np.add.at(table, (material.groups, kinds), 1)
    return table
