"""How well wheat crops of photographs that were not seen are told, by a last layer solved for and by a small network.

The folds, the crops and what is done about the green paint are those of `agriculture_finetuning`, so that its figures
stand beside. The small network learns from nothing but these crops. How sure the solved one may be is measured before
and after its logits are divided by a temperature, which whole trays or photographs of the training folds decide that
are left out in turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from agriculture_finetuning import LEAST_LEFT, SEEDS, distinct, splits, without_paint
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from nflows_agri.inspection.settings import CropClassifierSettings
from nflows_agri.unknown import SIDE
from nflows_core.classification.experiment import ENGINE, task_of
from nflows_core.classification.solving import left_out_temperature, solve
from nflows_core.classification.testing import confusion, macro_f1
from nflows_core.classifiers import FROZEN, build_classifier, features_of, probabilities_of
from nflows_core.data import Images
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.data.parts import held_out
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.training import EngineConfig, Trainer

EPOCHS = 12
"""Of the small network."""
BINS = 15
"""Of confidence, equally wide: those of the expected calibration error."""


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
    small = images_of(files, CropClassifierSettings(files.classes).size)
    small = Images(without_paint(small.pixels)[0], labels=torch.from_numpy(files.labels), classes=files.classes)
    for whole, seed, fold, train, test, groups in splits(files, data):
        if (whole, seed, fold) in known:
            continue
        place = {"whole": whole, "seed": seed, "fold": fold}
        solved = _solved(files, features, train, test, groups)
        trained = _told(files, test, _trained(files, small, train, test, seed))
        rows.append(place | {"frozen": solved, "small": trained})
        print(rows[-1], flush=True)
        with atomic_write(path, "w") as file:
            file.write(to_json({"classes": files.classes, "rows": rows, "means": summary(rows)}, indent=2))
    return {"rows": rows, "means": summary(rows)}


def _without_paint(files: LabelledFiles, side: int) -> tuple[LabelledFiles, Tensor]:
    pixels, left = without_paint(images_of(files, side).pixels)
    kept = left >= LEAST_LEFT
    return files.select(kept.numpy()), pixels[kept]


def _solved(
    files: LabelledFiles,
    features: Tensor,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    groups: NDArray[np.str_],
) -> dict[str, Any]:
    labels, classes = torch.from_numpy(files.labels), len(files.classes)
    weight, bias = solve(features[train], labels[train], classes)
    logits = features[test] @ weight.T + bias
    divisor = left_out_temperature(features[train], labels[train], groups[train], classes)
    before, after = (calibration(given, labels[test]) for given in (logits, logits / divisor))
    how_sure = {"temperature": divisor, "before": before, "after": after}
    return _told(files, test, logits.argmax(1).numpy()) | how_sure


def calibration(logits: Tensor, labels: Tensor) -> dict[str, float]:
    r"""How far probabilities are from what happens.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N}
        \left|\operatorname{mean}_{i \in b} [\hat y_i = y_i] - \operatorname{mean}_{i \in b} \hat p_i\right|

    of the most probable class :math:`\hat y` and its probability :math:`\hat p`, which chooses one of `BINS` bins (Guo
    et al. 2017, "On calibration of modern neural networks", equation 3).

    Arguments:
        logits: Those of N crops, :math:`(N, K)`.
        labels: Their classes, :math:`(N,)`.

    Returns:
        The mean cross-entropy in nats, and the expected calibration error.
    """
    sure, found = logits.double().softmax(1).max(1)
    bins = (sure * BINS).ceil().long() - 1
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, (found == labels).double() - sure)
    return {
        "cross_entropy": float(cross_entropy(logits.double(), labels)),
        "expected_calibration_error": float(gaps.abs().sum() / len(labels)),
    }


def _told(files: LabelledFiles, test: NDArray[np.intp], found: NDArray[np.intp]) -> dict[str, Any]:
    counts = confusion(files.labels[test], found, len(files.classes))
    return {"macro_f1": macro_f1(counts), "confusion": counts.tolist()}


def _trained(
    files: LabelledFiles, images: Images, train: NDArray[np.intp], test: NDArray[np.intp], seed: int
) -> NDArray[np.intp]:
    decides = held_out(files.labels[train], files.groups[train])
    parts = {name: images[torch.from_numpy(own)] for name, own in (("train", train[~decides]), ("val", train[decides]))}
    config = EngineConfig(**{**ENGINE, "epochs": EPOCHS, "seed": seed})  # type: ignore[arg-type]
    network = Trainer(task_of(CropClassifierSettings(files.classes), config, parts)).fit()
    return probabilities_of(network, images.pixels[test]).argmax(1).numpy()


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each seed whose folds are done, their mean, and the macro-F1 of all their crops together.

    Of what is solved for besides, how sure it is: the mean of all folds of these seeds.
    """
    found: dict[str, Any] = {}
    for whole in dict.fromkeys(row["whole"] for row in rows):
        seeds = [[row for row in rows if (row["whole"], row["seed"]) == (whole, seed)] for seed in range(SEEDS)]
        seeds = [own for own in seeds if len(own) == len({row["fold"] for row in rows})]
        for name in ("frozen", "small"):
            found[f"{whole}, {name}"] = {
                "means_of_folds": [float(np.mean([row[name]["macro_f1"] for row in own])) for own in seeds],
                "together": [macro_f1(np.sum([row[name]["confusion"] for row in own], axis=0)) for own in seeds],
            }
        done = [row["frozen"] for own in seeds for row in own]
        for when in ("before", "after") if done else ():
            found[f"{whole}, frozen"][when] = {
                measure: float(np.mean([row[when][measure] for row in done])) for measure in done[0][when]
            }
    return found
