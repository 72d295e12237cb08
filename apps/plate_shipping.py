"""How the plate detector is given its threshold, measured, and put into nflows-privacy with a card of its figures."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.files import atomic_write
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve
from nflows_privacy import shipped
from nflows_privacy.detection import DetectorSettings, Look, load_detector
from nflows_privacy.regions import Region, boxes_array
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.data import Source, read_scenes
from nflows_privacy.training.runs import load_network, read_run, save_run
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.scoring import Judged, matched, precision_recall
from nflows_privacy.training.testing import Tested

NAME = "plates"
MOST_BYTES = 4_000_000
LEAST = ((32, 0.90), (64, 0.98))
"""Widths in pixels, and the recall of plates of that width or more that the threshold leaves, at least."""
MOST_FALSE = 0.1
"""The false boxes of a picture that the threshold leaves, at most."""
WIDTHS = (16, 24, 32, 64, 128, 10_000)
_FRAME = 720, 1280
_LOWEST = 0.05
"""Boxes below this score hardly move an average precision, and there are very many of them."""
_DATA = "made-up plates on streets"
"""A user's pictures lie elsewhere: the name says what they were."""


def choose_threshold(run: Path, validation: Source) -> float:
    r"""The lowest threshold, in steps of a hundredth, with as few false boxes as are borne.

    What is missed is shown to everybody, what is found beside it hides a little of a street: so it is as low as it can
    be, and not as high. Other scenes than those of the validation shall have as few: of :math:`k` false boxes there, as
    many count as the mean of a Poisson distribution may be, with 95 % certainty, :math:`k + 1.645 \sqrt k`.

    Raises:
        ValueError: It finds too few of the plates there.
    """
    judged = tested_on(run, validation).of_class(0)
    steps: list[float] = np.arange(0.05, 1.0, 0.01).round(2).tolist()
    threshold = next((one for one in steps if _most_false(judged, one) <= MOST_FALSE * len(judged)), 1.0)
    if any(recall_from(judged, width, threshold) < least for width, least in LEAST):
        raise ValueError(f"{run} finds too few plates with {MOST_FALSE} false boxes a picture: train it longer")
    return threshold


def _most_false(judged: Sequence[Judged], threshold: float) -> float:
    false = precision_recall(judged, threshold)[1]
    return false + 1.645 * math.sqrt(false)


def recall_from(judged: Sequence[Judged], width: float, threshold: float) -> float:
    """The recall of the plates of a width or more."""
    there = found = 0
    for one in judged:
        wide = one.true[:, 2] - one.true[:, 0] >= width
        matches = matched(one)[one.scores >= threshold]
        there += int(wide.sum())
        found += int(wide[matches[matches >= 0]].sum())
    return found / max(there, 1)


def tested_on(run: Path, scenes: Source) -> Tested:
    """What the detector of a run finds in scenes, looking as thoroughly as it does at pictures."""
    settings = read_run(run).settings
    find = load_detector(DetectorSettings((str(run.absolute()),), _LOWEST, "cpu"))
    pictures = read_scenes(scenes, settings).scenes
    return Tested(settings.classes, [[_judged(find(pixels_of(scene)), scene)] for scene in pictures])


def _judged(found: Sequence[Region], scene: Scene) -> Judged:
    own = scene.boxes.astype(np.float64)
    scores = np.array([region.score for region in found], np.float64)
    return Judged(boxes_array(found), scores, own[scene.labels >= 0], own[scene.labels == IGNORED])


