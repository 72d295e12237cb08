"""ImageNet features of wheat crops, frozen and fine-tuned, on photographs that were not seen.

The crops are those of a folder with one folder a class. The first five stages of EfficientNet-Lite0 stay as they are,
so that what they give is computed once, of each crop as it is and of some copies in other turns and another light; the
last two stages and the head are trained. Nothing is chosen on the test: the recipe was fixed before, and the epoch is
that with the best macro-F1 on photographs of the training folds that were held out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nflows_agri.crops.checking import check_data
from nflows_agri.crops.splitting import make_split
from nflows_core.classification.testing import confusion, macro_f1
from nflows_core.classifiers import EfficientNetLite0
from nflows_core.data import folds
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.data.parts import held_out
from nflows_core.runtime.devices import find_device
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.tensors import read_tensors, write_tensors
from nflows_core.training import Classification, EngineConfig, Labelled, Recoloured, Together, Trainer, Turned

SIDE = 96
COPIES = 4
FROZEN = 5
"""Stages that stay as they are."""
SEEDS, FOLDS = 3, 3
PAINT = 40
"""Green paint marks foreign particles: a pixel whose green exceeds its red and its blue by more than this is black."""
LEAST_LEFT = 0.1
"""The part of a crop that must be left without its paint; of some particles, nothing is."""
ENGINE = {"epochs": 8, "batch_size": 64, "learning_rate": 2e-3, "warmup_steps": 30, "clip_norm": 5.0, "ema_decay": 0.99}
_CHANGED = Together((Turned(), Recoloured()))
_BATCH = 64


class Tail(nn.Module):
    """The stages after the frozen ones, and a head of its own."""

    def __init__(self, network: EfficientNetLite0, classes: int) -> None:
        super().__init__()
        self.stages, self.last = network.stages[FROZEN:], network.head
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(network.width, classes))

    def features(self, maps: Tensor) -> Tensor:
        """What the head takes, of maps of the last frozen stage."""
        for stage in self.stages:
            maps = stage(maps)
        features: Tensor = self.last(maps)
        return features.mean((2, 3))

    def forward(self, maps: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(self.features(maps))
        return logits


class OneOfCopies:
    """Takes one of the copies of an item at random."""

    numbers = 1

    def __call__(self, x: Tensor, u: Tensor) -> Tensor:
        """Maps (B, C, h, w) out of those of all copies (B, V, C, h, w)."""
        chosen = (u[:, 0] * x.shape[1]).long()
        return x[torch.arange(len(x), device=x.device), chosen].float()


def run(data: Path, folder: Path, device: str = "auto") -> dict[str, Any]:
    """Trains and tests on three grouped folds by three seeds; what is done already is not done again.

    Arguments:
        data: The folder of the crops.
        folder: The folder of the features and the results; made if it is missing.
        device: The device, as torch names it.

    Returns:
        The results, as ``finetuning.json`` has them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files, maps = _features(data, folder, find_device(device))
    path = folder / "finetuning.json"
    rows: list[dict[str, Any]] = read_json(path)["rows"] if path.exists() else []
    known = {(row["whole"], row["seed"], row["fold"]) for row in rows}
    for whole, seed, fold, train, test, _ in splits(files, data):
        if (whole, seed, fold) not in known:
            place = {"whole": whole, "seed": seed, "fold": fold}
            rows.append(place | _tested(files, maps, train, test, seed))
            with atomic_write(path, "w") as file:
                file.write(to_json({"rows": rows, **summary(rows)}, indent=2))
            print(rows[-1], flush=True)
    return {"rows": rows, **summary(rows)}


Fold = tuple[str, int, int, NDArray[np.intp], NDArray[np.intp], NDArray[np.str_]]
"""What is kept whole, seed, fold, the crops to train and to test on, and of which whole each of all crops is."""


def splits(files: LabelledFiles, data: Path) -> Iterator[Fold]:
    """The folds of each seed, of trays and of photographs.

    Trays are photographs that show the same seeds, as `make_split` finds them; photographs are as files name them, for
    the comparison with what others measured, and their folds hardly change with a seed.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    check = check_data(read_labelled(data))
    for seed in range(SEEDS):
        split = make_split(check, folds(FOLDS), "drop", seed=seed).files
        split_files = {file.name: file for file in split.files}
        own = [split_files[file.name] for file in files.files]
        parts, trays = np.array([int(file.part) - 1 for file in own]), np.array([file.group for file in own])
        for fold in range(FOLDS):
            yield "trays", seed, fold, np.flatnonzero(parts != fold), np.flatnonzero(parts == fold), trays
        kfold = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        for fold, (train, test) in enumerate(kfold.split(files.groups, files.labels, files.groups)):
            yield "photographs", seed, fold, train, test, files.groups


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over the folds of each seed that is done, and over these seeds."""
    means: dict[str, Any] = {}
    for whole in dict.fromkeys(row["whole"] for row in rows):
        for name in ("frozen", "finetuned"):
            own = [row for row in rows if row["whole"] == whole]
            of_seeds = [[row[name] for row in own if row["seed"] == seed] for seed in range(SEEDS)]
            done = [float(np.mean(values)) for values in of_seeds if len(values) == FOLDS]
            means[f"{whole}_{name}_seeds"] = done
            means[f"{whole}_{name}_mean"] = float(np.mean(done)) if done else None
    return means


