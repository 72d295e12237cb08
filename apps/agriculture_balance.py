"""Whether made crops help a classifier of few and unbalanced ones, beside what costs nothing.

The crops are those of a folder with one folder a class; pictures in two classes are left out, and so is grain_covered,
which comes from hardly more than one tray: it can be taught or tested, not both. Two experiments:

- ``photographs``: three folds that divide no photograph. For each fold and seed, classifiers learn from the same side
  by each arm; generators see that side alone.
- ``pair``: two classes, one of which is thinned on the training side alone, in folds of single crops. There
  photographs do not differ between the sides, so that what an arm does about the imbalance is seen apart from the
  shift. The folds of single crops are also the row ``leak`` of the first experiment, whose numbers are not to be had.

Rows are written as they come, and a run that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from agriculture_arms import ARMS, CURVE, SCALES, Arm, Scale

from nflows_agri.balancing.filling import Balancing, RefusedCropsError, fill
from nflows_agri.crops.checking import check_data
from nflows_agri.crops.made import made_for
from nflows_agri.crops.parts import parts_of
from nflows_agri.crops.splitting import make_split
from nflows_agri.generation import training
from nflows_agri.generation.data import training_crops
from nflows_agri.inspection.purity import pure_counts
from nflows_agri.inspection.settings import CropClassifierSettings
from nflows_core.classification.experiment import ENGINE, task_of
from nflows_core.classification.runs import read_parts
from nflows_core.classification.testing import confusion, macro_f1
from nflows_core.classifiers import probabilities_of
from nflows_core.data import LabelledFiles, folds, read_labelled, write_labelled
from nflows_core.data.images import join
from nflows_core.data.labelled_images import images_of
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.intervals import student
from nflows_core.training import AdversarialSettings, EngineConfig, Trainer, TrainingConfig

FOLDS, SEEDS = 3, 3
PURE = ("grain",)
LEFT_OUT = ("grain_covered",)
RARE, OFTEN, LEFT = "damaged_grain", "grain", 40
"""The pair of the second experiment: so many of the rare class are left to learn from."""


_GENERATOR = {"batch_size": 20, "ema_decay": 0.995}


def run(
    data: Path,
    folder: Path,
    scale: Scale | None = None,
    arms: Mapping[str, Arm] = ARMS,
    curve: Mapping[str, Arm] = CURVE,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """Both experiments; what is done already is not done again.

    Arguments:
        data: The folder of the crops.
        folder: The folder of the splits, the generators and the results; made if it is missing.
        scale: How large everything is; by default what a GPU can do, or two cores.
        arms: The arms of both experiments.
        curve: The further ones of the first.
        seeds: How many seeds.

    Returns:
        The results, as ``balance.json`` has them: of each arm the macro-F1 of each seed over all folds, their mean and
        its interval of Student.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scale = scale or SCALES["gpu" if torch.cuda.is_available() else "cpu"]
    path = folder / "balance.json"
    rows: list[dict[str, Any]] = read_json(path)["rows"] if path.exists() else []
    known = {(row["experiment"], row["arm"], row["fold"], row["seed"]) for row in rows}
    for experiment, table, fold, name, arm, seed in _jobs(data, folder, arms, curve, seeds):
        if (experiment, name, fold, seed) in known:
            continue
        row = {"experiment": experiment, "arm": name, "fold": fold, "seed": seed}
        rows.append(row | _tested(table, folder / experiment, fold, arm, seed, scale))
        print(rows[-1], flush=True)
        with atomic_write(path, "w") as file:
            file.write(to_json({"rows": rows, "arms": summary(rows)}, indent=2))
    return {"rows": rows, "arms": summary(rows)}


