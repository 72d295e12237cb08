r"""How the inspector learns: from good pictures, varied as pictures vary, and damaged in all ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nflows_core.classifiers.calibration import temperature
from nflows_core.training import Classification, EngineConfig, Labelled, Trainer
from nflows_core.training.loop import Progress
from nflows_heritage.classic.look import Look
from nflows_heritage.distortions import CLEAN, DISTORTIONS, KINDS, LEVELS
from nflows_heritage.inspection.classes import class_of, kinds_of
from nflows_heritage.inspection.inspector import (
    MEMBERS,
    Committee,
    EvidenceClassifier,
    Inspector,
    evidence_in,
    of_each_kind,
)
from nflows_heritage.inspection.traces import TraceNetwork
from nflows_heritage.inspection.variety import Pixels, as_jpeg, drawing, suffered, varied

ENGINE: dict[str, Any] = {
    "epochs": 40,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "warmup_steps": 50,
    "ema_decay": 0.99,
    "checkpoint_steps": 1000,
}
_MOST = 288
"""The longest side of what is damaged."""
_CLEAN = 0.15
"""The part of the pictures that are left clean."""
_DRAWN, _GREY = 0.08, 0.25
"""The parts of them that are drawings and texts, and that have no colours."""
FALSE_ALARMS = 0.02
"""The part of clean pictures, held out, that may be called damaged."""
LEAST_ODDS = 3.0
"""How many times as likely as none damage must be at least: to leave it is not as bad as to falsify a picture."""
_ABOVE = 1.05
"""How far above that of a clean picture the odds must be."""
_NO_SPREAD = 1e-3


def examples(
    pictures: Sequence[Pixels],
    count: int,
    seed: int,
    traces: TraceNetwork,
    clean: float = _CLEAN,
    advance: Callable[[int], None] | None = None,
) -> Labelled:
    """The evidence in damaged and clean pictures with their classes: :math:`(N, E)`, :math:`(N,)`.

    Arguments:
        pictures: The good pictures in RGB.
        count: How many pictures are made of them.
        seed: The seed of all that is drawn.
        traces: The network that sees local damage, trained.
        clean: The part of the pictures that are left as they are.
        advance: Told of the number of each that is done.
    """
    evidence, labels = list[NDArray[np.float32]](), list[int]()
    for number in range(count):
        pixels, label = _example(pictures, clean, np.random.default_rng([seed, number]))
        evidence.append(evidence_in(Look.at(pixels), traces))
        labels.append(label)
        if advance is not None:
            advance(number)
    return Labelled(torch.from_numpy(np.stack(evidence)), torch.tensor(labels))


def train_inspector(
    traces: TraceNetwork,
    train: Labelled,
    held_out: Labelled,
    clean: Tensor,
    config: EngineConfig,
    progress: Progress | None = None,
) -> Inspector:
    """An inspector, whose temperature and odds are chosen on pictures that were held out.

    Arguments:
        traces: The network that sees local damage, which the evidence is by.
        train: What it learns from, as `examples` makes it.
        held_out: The same of other pictures.
        clean: The evidence in clean pictures that were held out, :math:`(N, E)`.
        config: The settings of the engine.
        progress: The function that the `Trainer` calls after every update.
    """
    seeds = range(config.seed, config.seed + MEMBERS)
    classifier = Committee(_member(train, held_out, replace(config, seed=seed), progress) for seed in seeds).eval()
    with torch.no_grad():
        divisor = temperature(classifier(held_out.x), held_out.labels)
    inspector = Inspector(traces, classifier, divisor)
    of_clean, of_any = (of_each_kind(inspector.probabilities(x)) for x in (clean, held_out.x))
    odds = least_odds(of_clean, of_any, kinds_of(held_out.labels), FALSE_ALARMS)
    inspector.odds = dict(zip(DISTORTIONS, odds, strict=True))
    return inspector


def _member(train: Labelled, held_out: Labelled, config: EngineConfig, progress: Progress | None) -> EvidenceClassifier:
    torch.manual_seed(config.seed)
    classifier = EvidenceClassifier(train.x.mean(0), train.x.std(0).clamp(min=_NO_SPREAD))
    task = Classification(classifier, train, config, held_out, weight_decay=0.05)
    return Trainer(task, None, progress).fit()


def least_odds(clean: Tensor, damaged: Tensor, kinds: Tensor, alarms: float) -> list[float]:
    r"""For each distortion the odds from which on it is believed: the fewest are missed, the mean of the kinds, and
    no more clean pictures are called damaged than may be.

    Arguments:
        clean: The probabilities of `KINDS` in clean pictures, :math:`(N, 12)`.
        damaged: The same in any, :math:`(M, 12)`.
        kinds: What those suffer from, :math:`(M,)`.
        alarms: The part of the clean pictures that may be called damaged.
    """
    steps = [_steps(clean, damaged[kinds == kind], kind) for kind in range(1, clean.shape[1])]
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())] * (int(alarms * len(clean)) + 1)
    for one in steps:  # the least part missed, by how many alarms all kinds so far may raise together
        missed = [part for _, part in one]
        best = [
            min((best[total - own][0] + missed[own], (*best[total - own][1], own)) for own in range(_reach(one, total)))
            for total in range(len(best))
        ]
    return [one[own][0] for one, own in zip(steps, best[-1][1], strict=True)]


def _reach(steps: Sequence[tuple[float, float]], total: int) -> int:
    return min(len(steps), total + 1)


def _steps(clean: Tensor, damaged: Tensor, kind: int) -> list[tuple[float, float]]:
    """The least odds of a kind if it may raise 0, 1, ... alarms, and the part of the damaged that they miss."""
    false, true = (_odds(probabilities, kind) for probabilities in (clean, damaged))
    false = false[false >= LEAST_ODDS].sort(descending=True).values
    thresholds = [*(_ABOVE * false).tolist(), LEAST_ODDS]
    return [(odds, float((true < odds).double().mean()) if len(true) else 0.0) for odds in thresholds]


def _odds(probabilities: Tensor, kind: int) -> Tensor:
    """How many times as likely as none a kind is; nothing where another distortion is likelier."""
    is_likeliest = probabilities[:, 1:].argmax(1) == kind - 1
    return torch.where(is_likeliest, probabilities[:, kind] / probabilities[:, 0].clamp(min=1e-12), 0.0)


def _example(pictures: Sequence[Pixels], clean: float, random: np.random.Generator) -> tuple[Pixels, int]:
    picture = varied(pictures[int(random.integers(len(pictures)))], random, _MOST)
    if random.random() < _DRAWN:
        picture = drawing(picture, random)
    if is_grey := random.random() < _GREY:
        picture = np.asarray(Image.fromarray(picture).convert("L"))[..., None]
    kind = CLEAN if random.random() < clean else KINDS[random.integers(1, len(KINDS))]
    level = float(np.clip(random.uniform(LEVELS[0] - 0.4, LEVELS[-1] + 0.4), LEVELS[0], LEVELS[-1]))
    if kind != CLEAN:
        picture = suffered(picture, kind, level, random)
    if is_grey:
        picture = np.repeat(picture, 3, axis=2)
    if random.random() < 0.25:
        picture = as_jpeg(picture, int(random.integers(85, 100)))
    return picture, class_of(kind, level)
