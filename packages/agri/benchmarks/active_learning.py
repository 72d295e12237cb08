"""How many labels a classifier of wheat needs, where active learning asks for them, and where chance does.

A person is simulated who knows every class: of crops of some photographs, those are labelled that BatchBALD, BALD, the
entropy or chance asks for, 20 at a time from 20 that chance chose. After each batch a head is trained anew on frozen
features of EfficientNet-Lite0 and tested on crops of other photographs. Crops that stand in two classes are left out.

    python packages/agri/benchmarks/active_learning.py CROPS RESULT.json --cache features.pt --plot curve.svg

What is done is in RESULT.json after each way of each repeat; the same command goes on. The labels that a way needs are
the fewest from which on the mean macro-F1 of three tests is at least 90 % of that with all labels.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from labels_plot import drawn
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from torch import Tensor

from nflows_agri.labelling.acquisition import Acquisition
from nflows_agri.labelling.head import DRAWS, TOGETHER, Head, normalized, train_head, wanted
from nflows_core.classifiers import build_classifier, features_of
from nflows_core.data import images_of, read_labelled
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.intervals import student

SIDE, FOLDS, REPEATS = 128, 3, 10
START, BATCH, MOST = 20, 20, 400
SHARE, TESTS = 0.9, 3
WAYS: Sequence[Acquisition] = get_args(Acquisition)
_SHOWN = (100, 200, 400)


@dataclass(frozen=True)
class Crops:
    """Features, classes and photographs of the crops."""

    features: Tensor
    labels: Tensor
    groups: np.ndarray
    classes: Sequence[str]

    def split(self, repeat: int) -> tuple[np.ndarray, np.ndarray]:
        """The pool and the test crops of a repeat: the folds of a new division into three after every third."""
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat // FOLDS)
        pool, test = list(folds.split(self.features, self.labels, self.groups))[repeat % FOLDS]
        if any(len(set(self.labels[part].tolist())) < len(self.classes) for part in (pool, test)):
            raise ValueError(f"a class is missing on one side of repeat {repeat}")
        return pool, test


def read_crops(folder: Path, cache: Path) -> Crops:
    """The crops but those that stand in two classes, one of each that is there twice."""
    files = read_labelled(folder)
    kept: dict[str, list[int]] = {}
    for place, file in enumerate(files.files):
        kept.setdefault(sha256(files.path(file)), []).append(place)
    files = files.select([same[0] for same in kept.values() if len({files.labels[place] for place in same}) == 1])
    if cache.exists():
        features = torch.load(cache)
    else:
        network = build_classifier("efficientnet-lite0", len(files.classes), pretrained=True)
        features = features_of(network, images_of(files, SIDE).pixels)
        torch.save(features, cache)
    if len(features) != len(files):
        raise ValueError(f"{cache}: has the features of {len(features)} crops, and there are {len(files)}; remove it")
    return Crops(normalized(features), torch.from_numpy(files.labels), files.groups, files.classes)


def macro_f1(head: Head, crops: Crops, test: np.ndarray) -> float:
    with torch.no_grad():
        found = head(crops.features[test]).argmax(1)
    return float(f1_score(crops.labels[test], found, average="macro"))


def labelled_by(by: Acquisition, crops: Crops, repeat: int) -> Iterator[dict[str, Any]]:
    """The macro-F1 and the labels of each class after each batch."""
    pool, test = crops.split(repeat)
    known = np.random.default_rng(repeat).permutation(pool)[:START].tolist()
    for count in range(START, MOST + 1, BATCH):
        labels = crops.labels[known]
        head = train_head(crops.features[known], labels, len(crops.classes), seed=repeat)
        counts = labels.bincount(minlength=len(crops.classes)).tolist()
        yield {"labels": count, "macro_f1": macro_f1(head, crops, test), "counts": counts}
        left = sorted(set(pool.tolist()) - set(known))
        if count < MOST:
            known += wanted(head, crops.features, left, BATCH, by, seed=repeat * 1000 + count)


def with_all(crops: Crops, repeat: int) -> float:
    pool, test = crops.split(repeat)
    return macro_f1(train_head(crops.features[pool], crops.labels[pool], len(crops.classes), seed=repeat), crops, test)


def labels_needed(curve: Sequence[Mapping[str, Any]], goal: float) -> int | None:
    """The fewest labels from which on the mean of three tests reaches the goal, if they do."""
    scores = [point["macro_f1"] for point in curve]
    means = [statistics.fmean(scores[place : place + TESTS]) for place in range(len(scores) - TESTS + 1)]
    return next((curve[place]["labels"] for place, mean in enumerate(means) if mean >= goal), None)


def median_of(needed: Sequence[int | None]) -> int | None:
    """The lower median; nothing where fewer than half have reached the goal."""
    median = statistics.median_low(MOST + 1 if one is None else one for one in needed)
    return median if median <= MOST else None


def shares(scores: Sequence[float], full: Mapping[str, float], repeats: Sequence[str]) -> list[float]:
    """The macro-F1 of each repeat as a share of that with all labels: photographs of some folds are harder."""
    return [score / full[repeat] for score, repeat in zip(scores, repeats, strict=True)]


def summary(runs: Sequence[Mapping[str, Any]], full: Mapping[str, float]) -> dict[str, Any]:
    """What the runs of each way say together, of the repeats that all ways have finished."""
    done = [repeat for repeat in full if sum(str(run["repeat"]) == repeat for run in runs) == len(WAYS)]
    if len(done) < 2:
        return {}
    curves = {(run["by"], str(run["repeat"])): run["curve"] for run in runs}
    result: dict[str, Any] = {"repeats": len(done), "full_macro_f1": student([full[repeat] for repeat in done])}
    for by in WAYS:
        own = [curves[by, repeat] for repeat in done]
        needed = [labels_needed(curve, SHARE * full[repeat]) for curve, repeat in zip(own, done, strict=True)]
        scores = {point["labels"]: [curve[place]["macro_f1"] for curve in own] for place, point in enumerate(own[0])}
        chance = [curves["random", repeat] for repeat in done]
        gains = {
            count: [a - b[(count - START) // BATCH]["macro_f1"] for a, b in zip(scores[count], chance, strict=True)]
            for count in _SHOWN
        }
        result[by] = {
            "labels_needed": needed,
            "reached": len(needed) - needed.count(None),
            "median_labels_needed": median_of(needed),
            "macro_f1": {str(count): student(values) for count, values in scores.items()},
            "share_of_full": {str(count): student(shares(values, full, done)) for count, values in scores.items()},
            "gain_over_random": {str(count): student(values) for count, values in gains.items()},
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crops", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="Where the features are kept.")
    parser.add_argument("--plot", type=Path, help="The curves as an SVG, once all is done.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    crops = read_crops(arguments.crops, arguments.cache)
    settings = {
        "crops": len(crops.labels),
        "classes": list(crops.classes),
        "side": SIDE,
        "draws": DRAWS,
        "together": TOGETHER,
        "start": START,
        "batch": BATCH,
        "most": MOST,
        "share": SHARE,
        "tests": TESTS,
    }
    content = read_json(arguments.result) if arguments.result.exists() else {"full": {}, "runs": []}
    for repeat, by in itertools.product(range(REPEATS), WAYS):
        if str(repeat) not in content["full"]:
            content["full"][str(repeat)] = with_all(crops, repeat)
        if not any((run["by"], run["repeat"]) == (by, repeat) for run in content["runs"]):
            content["runs"].append({"by": by, "repeat": repeat, "curve": list(labelled_by(by, crops, repeat))})
            write(arguments.result, content, settings)
            scores = (f"{point['macro_f1']:.3f}" for point in content["runs"][-1]["curve"][::4])
            print(repeat, by, f"{content['full'][str(repeat)]:.3f}", *scores, flush=True)
    write(arguments.result, content, settings)
    if arguments.plot:
        with atomic_write(arguments.plot, "w") as file:
            file.write(drawn(summary(content["runs"], content["full"]), SHARE))


def write(path: Path, content: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    told = {"settings": settings, "summary": summary(content["runs"], content["full"])}
    with atomic_write(path, "w") as file:
        file.write(to_json({**content, **told}, indent=1) + "\n")


if __name__ == "__main__":
    run_script(main)
