"""What a person asks of a trained detector: how good its boxes are on pictures that it never saw, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nflows_core.runs.kind import CONFIG_FILE, WEIGHTS_FILE
from nflows_core.runtime.curve import Curve, finite
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.runtime.report import write_report
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.training.experiment import data_of
from nflows_privacy.training.runs import load_network, read_run
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.scoring import Judged, matched, precision_recall
from nflows_privacy.training.testing import Tested, test_network

Colour = tuple[int, int, int]

_SHOWN = 12
_SIDE = 480
_FOUND, _MISSED, _FALSE = (40, 200, 60), (255, 60, 40), (255, 190, 0)
_READINGS = {
    "recall": "of the boxes of the test pictures, those that a box above the threshold overlaps by IoU .5 or more",
    "precision": "of the boxes above the threshold, those that overlap one of the test pictures' likewise",
    "mAP50": "COCO's average precision at IoU .5, the mean of the classes; it needs no threshold",
    "mAP50_95": "the same, the mean of IoU .5, .55, ..., .95",
    "pictures": "each is looked at once at its own size",
}


def report_run(folder: Path, title: str) -> dict[str, Any]:
    """Tests a finished run on its test pictures, writes ``report.json`` and ``report.html``, and returns the first.

    Raises:
        DataError: Its pictures are not there.
    """
    run = read_run(folder)
    network = load_network(folder, run)
    parts = data_of(run, Faults())  # the training has told what is wrong
    scenes = parts["test"].scenes
    tested = test_network(network, scenes, run.settings.classes)
    rows = tested.rows(run.threshold)
    return write_report(
        folder,
        title,
        {
            **{f"test_{name}": value for name, value in rows[-1].items() if name != "class"},
            "false_per_picture": precision_recall_of(tested, run.threshold)[1] / len(scenes),
            "train_pictures": len(parts["train"].scenes),
            "train_boxes": sum(int((scene.labels >= 0).sum()) for scene in parts["train"].scenes),
            "test_pictures": len(scenes),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "seconds": read_curve(folder / METRICS_FILE, "seconds")[-1][1],
            "readings": _READINGS,
            "run": asdict(run),
        },
        seed=run.training.seed,
        inputs={"weights": folder / WEIGHTS_FILE, "settings": folder / CONFIG_FILE},
        tables=[Table(f"Test pictures, boxes of score {run.threshold} or more", rows)],
        curves=[trade(tested), *_curves(folder)],
        sheets=[sheet("Test pictures", tested, scenes, run.threshold)],
        packages=["nflows-privacy", "torchvision"],
    )


def precision_recall_of(tested: Tested, threshold: float) -> tuple[int, int, int]:
    """How many boxes of all classes are found, how many are false, and how many are there."""
    counts = [precision_recall(tested.of_class(number), threshold) for number in range(len(tested.classes))]
    found, false, there = (sum(one) for one in zip(*counts, strict=True))
    return found, false, there


def trade(tested: Tested) -> Curve:
    """Recall beside the false boxes of a picture, for thresholds from high to low."""
    points = []
    for threshold in np.linspace(0.95, 0.05, 46):
        found, false, there = precision_recall_of(tested, float(threshold))
        points.append((false / len(tested.pictures), found / max(there, 1)))
    return Curve("thresholds from .95 to .05", "false boxes of a picture", "recall", {"all classes": points})


def _curves(folder: Path) -> list[Curve]:
    files = {
        "of the test pictures, averaged weights": (TEST_METRICS_FILE, "loss"),
        "of the updates": (METRICS_FILE, "detection"),
    }
    curves = {words: finite(read_curve(folder / file, column)) for words, (file, column) in files.items()}
    return [Curve(f"loss {words}", "updates", "loss", {"loss": points}) for words, points in curves.items() if points]


def sheet(caption: str, tested: Tested, scenes: Sequence[Scene], threshold: float) -> Sheet:
    """Pictures spread evenly over all, with the boxes of all classes in them that are found, missed or false.

    Arguments:
        caption: The words on the pictures.
        tested: What was found in them.
        scenes: The pictures.
        threshold: The score from which on a box counts.
    """
    chosen = np.linspace(0, len(scenes) - 1, min(_SHOWN, len(scenes))).round().astype(int)
    rows = {scenes[index].path.name: [_shown(tested.pictures[index], scenes[index], threshold)] for index in chosen}
    return Sheet(f"{caption}: green is found, red is missed, yellow is false", ("picture",), rows)


def _shown(judged: Sequence[Judged], scene: Scene, threshold: float) -> bytes:
    image = Image.fromarray(pixels_of(scene))
    scale = min(1.0, _SIDE / max(image.size))
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    draw = ImageDraw.Draw(image)
    for box, colour in (mark for one in judged for mark in _marks(one, threshold)):
        draw.rectangle([scale * value for value in box], outline=colour, width=2)
    return as_png(np.asarray(image))


def _marks(judged: Judged, threshold: float) -> list[tuple[list[float], Colour]]:
    """The boxes that are missed, found and false, with the colours of their outlines."""
    counted = judged.scores >= threshold
    matches = matched(judged)[counted]
    missed = np.delete(judged.true, matches[matches >= 0], axis=0)
    found = zip(judged.found[counted].tolist(), matches >= 0, strict=True)
    return [(box, _MISSED) for box in missed.tolist()] + [(box, _FOUND if right else _FALSE) for box, right in found]