def _jobs(
    data: Path, folder: Path, arms: Mapping[str, Arm], curve: Mapping[str, Arm], seeds: int
) -> Iterator[tuple[str, Path, str, str, Arm, int]]:
    """Experiment, split, fold, arm and seed: one seed after the other, so that what is done first is whole."""
    photographs, single = _splits(data, folder)
    pairs = {fold: _pair(single, folder, fold) for fold in folds(FOLDS)}
    for seed in range(seeds):
        for fold in folds(FOLDS):
            for name, arm in {**arms, **curve}.items():
                yield "photographs", photographs, fold, name, arm, seed
            yield "photographs", single, fold, "leak", Arm(), seed
            for name, arm in arms.items():
                yield "pair", pairs[fold], fold, name, arm, seed


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each arm of each experiment: the macro-F1 of each seed that is whole, and what they say together.

    It is that of all folds together, in which each crop is tested once: of a class that comes from hardly more than one
    tray, some folds have two or three crops.
    """
    found: list[dict[str, Any]] = []
    for experiment, arm in dict.fromkeys((row["experiment"], row["arm"]) for row in rows):
        own = [row for row in rows if (row["experiment"], row["arm"]) == (experiment, arm) and "confusion" in row]
        if not own:
            found.append({"experiment": experiment, "arm": arm, "macro_f1": None})
            continue
        scores = [macro_f1(np.sum(each, axis=0)) for each in _of_seeds(own)]
        counts = np.sum([row["confusion"] for row in own], axis=0)
        found.append(
            {
                "experiment": experiment,
                "arm": arm,
                "macro_f1_seeds": scores,
                "macro_f1": student(scores) if len(scores) > 1 else None,
                "recall": (counts.diagonal() / counts.sum(1).clip(1)).tolist(),
                "physical_purity": _purity(own),
            }
        )
    return found


def _purity(own: list[dict[str, Any]]) -> tuple[float, float, float] | None:
    """The share of crops that are found on their side, pure or impure, and its interval over whole seeds."""
    shares = []
    for confusions in _of_seeds(own):
        two = pure_counts(np.sum(confusions, axis=0), own[0]["classes"], PURE)
        shares.append(float(two.diagonal().sum() / two.sum()))
    return student(shares) if len(shares) > 1 else None


def _of_seeds(own: list[dict[str, Any]]) -> list[list[Any]]:
    """The confusions of all folds of each seed that has them all."""
    of_seeds = ([row["confusion"] for row in own if row["seed"] == seed] for seed in range(SEEDS))
    return [each for each in of_seeds if len(each) == FOLDS]


def _tested(table: Path, folder: Path, fold: str, arm: Arm, seed: int, scale: Scale) -> dict[str, Any]:
    files = read_labelled(table)
    chosen = None if set(files.parts) == {"train", "test"} else fold
    images = read_parts(parts_of(files, chosen), scale.size)
    if arm.generator is not None:
        try:
            folder = _made(table, folder, chosen, fold, arm, seed, scale)
        except RefusedCropsError as error:  # a result too
            return {"refused": str(error)}
        made = made_for(folder, table, chosen, files.classes)
        images["train"] = join([images["train"], images_of(made, scale.size)])
    settings = CropClassifierSettings(files.classes, size=scale.size, pure=PURE, **dict(arm.classifier))  # type: ignore[arg-type]
    epochs = max(1, round(scale.updates * scale.batch_size / len(images["train"])))
    config = EngineConfig(**{**ENGINE, "epochs": epochs, "batch_size": scale.batch_size, "seed": seed})  # type: ignore[arg-type]
    network = Trainer(task_of(settings, config, images)).fit()
    test = images["test"]
    assert test.labels is not None
    counts = confusion(
        test.labels.numpy(), probabilities_of(network, test.pixels).argmax(1).numpy(), len(files.classes)
    )
    return {"macro_f1": macro_f1(counts), "confusion": counts.tolist(), "classes": list(files.classes)}


def _made(table: Path, folder: Path, chosen: str | None, fold: str, arm: Arm, seed: int, scale: Scale) -> Path:
    """The folder of the crops of an arm, made by generators that are trained if they are not there."""
    runs = {kind: folder / f"{kind}-{fold}-{seed}" for kind in ("gan", "flow")}
    for kind in {arm.generator, "flow"} if arm.likely else {arm.generator}:
        if kind is not None and not (runs[kind] / "model.safetensors").exists():
            _train(kind, table, runs[kind], chosen, seed, scale)
    made = folder / f"made-{fold}-{seed}" / f"{arm.generator}-{arm.ratio}-{'likely' if arm.likely else 'all'}"
    assert arm.generator is not None
    fill(runs[arm.generator], made, Balancing(arm.ratio, str(runs["flow"]) if arm.likely else None))
    return made


def _train(kind: str, table: Path, folder: Path, fold: str | None, seed: int, scale: Scale) -> None:
    crops = len(training_crops(table, scale.size, fold).images)
    steps = scale.gan_steps if kind == "gan" else scale.flow_steps
    epochs = max(1, round(steps * _GENERATOR["batch_size"] / crops))
    places: dict[str, Any] = {"size": scale.size, "fold": fold, "overwrite": folder.exists()}
    if kind == "gan":
        steady = {"schedule": "constant", "clip_norm": 10.0}
        config = EngineConfig(**{**_GENERATOR, **steady}, epochs=epochs, learning_rate=1e-3, seed=seed)  # type: ignore[arg-type]
        training.train_gan(table, folder, {"width": scale.gan_width}, config, AdversarialSettings(), **places)
    else:
        flow_config = TrainingConfig(**_GENERATOR, epochs=epochs, learning_rate=1e-3, warmup_steps=50, seed=seed)  # type: ignore[arg-type]
        model, arguments = scale.flow
        training.train_flow(table, folder, model, arguments, flow_config, **places)


def _splits(data: Path, folder: Path) -> tuple[Path, Path]:
    """The tables of folds that divide no photograph, and of folds of single crops."""
    paths = folder / "photographs.csv", folder / "single.csv"
    if not all(path.exists() for path in paths):
        files = read_labelled(data)
        kept = tuple(file for file in files.files if file.label not in LEFT_OUT)
        check = check_data(LabelledFiles(files.root, kept))
        write_labelled(paths[0], make_split(check, folds(FOLDS), "drop").files)
        single = make_split(check, folds(FOLDS), "drop", by="file")
        of_their_own = tuple(file._replace(group=file.name) for file in single.files.files)
        write_labelled(paths[1], replace(single.files, files=of_their_own))
    return paths


def _pair(table: Path, folder: Path, fold: str) -> Path:
    """The table of two classes, in which few of the rare one are left to learn from; a fold is the test."""
    path = folder / f"pair-{fold}.csv"
    if not path.exists():
        files = read_labelled(table)
        own = [file for file in files.files if file.label in (RARE, OFTEN)]
        rare = [file.name for file in own if file.label == RARE and file.part != fold]
        gone = set(np.random.default_rng(int(fold)).permutation(rare)[LEFT:].tolist())
        parts = (file._replace(part="test" if file.part == fold else "train") for file in own if file.name not in gone)
        write_labelled(path, LabelledFiles(files.root, tuple(parts)))
    return path
