"""How well crops of a class that nobody trained are told from the others, by our flow and by what others use.

python unknown.py CROPS [--cache FOLDER] [--seeds 3] [--json results/NAME.json]

CROPS is the folder of wheat crops which tools/download_data.py leaves. Files that stand byte for byte in two classes
are left out. Photographs stay whole, with all that show something that they show, as `nflows agri split` shares them
out, anew for each seed: of three folds, two give the known crops that are learned, and the third those that are to be
told from the unknown class, of which all crops count whose photographs lent none to the training.

All methods see the same frozen features, and no other: the largest probability of a logistic regression (Hendrycks &
Gimpel 2017), the distance of Mahalanobis from the nearest class mean under one covariance (Lee et al. 2018), shrunk as
much as was best, and hardly, and that from the neighbour of normalized features that was best (Sun et al. 2022), and
the tenth; then what our flow is before its training, and the flow.

Constants of ours and of the others were chosen while grain_covered, damaged_grain and grain_broken were unknown, each
in turn, and foreign_particles was left out altogether. A third of the foreign particles has marks of green paint, so
they are measured once with all that is so green made black, in every crop, and once as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import normalize

from nflows_agri.crops.checking import DataCheck, check_data
from nflows_agri.crops.splitting import make_split
from nflows_agri.unknown import SIDE, FeatureDensity, frozen_features
from nflows_agri.unknown.density import feature_flow
from nflows_agri.unknown.scorer import fit_features
from nflows_core.data import folds
from nflows_core.data.labelled import LabelledFile, LabelledFiles, read_labelled
from nflows_core.data.labelled_images import whole
from nflows_core.runtime.report import machine, versions

FOREIGN = "foreign_particles"
OTHERS = ("grain_covered", "damaged_grain", "grain_broken")
GREEN = 40  # by how much green must exceed red and blue to be paint, of 255
NEIGHBOURS = 5
SHRINKAGE = 3.0  # in the mean variance
FOLDS = 3

Indices = NDArray[np.intp]
Parts = tuple[Tensor, Tensor, Tensor]
"""The vectors of crops that are learned, of known ones that are tested, and of unknown ones."""
Strangeness = Mapping[str, tuple[Tensor, Tensor]]
"""How strange known and unknown crops are, by the method."""


def without_conflicts(data: LabelledFiles) -> LabelledFiles:
    same = defaultdict(list)
    for i, file in enumerate(data.files):
        same[hashlib.sha256(data.path(file).read_bytes()).digest()].append(i)
    kept = [alike[0] for alike in same.values() if len({data.files[i].label for i in alike}) == 1]
    return data.select(sorted(kept))


def features_of_crops(data: LabelledFiles, cache: Path | None, *, masked: bool) -> Tensor:
    file = None if cache is None else cache / f"features-{'masked' if masked else 'painted'}.safetensors"
    if file is not None and file.is_file():
        return load_file(file)["features"]
    batches = (data.files[i : i + 64] for i in range(0, len(data), 64))
    features = torch.cat([frozen_features(squares(data, files, masked=masked)) for files in batches])
    if file is not None:
        save_file({"features": features}, file)
    return features


def squares(data: LabelledFiles, files: Sequence[LabelledFile], *, masked: bool) -> Tensor:
    pixels = [np.asarray(Image.open(data.path(file)).convert("RGB")) for file in files]
    crops = [whole(without_paint(one) if masked else one, SIDE) for one in pixels]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)


def without_paint(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    red, green, blue = pixels.astype(int).transpose(2, 0, 1)
    return np.where((green - np.maximum(red, blue) > GREEN)[..., None], np.uint8(0), pixels)


def rounds(
    data: LabelledFiles, check: DataCheck, unknown: str, seeds: int
) -> Iterator[tuple[int, Indices, Indices, Indices]]:
    """The seed, and the indices of known crops to learn and to test, and of unknown ones, of each fold."""
    labels = np.array([file.label for file in data.files])
    is_known = (labels != unknown) & (labels != FOREIGN)
    for seed in range(seeds):
        shared_out = {file.name: file for file in make_split(check, folds(FOLDS), "drop", seed=seed).files.files}
        files = [shared_out[file.name] for file in data.files]
        parts, groups = (np.array([getattr(file, name) for file in files]) for name in ("part", "group"))
        for part in folds(FOLDS):
            learned = np.flatnonzero(is_known & (parts != part))
            strange = np.flatnonzero((labels == unknown) & ~np.isin(groups, groups[learned]))
            yield seed, learned, np.flatnonzero(is_known & (parts == part)), strange


def strangeness(parts: Parts, labels: NDArray[np.str_], seed: int) -> Strangeness:
    x, known, unknown = parts
    density = FeatureDensity.fit(x, numbers_of(labels), seed)
    untrained = feature_flow(density.matrix.shape[1])
    gaussian = FeatureDensity(density.means, density.shares, density.matrix, density.rest, untrained)
    return {
        "softmax": softmax(standardized(parts), labels),
        "mahalanobis": mahalanobis(whitened_in_classes(parts, labels, SHRINKAGE), labels),
        "mahalanobis, hardly shrunk": mahalanobis(whitened_in_classes(standardized(parts), labels, 1e-3), labels),
        "nearest neighbours": neighbours(mapped(parts, normalize), NEIGHBOURS),
        "nearest neighbours, the tenth": neighbours(mapped(parts, normalize), 10),
        "flow before its training": (-gaussian.log_prob(known), -gaussian.log_prob(unknown)),
        "flow": (-density.log_prob(known), -density.log_prob(unknown)),
    }


def numbers_of(labels: NDArray[np.str_]) -> Tensor:
    return torch.from_numpy(np.unique(labels, return_inverse=True)[1])


def mapped(parts: Parts, function: Callable[[Tensor], Tensor]) -> Parts:
    x, known, unknown = parts
    return function(x), function(known), function(unknown)


def standardized(parts: Parts) -> Parts:
    mean, scale = parts[0].mean(0), parts[0].std(0).clamp(min=1e-6)
    return mapped(parts, lambda one: (one - mean) / scale)


def softmax(parts: Parts, labels: NDArray[np.str_]) -> tuple[Tensor, Tensor]:
    x, *others = mapped(parts, torch.Tensor.double)
    classifier = LogisticRegression(max_iter=100).fit(x.numpy(), labels)
    known, unknown = (-torch.from_numpy(classifier.predict_proba(one.numpy()).max(1)) for one in others)
    return known, unknown


def whitened_in_classes(parts: Parts, labels: NDArray[np.str_], shrinkage: float) -> Parts:
    residuals = (parts[0] - means_of(parts[0], labels)[numbers_of(labels)]).double()
    covariance = residuals.T @ residuals / len(residuals)
    covariance += shrinkage * covariance.diagonal().mean() * torch.eye(len(covariance))
    root = torch.linalg.inv(torch.linalg.cholesky(covariance)).T.float()
    return mapped(parts, lambda one: one @ root)


def mahalanobis(parts: Parts, labels: NDArray[np.str_]) -> tuple[Tensor, Tensor]:
    """The distance from the nearest class mean, of vectors that are white."""
    means = means_of(parts[0], labels)
    _, known, unknown = mapped(parts, lambda one: torch.cdist(one, means).min(1).values)
    return known, unknown


def means_of(x: Tensor, labels: NDArray[np.str_]) -> Tensor:
    return torch.stack([x[torch.from_numpy(labels == label)].mean(0) for label in np.unique(labels)])


def neighbours(parts: Parts, count: int) -> tuple[Tensor, Tensor]:
    x, *others = parts
    known, unknown = (torch.cdist(one, x).kthvalue(count, 1).values for one in others)
    return known, unknown


def auroc(known: Tensor, unknown: Tensor) -> float:
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    return float(roc_auc_score(truth, torch.cat([known, unknown]).numpy()))


def measured(x: Tensor, data: LabelledFiles, check: DataCheck, unknown: str, seeds: int) -> dict[str, object]:
    labels, groups = (np.array([getattr(file, name) for file in data.files]) for name in ("label", "group"))
    found: dict[str, list[float]] = defaultdict(list)
    aside: dict[str, list[float]] = defaultdict(list)
    for seed, learned, tested, strange in rounds(data, check, unknown, seeds):
        parts = x[learned], x[tested], x[strange]
        for name, scores in strangeness(parts, labels[learned], seed).items():
            found[name].append(auroc(*scores))
        print(unknown, seed, " ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()), flush=True)
        if seed:
            continue  # the photographs that are held out to know what is usual cost a training of their own
        scorer = fit_features(x[learned], numbers_of(labels[learned]), list(groups[learned]), SIDE, seed=seed)
        for name, indices in (("known", tested), ("unknown", strange)):
            aside[name].append(scorer.is_unknown(scorer.scores_of_features(x[indices])).float().mean().item())
    return {
        "auroc": {name: summary(values) for name, values in found.items()},
        "put_aside_at_5_percent": {name: summary(values) for name, values in aside.items()},
        "flow_above": {
            name: summary(np.subtract(found["flow"], values)) for name, values in found.items() if name != "flow"
        },
    }


def summary(values: object) -> dict[str, object]:
    numbers = np.asarray(values, float)
    return {"mean": round(float(numbers.mean()), 4), "folds": [round(float(one), 4) for one in numbers]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--unknown", choices=[FOREIGN, *OTHERS], action="append")
    parser.add_argument("--paint", choices=["masked", "painted"], action="append")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    everything = read_labelled(given.crops)
    data, check = without_conflicts(everything), check_data(everything)
    result: dict[str, object] = {"crops": len(data)}
    for paint in given.paint or ["masked", "painted"]:
        x = features_of_crops(data, given.cache, masked=paint == "masked")
        for unknown in given.unknown or [*OTHERS, FOREIGN]:
            result[f"{unknown}, {paint}"] = measured(x, data, check, unknown, given.seeds)
    if given.json:
        conditions = {"seeds": given.seeds, "folds": FOLDS, "machine": machine(), "versions": versions(["nflows-agri"])}
        given.json.write_text(json.dumps(result | conditions, indent=2) + "\n")


if __name__ == "__main__":
    main()
