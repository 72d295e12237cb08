"""Detectors that `nflows privacy train` has trained: those of a person's run folders, and the one for plates."""

from __future__ import annotations

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
from nflows_privacy.detection.passes import resized
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import Box, Region
from nflows_privacy.training.network import BoxNetwork, fused
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network, read_run

_QUICK = 1280
"""The longer side at which a picture is looked at once, if it is as large."""
_SMALLEST = 640
"""The longer side down to which a large picture is halved, for what fills much of it."""
_OTHERWISE = 0.75
"""By how much the sizes differ at which is looked whether anything is left."""


_LEGIBLE = 24
"""The width of a plate in pixels below which nobody reads it: its seven letters have three pixels each."""


class Trained:
    """What a network of a run folder finds.

    Arguments:
        network: The network, in evaluation mode.
        classes: The kinds that its classes are, in their order.
        threshold: The score from which a box counts.
        narrowest: The width from which on a box counts, in pixels of the picture.
    """

    def __init__(self, network: BoxNetwork, classes: tuple[str, ...], threshold: float, narrowest: float = 0) -> None:
        self.network = fused(network).to(memory_format=torch.channels_last)
        self.classes, self.threshold, self.narrowest = classes, threshold, narrowest
        self.kinds = frozenset(classes)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        scales = _scales(max(pixels.shape[:2]), look)
        return distinct(region for scale in scales for region in self._at(pixels, scale))

    def _at(self, pixels: NDArray[np.uint8], scale: float) -> Iterator[Region]:
        """The regions that are found at one scale, cut off at the edges of the picture."""
        height, width = pixels.shape[:2]
        shown = resized(pixels, scale)
        across, down = width / shown.shape[1], height / shown.shape[0]
        boxes, scores, classes = (one.tolist() for one in predict(self.network, shown, self.threshold))
        for (left, top, right, bottom), score, number in zip(boxes, scores, classes, strict=True):
            box = Box(max(left * across, 0), max(top * down, 0), min(right * across, width), min(bottom * down, height))
            if box.width > 0 and box.height > 0 and box.width >= self.narrowest:
                yield Region(box, self.classes[number], score)


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
    return Trained(load_network(folder, run).to(settings.place), run.settings.classes, threshold, narrowest)


def _scales(side: int, look: Look) -> list[float]:
    """The scales at which a picture is looked at whose longer side is this."""
    if look.is_quick:
        scales = [min(1.0, _QUICK / side)]
    else:
        scales = [1.0]
        while side * scales[-1] >= 2 * _SMALLEST:
            scales.append(scales[-1] / 2)
        if side <= _QUICK:
            scales.append(2.0)
    return [scale * _OTHERWISE for scale in scales] if look.is_check else scales


PLATES = of_run(shipped.FOLDER / "plates", _LEGIBLE)
