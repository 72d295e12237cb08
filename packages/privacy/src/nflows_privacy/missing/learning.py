r"""Learns a categoriser from observed scenes, and what it says of those that were left out meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import one_hot

from nflows_core.data.assignment import assign
from nflows_privacy.missing.categoriser import Categoriser, Thresholds, evidence
from nflows_privacy.missing.holes import HoleReader, SaidOfHoles, nothing_known, where_of
from nflows_privacy.missing.looks import PLACE_BLOCKS, Looks
from nflows_privacy.missing.observing import Observed
from nflows_privacy.missing.odds import Odds, odds_of
from nflows_privacy.missing.ridge import Linear, ridge
from nflows_privacy.missing.scenes import Scene
from nflows_privacy.missing.weighing import Weights, weights_of

# Chosen on 148 scenes of GTSDB, five folds: .01 to .1 and 1 to 10 are much the same.
_ROAD_PENALTY, _PLACE_PENALTY = 0.03, 3.0
_NAME_PENALTY = 0.3  # of five from .03 to 3, which differ by .02, that in the middle
FOLDS = 5
FOUND = 0.6
"""The share of scenes that lack a sign of which a categoriser is to find that they do."""
ANSWERED = 0.5
"""The share of these of which it is to say which."""

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


def learn(material: Material, looks: Looks, seed: int = 0) -> tuple[Categoriser, Thresholds, LeftOut]:
    """A categoriser of all scenes, calibrated by what was said of them when they were left out.

    Arguments:
        material: The scenes.
        looks: What they were seen with.
        seed: The seed of the folds.

    Raises:
        ValueError: There are too few groups for folds.
    """
    left_out = leave_out(material, seed)
    everything = np.ones(len(material.scenes), np.bool_)
    reader = hole_reader(material, everything)
    categoriser = Categoriser(len(material.classes), looks, len(reader.where), len(material.scenes))
    categoriser.learn(
        road_reader(material.roads, material.labels, everything),
        place_reader(material, everything),
        reader,
        material.roads[torch.from_numpy(material.labels >= 0)].float().mean(0),
    )
    categoriser.weigh(_odds(material, left_out.evidence, everything), _weights(material, left_out, everything))
    return categoriser.eval(), thresholds_of(material, left_out, categoriser), left_out


def leave_out(material: Material, seed: int) -> LeftOut:
    """What is said of each scene by what was learned without its fold."""
    if seed not in material.left_out:
        material.left_out[seed] = _left_out(material, seed)
    return material.left_out[seed]


def _left_out(material: Material, seed: int) -> LeftOut:
    count, classes = len(material.of_scene), len(material.classes)
    holes = SaidOfHoles(np.empty(count), np.empty((count, classes)), np.empty((count, classes)))
    for learned, tested in folds_of(material, seed):
        of_fold = tested[material.of_scene]
        seen = material.places[torch.from_numpy(of_fold)]
        held = place_reader(material, learned)(seen)[:, 0].double().numpy()
        said = hole_reader(material, learned)(held, material.where[of_fold], seen)
        for name, values in vars(said).items():
            getattr(holes, name)[of_fold] = values
    logits = leave_out_roads(material, material.roads, material.labels, seed)
    scenes = range(len(material.scenes))
    return LeftOut(logits, holes, np.array([evidence(holes.held[material.of_scene == scene]) for scene in scenes]))


def logits_left_out(material: Material, left_out: LeftOut, seed: int) -> Numbers:
    """The logits of each scene by its road and its holes, weighed as scenes of the other folds are, :math:`(N, K)`.

    Arguments:
        material: The scenes.
        left_out: What was said of them by `leave_out` with this seed.
        seed: The seed of the folds.
    """
    logits = np.empty_like(left_out.logits)
    for learned, tested in folds_of(material, seed):
        weights = _weights(material, left_out, learned)
        logits[tested] = weights(left_out.logits, left_out.holes, material.of_scene)[tested]
    return logits


def odds_left_out(material: Material, evidence: Numbers, seed: int) -> Numbers:
    """The log odds that each scene lacks a sign, weighed as scenes of the other folds are, :math:`(N,)`.

    Arguments:
        material: The scenes.
        evidence: What the holes of each say, as `leave_out` has it.
        seed: The seed of the folds.
    """
    odds, surest = np.empty(len(evidence)), _surest(material)
    for learned, tested in folds_of(material, seed):
        odds[tested] = _odds(material, evidence, learned)(evidence[tested], surest[tested])
    return odds


def leave_out_roads(material: Material, roads: Tensor, labels: NDArray[np.int64], seed: int) -> Numbers:
    """The logits of each scene by the reader of roads of the other folds, :math:`(N, K)`.

    Arguments:
        material: The scenes, whose groups are not divided.
        roads: What is seen of each, :math:`(N, D)`.
        labels: The class of each, :math:`(N,)`; those of -1 are not learned from.
        seed: The seed of the folds.
    """
    logits = np.empty((len(roads), len(material.classes)))
    for learned, tested in folds_of(material, seed):
        reader = road_reader(roads, labels, learned, len(material.classes))
        logits[tested] = reader(roads[torch.from_numpy(tested)]).numpy()
    return logits


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


def road_reader(roads: Tensor, labels: NDArray[np.int64], learned: Chosen, classes: int | None = None) -> Linear:
    """What says of roads which class they ask for, from those whose class is known."""
    chosen = torch.from_numpy(learned & (labels >= 0) & (roads.abs().amax(1) > 0).numpy())
    known = torch.from_numpy(labels)[chosen]
    targets = one_hot(known, int(labels.max()) + 1 if classes is None else classes)
    blocks = Looks.blocks_of(roads.shape[1])
    return ridge(roads[chosen], targets, blocks, _ROAD_PENALTY)


def place_reader(material: Material, learned: Chosen) -> Linear:
    """What says of places whether a sign stood there."""
    chosen = learned[material.of_scene]
    targets = torch.from_numpy(material.is_erased[chosen])[:, None]
    return ridge(material.places[torch.from_numpy(chosen)], targets, PLACE_BLOCKS, _PLACE_PENALTY)


def hole_reader(material: Material, learned: Chosen) -> HoleReader:
    """What says of holes for which class they speak, from those that held signs."""
    chosen = (learned & (material.labels >= 0))[material.of_scene] & material.is_erased
    classes = len(material.classes)
    if not chosen.any():
        return nothing_known(classes, material.places.shape[1])
    labels = material.labels[material.of_scene[chosen]]
    targets = one_hot(torch.from_numpy(labels), classes)
    named = ridge(material.places[torch.from_numpy(chosen)], targets, PLACE_BLOCKS, _NAME_PENALTY)
    return HoleReader(material.where[chosen], labels, named)


def thresholds_of(material: Material, left_out: LeftOut, categoriser: Categoriser) -> Thresholds:
    """Those at which six of ten scenes that lack a sign are found, and of half of all it is said which they lack."""
    missing = expit(categoriser.odds(left_out.evidence, _surest(material)))
    known = material.labels >= 0
    logits = categoriser.weights(left_out.logits, left_out.holes, material.of_scene)
    sure = torch.from_numpy(logits[known]).softmax(1).amax(1).numpy()
    return Thresholds(float(np.quantile(missing[known], 1 - FOUND)), float(np.quantile(sure, 1 - ANSWERED)))


def _table(material: Material) -> NDArray[np.int64]:
    """How many scenes of each class, and of none, are in each group."""
    kinds = np.where(material.labels >= 0, material.labels, len(material.classes))
    table = np.zeros((material.groups.max() + 1, len(material.classes) + 1), np.int64)
    np.add.at(table, (material.groups, kinds), 1)
    return table


def _weights(material: Material, left_out: LeftOut, chosen: Chosen) -> Weights:
    """How the roads and holes of some of the scenes are weighed."""
    return weights_of(left_out.logits, left_out.holes, material.of_scene, material.is_erased, material.labels, chosen)


def _odds(material: Material, evidence: Numbers, chosen: Chosen) -> Odds:
    """How some of the scenes are weighed."""
    is_missing, has_signs = material.is_missing[chosen], material.has_signs[chosen]
    return odds_of(evidence[chosen], _surest(material)[chosen], is_missing, has_signs)


def _surest(material: Material) -> Numbers:
    return np.zeros(len(material.scenes)) if material.surest is None else np.array(material.surest, np.float64)
