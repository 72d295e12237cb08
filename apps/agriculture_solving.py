"""How well wheat crops of photographs that were not seen are told, by a last layer solved for and by a small network.

The folds, the crops and what is done about the green paint are those of `agriculture_finetuning`, so that its figures
stand beside. The small network learns from nothing but these crops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from agriculture_finetuning import LEAST_LEFT, SEEDS, distinct, splits, without_paint
from numpy.typing import NDArray
from torch import Tensor

from nflows_agri.crops.parts import held_out
from nflows_agri.inspection.experiment import ENGINE, task_of
from nflows_agri.inspection.settings import ClassifierSettings
from nflows_agri.inspection.solving import solve
from nflows_agri.inspection.testing import confusion, macro_f1
from nflows_agri.unknown import SIDE
from nflows_core.classifiers import FROZEN, build_classifier, features_of, probabilities_of
from nflows_core.data import Images
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.training import EngineConfig, Trainer

EPOCHS = 12
"""Of the small network."""


def run(data: Path, folder: Path) -> dict[str, Any]:
    """Learns and tests on three grouped folds by three seeds; what is done already is not done again.

    Arguments:
        data: The folder of the crops.
        folder: The folder of the results; made if it is missing.

    Returns:
        The results, as ``solving.json`` has them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "solving.json"
    rows: list[dict[str, Any]] = read_json(path)["rows"] if path.exists() else []
    known = {(row["whole"], row["seed"], row["fold"]) for row in rows}
    files = distinct(read_labelled(data))
    files, pixels = _without_paint(files, SIDE)
    features = features_of(build_classifier(FROZEN, len(files.classes), pretrained=True), pixels)
    small = images_of(files, ClassifierSettings(files.classes).size)
    small = Images(without_paint(small.pixels)[0], labels=torch.from_numpy(files.labels), classes=files.classes)
    for whole, seed, fold, train, test in splits(files, data):
        if (whole, seed, fold) in known:
            continue
        found = {"frozen": _solved(files, features, train, test), "small": _trained(files, small, train, test, seed)}
        counts = {name: confusion(files.labels[test], own, len(files.classes)) for name, own in found.items()}
        rows.append(
            {
                **{"whole": whole, "seed": seed, "fold": fold},
                **{name: {"macro_f1": macro_f1(own), "confusion": own.tolist()} for name, own in counts.items()},
            }
        )
        print(rows[-1], flush=True)
        with atomic_write(path, "w") as file:
            file.write(to_json({"classes": files.classes, "rows": rows, "means": summary(rows)}, indent=2))
    return {"rows": rows, "means": summary(rows)}


def _without_paint(files: LabelledFiles, side: int) -> tuple[LabelledFiles, Tensor]:
    pixels, left = without_paint(images_of(files, side).pixels)
    kept = left >= LEAST_LEFT
    return files.select(kept.numpy()), pixels[kept]


def _solved(
    files: LabelledFiles, features: Tensor, train: NDArray[np.intp], test: NDArray[np.intp]
) -> NDArray[np.intp]:
    weight, bias = solve(features[train], torch.from_numpy(files.labels[train]), len(files.classes))
    return (features[test] @ weight.T + bias).argmax(1).numpy()


def _trained(
    files: LabelledFiles, images: Images, train: NDArray[np.intp], test: NDArray[np.intp], seed: int
) -> NDArray[np.intp]:
    decides = held_out(files.labels[train], files.groups[train])
    parts = {name: images[torch.from_numpy(own)] for name, own in (("train", train[~decides]), ("val", train[decides]))}
    config = EngineConfig(**{**ENGINE, "epochs": EPOCHS, "seed": seed})  # type: ignore[arg-type]
    network = Trainer(task_of(ClassifierSettings(files.classes), config, parts)).fit()
    return probabilities_of(network, images.pixels[test]).argmax(1).numpy()


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each seed whose folds are done, their mean, and the macro-F1 of all their crops together."""
    found: dict[str, Any] = {}
    for whole in dict.fromkeys(row["whole"] for row in rows):
        seeds = [[row for row in rows if (row["whole"], row["seed"]) == (whole, seed)] for seed in range(SEEDS)]
        seeds = [own for own in seeds if len(own) == len({row["fold"] for row in rows})]
        for name in ("frozen", "small"):
            found[f"{whole}, {name}"] = {
                "means_of_folds": [float(np.mean([row[name]["macro_f1"] for row in own])) for own in seeds],
                "together": [macro_f1(np.sum([row[name]["confusion"] for row in own], axis=0)) for own in seeds],
            }
    return found
