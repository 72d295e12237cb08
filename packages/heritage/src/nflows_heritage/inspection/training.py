r"""How the inspector learns: from good pictures, varied as pictures vary, and damaged in all ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.classifiers.calibration import temperature
from nflows_core.training import Classification, EngineConfig, Labelled, Trainer
from nflows_core.training.loop import Progress
from nflows_heritage.classic.look import Look
from nflows_heritage.distortions import CLEAN, KINDS, LEVELS
from nflows_heritage.inspection.classes import class_of
from nflows_heritage.inspection.inspector import EvidenceClassifier, Inspector, evidence_in
from nflows_heritage.inspection.variety import Pixels, as_jpeg, suffered, varied
from nflows_heritage.networks import SmallUNet

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
_FALSE_ALARMS = 0.03
"""The part of clean pictures, held out, that may be called damaged."""
_NO_SPREAD = 1e-3


def examples(
    pictures: Sequence[Pixels], count: int, seed: int, traces: SmallUNet, advance: Callable[[int], None] | None = None
) -> Labelled:
    """The evidence in damaged and clean pictures with their classes: :math:`(N, E)`, :math:`(N,)`.

    Arguments:
        pictures: The good pictures in RGB.
        count: How many pictures are made of them.
        seed: The seed of all that is drawn.
        traces: The network that sees local damage, trained.
        advance: Told of the number of each that is done.
    """
    evidence, labels = list[NDArray[np.float32]](), list[int]()
    for number in range(count):
        pixels, label = _example(pictures, np.random.default_rng([seed, number]))
        evidence.append(evidence_in(Look.at(pixels), traces))
        labels.append(label)
        if advance is not None:
            advance(number)
    return Labelled(torch.from_numpy(np.stack(evidence)), torch.tensor(labels))


def train_inspector(
    traces: SmallUNet, train: Labelled, held_out: Labelled, config: EngineConfig, progress: Progress | None = None
) -> Inspector:
    """An inspector, whose temperature and least probability are chosen on pictures that were held out.

    Arguments:
        traces: The network that sees local damage, which the evidence is by.
        train: What it learns from, as `examples` makes it.
        held_out: The same of other pictures.
        config: The settings of the engine.
        progress: The function that the `Trainer` calls after every update.
    """
    torch.manual_seed(config.seed)
    classifier = EvidenceClassifier(train.x.mean(0), train.x.std(0).clamp(min=_NO_SPREAD))
    task = Classification(classifier, train, config, held_out, weight_decay=0.05)
    classifier = Trainer(task, None, progress).fit().eval()
    logits = _logits(classifier, held_out.x)
    divisor = temperature(logits, held_out.labels)
    clean = (logits / divisor).softmax(1)[held_out.labels == 0, 0]
    return Inspector(traces, classifier, divisor, float(clean.quantile(_FALSE_ALARMS)))


@torch.no_grad()
def _logits(classifier: EvidenceClassifier, evidence: Tensor) -> Tensor:
    logits: Tensor = classifier(evidence)
    return logits


def _example(pictures: Sequence[Pixels], random: np.random.Generator) -> tuple[Pixels, int]:
    picture = varied(pictures[int(random.integers(len(pictures)))], random, _MOST)
    kind = CLEAN if random.random() < _CLEAN else KINDS[random.integers(1, len(KINDS))]
    level = float(np.clip(random.uniform(LEVELS[0] - 0.4, LEVELS[-1] + 0.4), LEVELS[0], LEVELS[-1]))
    if kind != CLEAN:
        picture = suffered(picture, kind, level, random)
    if random.random() < 0.25:
        picture = as_jpeg(picture, int(random.integers(85, 100)))
    return picture, class_of(kind, level)
