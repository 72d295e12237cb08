"""The readers of roads, places and holes, and what they say of scenes that they have not learned from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from nflows_privacy.missing.categoriser import evidence
from nflows_privacy.missing.holes import HoleReader, SaidOfHoles, nothing_known
from nflows_privacy.missing.looks import PLACE_BLOCKS, Looks
from nflows_privacy.missing.material import LeftOut, Material, folds_of
from nflows_privacy.missing.odds import Odds, odds_of
from nflows_privacy.missing.ridge import Linear, ridge
from nflows_privacy.missing.weighing import Weights, weights_of

# Chosen on 148 scenes of GTSDB, five folds: .01 to .1 and 1 to 10 are much the same.
_ROAD_PENALTY, _PLACE_PENALTY = 0.03, 3.0
_NAME_PENALTY = 0.3  # of five from .03 to 3, which differ by .02, that in the middle

Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]


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
        weights = weigh_classes(material, left_out, learned)
        logits[tested] = weights(left_out.logits, left_out.holes, material.of_scene)[tested]
    return logits


def odds_left_out(material: Material, evidence: Numbers, seed: int) -> Numbers:
    """The log odds that each scene lacks a sign, weighed as scenes of the other folds are, :math:`(N,)`.

    Arguments:
        material: The scenes.
        evidence: What the holes of each say, as `leave_out` has it.
        seed: The seed of the folds.
    """
    odds, surest = np.empty(len(evidence)), material.scores
    for learned, tested in folds_of(material, seed):
        odds[tested] = weigh_odds(material, evidence, learned)(evidence[tested], surest[tested])
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


def weigh_classes(material: Material, left_out: LeftOut, chosen: Chosen) -> Weights:
    """How the roads and holes of some of the scenes are weighed."""
    return weights_of(left_out.logits, left_out.holes, material.of_scene, material.is_erased, material.labels, chosen)


def weigh_odds(material: Material, evidence: Numbers, chosen: Chosen) -> Odds:
    """How what is said of some of the scenes is weighed for whether they lack a sign."""
    is_missing, has_signs = material.is_missing[chosen], material.has_signs[chosen]
    return odds_of(evidence[chosen], material.scores[chosen], is_missing, has_signs)
