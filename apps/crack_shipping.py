"""How the crack finder is given its threshold, measured, and put into nflows-heritage with a card of its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.images import read_picture
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE, read_curve
from nflows_heritage.evaluation import middle
from nflows_heritage.masks.cracks import SHIPPED, CrackFinder, marked, ridge_cracks, ridge_response
from nflows_heritage.masks.evaluation import Find, Score, cracked_pictures, falsely_marked, total
from nflows_heritage.masks.runs import load_network, read_run, save_run

MOST_BYTES = 1_000_000
MOST_FALSE = 0.0075
"""The share of whole pictures that the threshold leaves marked, at most."""
SIDE = 256
"""Of the middles of pictures that are measured on."""
_DATA = "made-up cracks on T91 and CBSD40"
"""A user's pictures lie elsewhere: the name says what they were."""
_SEED = 1000
THRESHOLDS = (0.2, 0.35, 0.5, 0.7, 0.85, 0.93, 0.97, 0.985, 0.99, 0.995, 0.998)
RIDGES = (0.03, 0.05, 0.08, 0.12, 0.18, 0.27, 0.4)
"""The thresholds of the ridge filter that are tried."""
Pictures = Sequence[NDArray[np.uint8]]


def ship(run: Path, start: Path | None, train: int, held_out: Pictures, sets: Sequence[Path]) -> Path:
    """Copies a run into the package, with its threshold and its card.

    Arguments:
        run: The run, finished.
        start: The run whose weights it began with, if any.
        train: The number of pictures that it was trained on.
        held_out: Those that decide the threshold.
        sets: The folders of those that are measured on.

    Raises:
        ValueError: The weights are larger than those that come with a package should be, or no threshold leaves whole
            pictures alone.
    """
    stored = read_run(run)
    held_out = [_middle(pixels) for pixels in held_out]
    threshold, ridge = choose_threshold(CrackFinder(run), held_out), choose_ridge(held_out)
    save_run(SHIPPED, replace(stored, threshold=threshold, data=_DATA), load_network(run, stored))
    if (size := (SHIPPED / WEIGHTS_FILE).stat().st_size) > MOST_BYTES:
        raise ValueError(f"{SHIPPED} holds {size:,} bytes of weights, and should hold {MOST_BYTES:,} at most")
    rows = [row("held out, which decided the thresholds", held_out, ridge)]
    rows += [row(folder.parent.name if folder.name == "HR" else folder.name, read(folder), ridge) for folder in sets]
    values = {
        **_training([run] if start is None else [start, run]),
        "train": train,
        "test": len(held_out),
        "bytes": size,
        "threshold": threshold,
    }
    text = (Path(__file__).parent / "crack_finder_card.md").read_text(encoding="utf-8")
    with atomic_write(SHIPPED / "README.md", "w") as file:
        file.write(text.format(**values, ridge=ridge, rows="\n".join(rows)))
    return SHIPPED


def choose_threshold(finder: CrackFinder, pictures: Pictures) -> float:
    """The probability with the best F1 of dark and light cracks, of those that leave whole pictures alone."""
    cases = [(finder.probabilities(pixels), damaged) for pixels, damaged in _cracked(pictures)]
    whole = [finder.probabilities(pixels) for pixels in pictures]
    quiet = [one for one in THRESHOLDS if falsely_marked(partial(marked, threshold=255 * one), whole) <= MOST_FALSE]
    if not quiet:
        raise ValueError(f"no threshold marks less than {MOST_FALSE:.1%} of whole pictures: train it longer")
    return best_of(quiet, cases, 255)


def choose_ridge(pictures: Pictures) -> float:
    """The response of the ridge filter alone with the best F1."""
    return best_of(RIDGES, [(ridge_response(pixels), damaged) for pixels, damaged in _cracked(pictures)], 1)


def best_of(thresholds: Sequence[float], cases: Sequence[tuple[NDArray[Any], NDArray[np.bool_]]], unit: float) -> float:
    """The threshold with the best F1 on cases, whose values are in a unit."""
    return max((total(partial(marked, threshold=unit * one), cases).f1, one) for one in thresholds)[1]


def _cracked(pictures: Pictures) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    return [case for light in (False, True) for case in cracked_pictures(pictures, light, _SEED)]


def row(name: str, pictures: Pictures, ridge: float) -> str:
    """A row of the card: the network, and the ridge filter alone."""
    finder = CrackFinder()
    ways: Mapping[str, Find] = {"network": finder, "ridges": partial(ridge_cracks, threshold=ridge)}
    cells = [name, str(len(pictures))]
    for light in (False, True):
        cases = list(cracked_pictures(pictures, light, _SEED))
        cells += [_told(total(way, cases)) for way in ways.values()]
    cells += [f"{100 * falsely_marked(way, pictures):.2f} %" for way in ways.values()]
    return f"| {' | '.join(cells)} |"


def _told(score: Score) -> str:
    return f"{score.f1:.3f} ({score.precision:.2f}, {score.recall:.2f})"


def read(folder: Path) -> list[NDArray[np.uint8]]:
    """The middles of the pictures of a folder, in colour."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".bmp"))
    return [_middle(read_picture(path).pixels) for path in paths]


def _middle(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    part = middle(pixels, SIDE)
    return np.ascontiguousarray(np.broadcast_to(part, (*part.shape[:2], 3)))


def _training(runs: Sequence[Path]) -> dict[str, object]:
    """What the card says of the trainings, one after the other."""
    stored = [read_run(run) for run in runs]
    network = load_network(runs[-1], stored[-1])
    curves = [f1 for run in runs for _, f1 in read_curve(run / TEST_METRICS_FILE, "f1")]
    seconds = sum(read_curve(run / METRICS_FILE, "seconds")[-1][1] for run in runs)
    return {
        "parameters": f"{sum(value.numel() for value in network.parameters()):,}",
        "field": 2 * network.reach + 1,
        "minutes": f"{seconds / 60:.0f}",
        "epochs": " and then ".join(str(one.training.epochs) for one in stored),
        "curve": ", ".join(f"{f1:.3f}" for f1 in curves),
        "training": "\n              ".join(json.dumps(vars(one.training)) for one in stored),
    }
