"""How well a classifier whose last layer is solved for tells wheat crops of photographs that it has not seen.

The folds, the crops and what is done about the green paint are those of `agriculture_finetuning`, so that its figures
stand beside: a logistic regression on the features of the last stage, and the last stages trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from agriculture_finetuning import LEAST_LEFT, SEEDS, distinct, splits, without_paint

from nflows_agri.inspection.solving import solve
from nflows_agri.inspection.testing import confusion, macro_f1
from nflows_agri.unknown import SIDE
from nflows_core.classifiers import FROZEN, build_classifier, features_of
from nflows_core.data.labelled import read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json


def run(data: Path, folder: Path) -> dict[str, Any]:
    """Solves and tests on three grouped folds by three seeds.

    Arguments:
        data: The folder of the crops.
        folder: The folder of the results; made if it is missing.

    Returns:
        The results, as ``solving.json`` has them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = distinct(read_labelled(data))
    pixels, left = without_paint(images_of(files, SIDE).pixels)
    kept = (left >= LEAST_LEFT).numpy()
    files = files.select(kept)
    features = features_of(
        build_classifier(FROZEN, len(files.classes), pretrained=True), pixels[torch.from_numpy(kept)]
    )
    labels = torch.from_numpy(files.labels)
    rows = []
    for whole, seed, fold, train, test in splits(files, data):
        weight, bias = solve(features[train], labels[train], len(files.classes))
        found = (features[test] @ weight.T + bias).argmax(1).numpy()
        counts = confusion(files.labels[test], found, len(files.classes))
        row = {"whole": whole, "seed": seed, "fold": fold, "macro_f1": macro_f1(counts), "confusion": counts.tolist()}
        rows.append(row)
        print(row, flush=True)
    result = {"classes": list(files.classes), "rows": rows, **_summary(rows)}
    with atomic_write(folder / "solving.json", "w") as file:
        file.write(to_json(result, indent=2))
    return result


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """For each seed the mean over its folds, and the macro-F1 of all folds together."""
    found: dict[str, Any] = {}
    for whole in dict.fromkeys(row["whole"] for row in rows):
        own = [[row for row in rows if (row["whole"], row["seed"]) == (whole, seed)] for seed in range(SEEDS)]
        found[f"{whole}_mean_of_folds"] = [float(np.mean([row["macro_f1"] for row in seed])) for seed in own]
        together = [macro_f1(np.sum([row["confusion"] for row in seed], axis=0)) for seed in own]
        found[f"{whole}_all_folds_together"] = together
    return found
