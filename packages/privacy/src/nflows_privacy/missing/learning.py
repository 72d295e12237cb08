"""Learns a categoriser from observed scenes, calibrated by what was said of those that were left out meanwhile."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit, softmax

from nflows_privacy.missing.categoriser import Categoriser, Thresholds
from nflows_privacy.missing.leaving_out import (
    hole_reader,
    leave_out,
    place_reader,
    road_reader,
    weigh_classes,
    weigh_odds,
)
from nflows_privacy.missing.looks import Looks
from nflows_privacy.missing.material import LeftOut, Material

FOUND = 0.6
"""The share of scenes that lack a sign of which a categoriser is to find that they do."""
ANSWERED = 0.5
"""The share of these of which it is to say which."""


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
    categoriser.weigh(
        weigh_odds(material, left_out.evidence, everything), weigh_classes(material, left_out, everything)
    )
    return categoriser.eval(), thresholds_of(material, left_out, categoriser), left_out


def thresholds_of(material: Material, left_out: LeftOut, categoriser: Categoriser) -> Thresholds:
    """Those at which six of ten scenes that lack a sign are found, and of half of all it is said which they lack."""
    missing = expit(categoriser.odds(left_out.evidence, material.scores))
    known = material.labels >= 0
    logits = categoriser.weights(left_out.logits, left_out.holes, material.of_scene)
    sure = softmax(logits[known], axis=1).max(1)
    return Thresholds(float(np.quantile(missing[known], 1 - FOUND)), float(np.quantile(sure, 1 - ANSWERED)))
