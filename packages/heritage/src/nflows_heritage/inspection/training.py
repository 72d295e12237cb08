r"""How the inspector learns: from good pictures, varied as pictures vary, and damaged in all ways."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nflows_core.classifiers import Classifier
from nflows_core.classifiers.calibration import temperature
from nflows_core.classifiers.classifier import as_unit
from nflows_core.training import Classification, EngineConfig, Labelled, Trainer
from nflows_core.training.loop import Progress
from nflows_heritage.distortions import CLEAN, KINDS, LEVELS, distorted
from nflows_heritage.inspection.classes import class_of
from nflows_heritage.inspection.inspector import Inspector, new_network
from nflows_heritage.views import InMemory, mosaic
from nflows_sr.data.crops import turned

Pixels = NDArray[np.uint8]

ENGINE: dict[str, Any] = {
    "epochs": 10,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "warmup_steps": 100,
    "clip_norm": 5.0,
    "ema_decay": 0.99,
    "checkpoint_steps": 200,
}
_MOST = 384
"""The longest side of what is damaged."""
_LEAST = 96
_CLEAN = 0.15
"""The part of the pictures that are left clean."""
_QUALITIES = (60, 100)
_GAINS = 0.25
_GAMMAS = 0.2
_FALSE_ALARMS = 0.02
"""The part of clean pictures, held out, that may be called damaged."""


def examples(pictures: Sequence[Pixels], count: int, seed: int) -> Labelled:
    """Mosaics of damaged and clean pictures with their classes: :math:`(N, 3, 192, 256)` in bytes, :math:`(N,)`.

    Arguments:
        pictures: The good pictures in RGB.
        count: How many mosaics are made.
        seed: The seed of all that is drawn.
    """
    drawn = [_example(pictures, np.random.default_rng([seed, number])) for number in range(count)]
    mosaics, labels = zip(*drawn, strict=True)
    pixels = torch.from_numpy(np.stack(mosaics)).permute(0, 3, 1, 2).contiguous()
    return Labelled(pixels, torch.tensor(labels))


def train_inspector(
    train: Labelled, held_out: Labelled, config: EngineConfig, progress: Progress | None = None
) -> Inspector:
    """An inspector, whose temperature and least probability are chosen on pictures that were held out.

    Arguments:
        train: What it learns from, as `examples` makes it.
        held_out: The same of other pictures.
        config: The settings of the engine.
        progress: The function that the `Trainer` calls after every update.
    """
    torch.manual_seed(config.seed)
    network = Trainer(Classification(new_network(), train, config, held_out), None, progress).fit()
    logits = _logits(network, held_out.x)
    divisor = temperature(logits, held_out.labels)
    clean = (logits / divisor).softmax(1)[held_out.labels == 0, 0]
    return Inspector(network, divisor, float(clean.quantile(_FALSE_ALARMS)))


@torch.no_grad()
def _logits(network: Classifier, mosaics: Tensor) -> Tensor:
    return torch.cat([network.eval()(as_unit(part)) for part in torch.split(mosaics, 16)])


def _example(pictures: Sequence[Pixels], random: np.random.Generator) -> tuple[Pixels, int]:
    good = varied(pictures[int(random.integers(len(pictures)))], random)
    kind = CLEAN if random.random() < _CLEAN else KINDS[random.integers(1, len(KINDS))]
    level = float(random.uniform(LEVELS[0] - 0.4, LEVELS[-1] + 0.4))
    if kind != CLEAN:
        image = torch.from_numpy(np.array(good)).permute(2, 0, 1).float() / 255
        bad = distorted(image, kind, min(max(level, LEVELS[0]), LEVELS[-1]), int(random.integers(2**63)))
        good = (255 * bad).round().byte().permute(1, 2, 0).numpy()
    if random.random() < 0.25:
        good = _as_jpeg(good, int(random.integers(85, 100)))
    return mosaic(InMemory(good)), class_of(kind, min(max(level, LEVELS[0]), LEVELS[-1]))


def varied(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """A part of a good picture as another good one might be: turned, smaller, lighter or darker, once a JPEG file."""
    image = Image.fromarray(np.ascontiguousarray(turned(pixels, int(random.integers(8)))))
    scale = random.uniform(max(0.5, min(1.0, _LEAST / min(image.size))), 1) if random.random() < 0.5 else 1.0
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS)
    if random.random() < 0.5:
        image = Image.fromarray(_as_jpeg(np.asarray(image), int(random.integers(*_QUALITIES))))
    part = _part(np.asarray(image), random)
    gain, gamma = np.exp(random.uniform(-_GAINS, _GAINS)), np.exp(random.uniform(-_GAMMAS, _GAMMAS))
    levels = np.rint(255 * np.clip(gain * (np.arange(256) / 255) ** gamma, 0, 1)).astype(np.uint8)
    changed: Pixels = levels[part]
    return changed


def _part(pixels: Pixels, random: np.random.Generator) -> Pixels:
    sides = [min(length, _MOST) for length in pixels.shape[:2]]
    top, left = (int(random.integers(length - side + 1)) for length, side in zip(pixels.shape, sides, strict=False))
    return pixels[top : top + sides[0], left : left + sides[1]]


def _as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
