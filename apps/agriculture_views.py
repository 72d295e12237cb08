"""What a second view is worth: road signs from afar and from near by, alone and judged together.

The signs are those of a folder with the folders ``far`` and ``near``, which hold each sign by the same name,
CLASS-TRACK. A network learns from both views of some signs, and is tested on others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.classification.views import fused_by_item
from nflows_core.classifiers import build_classifier, probabilities_of
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.intervals import student
from nflows_core.training import Classification, EngineConfig, Labelled, Recoloured, Trainer

SIDE = 32
SEEDS, FOLDS = 3, 3
LEAST_SIGNS = 8
"""Signs of a class; of the others too few would be left to learn from."""
VIEWS = ("far", "near")
_RATES = {"learning_rate": 2e-3, "warmup_steps": 20, "clip_norm": 5.0, "ema_decay": 0.99}
ENGINE = {"epochs": 60, "batch_size": 32, **_RATES}
SMOOTHING = 0.1
"""Of the labels: a view that is too sure of itself outvotes the other."""

Chances = dict[str, NDArray[np.float64]]
"""The probabilities of each sign."""


def run(data: Path, folder: Path) -> dict[str, Any]:
    """How often signs are known by each view and by both, and how surely, each sign tested once by each seed.

    Arguments:
        data: The folder of both views.
        folder: The folder of the results; made if it is missing.

    Returns:
        The results, as ``views.json`` has them: of each the mean over the seeds and its interval of Student.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _frequent(read_labelled(data, r"(?P<item>(?P<class>.+)-\d+)"))
    pixels = images_of(files, SIDE).pixels
    rows = [_row(files, pixels, seed) for seed in range(SEEDS)]
    means = {name: student([row[name] for row in rows]) for name in rows[0] if name != "seed"}
    result = {"signs": len(set(files.items)), "classes": len(files.classes), "rows": rows, **means}
    with atomic_write(folder / "views.json", "w") as file:
        file.write(to_json(result, indent=2))
    return result


def _frequent(files: LabelledFiles) -> LabelledFiles:
    signs = Counter(label for _, label in {(file.item, file.label) for file in files.files})
    classes = tuple(name for name in files.classes if signs[name] >= LEAST_SIGNS)
    kept = files.select([file.label in classes for file in files.files])
    return replace(kept, classes=classes)


def _row(files: LabelledFiles, pixels: torch.Tensor, seed: int) -> dict[str, float]:
    """Accuracy and mean negative log-likelihood by each view and by both."""
    from sklearn.model_selection import StratifiedGroupKFold

    said: dict[str, Chances] = {name: {} for name in (*VIEWS, "both")}
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(files.items, files.labels, files.items):
        for name, chances in _judged(files, pixels, train, test, seed).items():
            said[name] |= chances
    true = dict(zip(files.items.tolist(), files.labels.tolist(), strict=True))
    row: dict[str, float] = {"seed": seed}
    for name, chances in said.items():
        row[name] = float(np.mean([one.argmax() == true[item] for item, one in chances.items()]))
        row[f"{name}_nats"] = float(np.mean([-np.log(one[true[item]]) for item, one in chances.items()]))
    print(row, flush=True)
    return row


def _judged(
    files: LabelledFiles, pixels: torch.Tensor, train: NDArray[np.intp], test: NDArray[np.intp], seed: int
) -> dict[str, Chances]:
    torch.manual_seed(seed)
    network = build_classifier("small", len(files.classes))
    learned = Labelled(pixels[train], torch.from_numpy(files.labels[train]))
    config = EngineConfig(**ENGINE, seed=seed)  # type: ignore[arg-type]
    task = Classification(network, learned, config, augmentation=Recoloured(), label_smoothing=SMOOTHING)
    said = probabilities_of(Trainer(task).fit(), pixels[test]).double().numpy()
    views = np.array([files.files[index].name.partition("/")[0] for index in test])
    items = files.items[test].tolist()
    alone = {
        view: {item: one for item, one, seen in zip(items, said, views, strict=True) if seen == view} for view in VIEWS
    }
    return {**alone, "both": fused_by_item(said, items)}