def ship(run: Path, threshold: float, test: Source, history: str) -> Path:
    """Copies a run into the package, with its threshold and its card, and returns the folder there.

    Arguments:
        run: The run, finished.
        threshold: The score from which on a box counts.
        test: The scenes that its figures are measured on.
        history: What its card says of the rounds before the last.

    Raises:
        ValueError: Its weights are larger than those of a detector that comes with a package should be.
    """
    stored, folder = read_run(run), shipped.FOLDER / NAME
    shipped_run = replace(stored, threshold=threshold, data=(_DATA, None), test=(_DATA, None), start=None)
    save_run(folder, shipped_run, load_network(run, stored))
    if (size := (folder / WEIGHTS_FILE).stat().st_size) > MOST_BYTES:
        raise ValueError(f"{folder} holds {size:,} bytes of weights, and should hold {MOST_BYTES:,} at most")
    values = {**figures(run, threshold, test), "bytes": f"{size:,}", "history": history}
    text = (Path(__file__).parent / "plate_detector_card.md").read_text(encoding="utf-8")
    with atomic_write(folder / "README.md", "w") as file:
        file.write(text.format(**values))
    return folder


def figures(run: Path, threshold: float, test: Source) -> Mapping[str, object]:
    """What the card says of a run."""
    stored, tested = read_run(run), tested_on(run, test)
    judged = tested.of_class(0)
    found, false, there = precision_recall(judged, threshold)
    row = tested.rows(threshold)[0]
    losses = read_curve(run / TEST_METRICS_FILE, "loss")
    return {
        "threshold": threshold,
        "scenes": len(judged),
        "plates": there,
        "false": f"{false / len(judged):.3f}",
        "recall": f"{found / there:.3f}",
        "ap50": f"{row['mAP50']:.3f}",
        "ap": f"{row['mAP50_95']:.3f}",
        "trade": "; ".join(trade(judged)),
        "rows": "\n".join(by_width(tested, threshold)),
        "milliseconds": f"{1000 * seconds(run, Look.QUICK):.0f}",
        "thorough": f"{1000 * seconds(run, Look.THOROUGH):.0f}",
        "threads": torch.get_num_threads(),
        "parameters": f"{sum(value.numel() for value in load_network(run, stored).parameters()):,}",
        "train": f"{stored.fingerprint['train'].images:,}",
        "minutes": f"{read_curve(run / METRICS_FILE, 'seconds')[-1][1] / 60:.0f}",
        "epochs": stored.training.epochs,
        "curve": ", ".join(f"{loss:.3f} ({epoch})" for epoch, (_, loss) in enumerate(losses)),
        "settings": json.dumps(vars(stored.settings)),
        "training": json.dumps(vars(stored.training)),
    }


def trade(judged: Sequence[Judged]) -> list[str]:
    """The recalls of the wider plates and the false boxes of a picture at several thresholds, in words."""
    told = []
    for threshold in (0.4, 0.5, 0.6, 0.7):
        recalls = (f"{recall_from(judged, width, threshold):.3f}" for width, _ in LEAST)
        false = precision_recall(judged, threshold)[1] / len(judged)
        told.append(f"at {threshold} {', '.join(recalls)}, with {false:.2f} false boxes a picture")
    return told


def by_width(tested: Tested, threshold: float) -> list[str]:
    """A row of the card for each range of widths: how many plates there are, and how many were found."""
    there, found = np.zeros(len(WIDTHS), int), np.zeros(len(WIDTHS), int)
    for one in tested.of_class(0):
        matches = matched(one)[one.scores >= threshold]
        group = np.searchsorted(WIDTHS, one.true[:, 2] - one.true[:, 0], side="right")
        np.add.at(there, group, 1)
        np.add.at(found, group[matches[matches >= 0]], 1)
    names = [f"below {WIDTHS[0]}", *(f"{low} to {high}" for low, high in pairwise(WIDTHS[:-1]))]
    names.append(f"{WIDTHS[-2]} and more")
    return [f"| {name} | {m} of {n} | {m / n:.3f} |" for name, n, m in zip(names, there, found, strict=True) if n]


def seconds(run: Path, look: Look) -> float:
    """How long a look at a picture of 1280 x 720 takes, the median of nine."""
    find = load_detector(DetectorSettings((str(run.absolute()),), None, "cpu"))
    pixels = np.random.default_rng(0).integers(0, 256, (*_FRAME, 3), dtype=np.uint8)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        find(pixels, look)
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))
