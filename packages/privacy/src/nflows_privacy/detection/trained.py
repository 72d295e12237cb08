"""Detectors that `nflows privacy train` has trained: those of a person's run folders, and the one for plates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.runs.kind import CONFIG_FILE
from nflows_privacy import shipped
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.passes import Pass, resized
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import Box, Region
from nflows_privacy.training.network import BoxNetwork, fused
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network, read_run

_QUICK = 1280
"""The longer side at which a picture is looked at quickly, if it is as large."""
_SMALLEST = 320
"""The longer side down to which a picture is halved, for what fills much of it."""
_OTHERWISE = 0.75
"""By how much the sizes differ at which is looked whether anything is left."""
_WIDEST = 0.4
"""The width of a box, in sides of the crops of the training, from which on it is left to a look at half the size."""
_FAINT = 0.5
"""The part of the threshold from which on a quick look tells of what is faint."""
_LEGIBLE = 24
"""The width of a plate in pixels below which nobody reads it: its seven letters have three pixels each."""


class Trained:
    """What a network of a run folder finds.

    Arguments:
        network: The network, in evaluation mode.
        classes: The kinds that its classes are, in their order.
        threshold: The score from which a box counts.
        crop: The side of the crops that it was trained on.
        narrowest: The width from which on a box counts, in pixels of the picture.
    """

    def __init__(
        self, network: BoxNetwork, classes: tuple[str, ...], threshold: float, crop: int, narrowest: float = 0
    ) -> None:
        self.network = fused(network).to(memory_format=torch.channels_last)
        self.classes, self.threshold, self.narrowest = classes, threshold, narrowest
        self.widest = _WIDEST * crop
        self.kinds = frozenset(classes)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        least = self.threshold * (_FAINT if look is Look.QUICK else 1)
        planned = _passes(max(pixels.shape[:2]), look, self.widest)
        return distinct(region for one in planned for region in self._at(pixels, one, least))

    def _at(self, pixels: NDArray[np.uint8], one: Pass, least: float) -> Iterator[Region]:
        """The regions that are found in one look, cut off at the edges of the picture."""
        height, width = pixels.shape[:2]
        shown = resized(pixels, one.scale)
        across, down = width / shown.shape[1], height / shown.shape[0]
        boxes, scores, classes = (found.tolist() for found in predict(self.network, shown, least))
        for (left, top, right, bottom), score, number in zip(boxes, scores, classes, strict=True):
            box = Box(max(left * across, 0), max(top * down, 0), min(right * across, width), min(bottom * down, height))
            counts = box.width > 0 and box.height > 0 and box.width >= self.narrowest
            if counts and right - left < one.widest:
                yield Region(box, self.classes[number], score, faint=score < self.threshold)


def of_name(name: str) -> NamedDetector | None:
    """The detector of a run folder; nothing if the name is that of none."""
    folder = Path(name)
    return of_run(folder) if (folder / CONFIG_FILE).is_file() else None


def of_run(folder: Path, narrowest: float = 0) -> NamedDetector:
    """The detector of a run folder, once it is asked for.

    Arguments:
        folder: The folder.
        narrowest: The width from which on a box counts, in pixels of the picture.
    """
    return NamedDetector(partial(_load, folder, narrowest), folder)


def _load(folder: Path, narrowest: float, settings: DetectorSettings) -> Trained:
    run = read_run(folder)
    threshold = run.threshold if settings.threshold is None else settings.threshold
    network = load_network(folder, run).to(settings.place)
    return Trained(network, run.settings.classes, threshold, run.settings.crop, narrowest)


def _passes(side: int, look: Look, widest: float) -> list[Pass]:
    """The looks at a picture whose longer side is this, the largest first: each leaves what is wide to the next."""
    scales = _quick_scales(side) if look.is_quick else _thorough_scales(side)
    factor = _OTHERWISE if look.is_check else 1
    return [Pass(scale * factor, widest if scale > scales[-1] else math.inf) for scale in scales]


def _quick_scales(side: int) -> list[float]:
    """One that shows most, and one for what is large, which costs a sixteenth."""
    scale = min(1.0, _QUICK / side)
    return [scale, scale / 4]


def _thorough_scales(side: int) -> list[float]:
    scales = [2.0, 1.0] if side <= _QUICK else [1.0]
    while side * scales[-1] >= 2 * _SMALLEST:
        scales.append(scales[-1] / 2)
    return scales


PLATES = of_run(shipped.FOLDER / "plates", _LEGIBLE)
