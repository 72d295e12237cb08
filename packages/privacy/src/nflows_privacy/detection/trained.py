"""Detectors that `nflows privacy train` has trained: those of a person's run folders, and the one for plates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.runs.kind import CONFIG_FILE, RunError
from nflows_privacy import shipped
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.passes import resized
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import FACE, LEFT_SCORE, PLATE, Box, Region, boxes_array, iou
from nflows_privacy.training.network import BoxNetwork, fused
from nflows_privacy.training.predicting import predict
from nflows_privacy.training.runs import load_network, read_run

_QUICK = 1920
"""The longer side at which a picture is looked at quickly, if it is as large: in less, little is left of a plate that
people read."""
_DOUBLED = 1280
"""The longer side up to which a picture is looked at doubled too."""
_SMALLEST = 320
"""The longer side down to which a picture is halved, for what fills much of it."""
_OTHERWISE = 0.75
"""By how much the sizes differ at which is looked whether anything is left."""
_WIDEST = 0.4
"""The width of a box, in sides of the crops of the training, from which on a look at a smaller size must see it too."""
_FAINT = 0.5
"""The part of the threshold from which on a quick look tells of what is faint."""
_SEEN = 0.3
"""The score with which a look at a smaller size sees what is wide; chosen, as the width, on validation scenes."""
_SAME = 0.4
"""The intersection over union from which two looks see the same thing."""
_HIDDEN = frozenset((FACE, PLATE))
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
        octaves: Whether `Look.THOROUGH` is at several sizes of the picture, and not only at its own.
    """

    def __init__(
        self,
        network: BoxNetwork,
        classes: tuple[str, ...],
        threshold: float,
        crop: int,
        narrowest: float = 0,
        octaves: bool = True,
    ) -> None:
        self.network = fused(network).to(memory_format=torch.channels_last)
        self.classes, self.threshold, self.narrowest = classes, threshold, narrowest
        self.widest, self.octaves = _WIDEST * crop, octaves
        self.kinds = frozenset(classes)

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        is_once = look is Look.THOROUGH and not self.octaves
        scales = [1.0] if is_once else _scales(max(pixels.shape[:2]), look)
        looks = [list(self._at(pixels, scale)) for scale in scales]
        seen = list(looks[-1])
        for scale, found, smaller in zip(scales, looks, looks[1:], strict=False):
            seen += _confirmed(found, smaller, self.widest / scale)
        return [region for region in distinct(seen) if look is Look.QUICK or not region.faint]

    def _at(self, pixels: NDArray[np.uint8], scale: float) -> Iterator[Region]:
        """The regions that are found at one scale, cut off at the edges of the picture."""
        height, width = pixels.shape[:2]
        shown = resized(pixels, scale)
        across, down = width / shown.shape[1], height / shown.shape[0]
        least = min(_FAINT * self.threshold, _SEEN)
        boxes, scores, classes = (one.tolist() for one in predict(self.network, shown, least))
        for (left, top, right, bottom), score, number in zip(boxes, scores, classes, strict=True):
            box = Box(max(left * across, 0), max(top * down, 0), min(right * across, width), min(bottom * down, height))
            if box.width > 0 and box.height > 0 and box.width >= self.narrowest:
                yield Region(box, self.classes[number], score, faint=score < self.threshold)


def _confirmed(found: Sequence[Region], smaller: Sequence[Region], widest: float) -> Iterator[Region]:
    """What is narrower, or is seen in a smaller picture too: what looks like a plate from near alone is none."""
    seen = [region for region in smaller if region.score >= _SEEN]
    shared = iou(boxes_array(found), boxes_array(seen)).max(axis=1, initial=0)
    for region, same in zip(found, shared, strict=True):
        if region.box.width < widest or same > _SAME:
            yield region


def of_name(name: str) -> NamedDetector | None:
    """The detector of a run folder; nothing if the name is that of none."""
    folder = Path(name)
    return of_run(folder) if (folder / CONFIG_FILE).is_file() else None


def classes_in(folder: Path) -> tuple[str, ...]:
    """What the detector of a run folder finds; nothing of another folder."""
    try:
        return read_run(folder).settings.classes
    except RunError:
        return ()


def of_run(folder: Path, narrowest: float = 0) -> NamedDetector:
    """The detector of a run folder, once it is asked for.

    Arguments:
        folder: The folder.
        narrowest: The width from which on a box counts, in pixels of the picture.
    """
    return NamedDetector(partial(_load, folder, narrowest), folder)


def _load(folder: Path, narrowest: float, settings: DetectorSettings) -> Trained:
    run = read_run(folder)
    # What is hidden counts from the score on that counts as left, so that tracks of it begin in time.
    own = min(run.threshold, LEFT_SCORE) if settings.to_hide else run.threshold
    threshold = own if settings.threshold is None else settings.threshold
    network = load_network(folder, run).to(settings.place)
    classes = run.settings.classes
    # What is to be hidden must not be missed; other things are as large as those that were marked for the training.
    octaves = settings.to_hide or not _HIDDEN.isdisjoint(classes)
    return Trained(network, classes, threshold, run.settings.crop, narrowest, octaves)


def _scales(side: int, look: Look) -> list[float]:
    """The scales at which a picture is looked at whose longer side is this, the largest first."""
    factor = _OTHERWISE if look.is_check else 1
    return [factor * scale for scale in (_quick_scales(side) if look.is_quick else _thorough_scales(side))]


def _quick_scales(side: int) -> list[float]:
    """One that shows most, and one for what is large, which costs a sixteenth."""
    scale = min(1.0, _QUICK / side)
    return [scale, scale / 4]


def _thorough_scales(side: int) -> list[float]:
    scales = [2.0, 1.0] if side <= _DOUBLED else [1.0]
    while side * scales[-1] >= 2 * _SMALLEST:
        scales.append(scales[-1] / 2)
    return scales


PLATES = of_run(shipped.FOLDER / "plates", _LEGIBLE)