def distinct(files: LabelledFiles) -> LabelledFiles:
    """The files without those whose content has two classes, and each content once."""
    seen: dict[str, list[int]] = {}
    for index, file in enumerate(files.files):
        seen.setdefault(hashlib.sha256(files.path(file).read_bytes()).hexdigest(), []).append(index)
    kept = [same[0] for same in seen.values() if len({files.files[index].label for index in same}) == 1]
    return files.select(sorted(kept))


def without_paint(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Crops (N, 3, H, W) in bytes without green paint, and the part of each that is left (N,)."""
    red, green, blue = pixels.short().unbind(1)
    paint = green - torch.maximum(red, blue) > PAINT
    shown = pixels.amax(1) > 30
    left = (shown & ~paint).sum((1, 2)) / shown.sum((1, 2)).clamp(min=1)
    return pixels.masked_fill(paint[:, None], 0), left


def _features(data: Path, folder: Path, device: torch.device) -> tuple[LabelledFiles, Tensor]:
    """The crops that count, and what the frozen stages give of each copy, the unchanged one first."""
    files = distinct(read_labelled(data))
    path = folder / "features.safetensors"
    if path.exists():
        tensors, _ = read_tensors(path, "features")
        return files.select(tensors["kept"].numpy()), tensors["maps"]
    pixels, left = without_paint(images_of(files, SIDE).pixels)
    kept = (left >= LEAST_LEFT).nonzero()[:, 0]
    print(f"{len(files)} crops, {len(kept)} without those that are all paint", flush=True)
    maps = _maps(pixels[kept], device)
    write_tensors(path, {"kept": kept, "maps": maps}, "features")
    return files.select(kept.numpy()), maps


@torch.no_grad()
def _maps(pixels: Tensor, device: torch.device) -> Tensor:
    network = EfficientNetLite0.pretrained().to(device).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    parts = []
    for number, batch in enumerate(torch.split(pixels, _BATCH)):
        x = batch.float() / 255
        copies = [x] + [_CHANGED(x, torch.rand(len(x), _CHANGED.numbers, generator=generator)) for _ in range(COPIES)]
        given = (2 * torch.cat(copies) - 1).to(device).contiguous(memory_format=torch.channels_last)
        maps = network.stem(given)
        for stage in network.stages[:FROZEN]:
            maps = stage(maps)
        parts.append(maps.contiguous().half().cpu().reshape(len(copies), len(x), *maps.shape[1:]).transpose(0, 1))
        if number % 10 == 0:
            print(f"features {number * _BATCH}", flush=True)
    return torch.cat(parts).contiguous()


def _tested(
    files: LabelledFiles, maps: Tensor, train: NDArray[np.intp], test: NDArray[np.intp], seed: int
) -> dict[str, Any]:
    labels = torch.from_numpy(files.labels)
    chosen = held_out(files.labels[train], files.groups[train])
    fitted, decides = train[~chosen], train[chosen]
    torch.manual_seed(seed)
    tail = Tail(EfficientNetLite0.pretrained(), len(files.classes))
    frozen = _frozen(tail, maps, labels, train, test)
    task = Classification(
        tail.to(memory_format=torch.channels_last),
        Labelled(maps[fitted], labels[fitted]),
        EngineConfig(**ENGINE, seed=seed),  # type: ignore[arg-type]
        Labelled(maps[decides, 0].float(), labels[decides]),
        augmentation=OneOfCopies(),
        label_smoothing=0.1,
        body_rate=0.1,
    )
    network = Trainer(task).fit()
    found = _probabilities(network, maps[test]).argmax(1)
    counts = confusion(files.labels[test], found, len(files.classes))
    return {"frozen": frozen, "finetuned": macro_f1(counts), "confusion": counts.tolist()}


@torch.no_grad()
def _probabilities(network: Tail, maps: Tensor) -> NDArray[np.float64]:
    """The mean probabilities of all copies of each crop."""
    device = next(network.parameters()).device
    parts = [network(batch.flatten(0, 1).float().to(device)).softmax(1).cpu() for batch in torch.split(maps, _BATCH)]
    return np.asarray(torch.cat(parts).reshape(*maps.shape[:2], -1).mean(1), np.float64)


@torch.no_grad()
def _frozen(tail: Tail, maps: Tensor, labels: Tensor, train: NDArray[np.intp], test: NDArray[np.intp]) -> float:
    """The macro-F1 of a logistic regression on the features of the unchanged crops."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    tail.eval()
    features = torch.cat([tail.features(batch.float()) for batch in torch.split(maps[:, 0], _BATCH)]).numpy()
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    found = regression.fit(features[train], labels.numpy()[train]).predict(features[test])
    return macro_f1(confusion(labels.numpy()[test], found, int(labels.max()) + 1))
