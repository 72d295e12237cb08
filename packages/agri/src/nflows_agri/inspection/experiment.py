r"""Trains a classifier of crops, from its beginning or from where it was stopped, into a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from nflows_agri.crops.made import made_for
from nflows_agri.crops.parts import Parts, parts_of
from nflows_agri.inspection.runs import KIND, Run, read_run, save_run
from nflows_agri.inspection.settings import Augment, ClassifierSettings
from nflows_agri.inspection.solving import Solving
from nflows_agri.unknown import SIDE, UNKNOWN_FILE, Unknown
from nflows_agri.unknown import fit as fit_unknown
from nflows_core.classifiers import Classifier
from nflows_core.data import DataError, Images
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.data.images import join
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.runs.data import refuse_inside
from nflows_core.training import (
    Augmentation,
    Classification,
    EngineConfig,
    Labelled,
    Recoloured,
    Together,
    Trainer,
    Turned,
    balancing_weights,
)
from nflows_core.training.loop import Progress
from nflows_core.training.processes import processes

ENGINE = {
    "epochs": 30,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "warmup_steps": 50,
    "clip_norm": 5.0,
    "ema_decay": 0.99,
    "checkpoint_steps": 200,
}
"""The settings of the engine that differ from its own defaults."""

_BODY_RATE = 0.1
"""The part of the learning rate for what was learned on ImageNet."""
_AUGMENTATIONS: Mapping[Augment, Augmentation | None] = {
    "none": None,
    "turned": Turned(),
    "turned+light": Together((Turned(), Recoloured())),
}


def train(
    data: LabelledFiles,
    source: str | Path,
    folder: str | Path,
    settings: ClassifierSettings,
    config: EngineConfig,
    *,
    group: str | None = None,
    fold: str | None = None,
    made: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Classifier:
    """Trains a new classifier into a run folder; of several processes, the main one writes it.

    Arguments:
        data: The crops, as `read_labelled` reads them.
        source: The folder or table that they were read from.
        folder: The folder of the run; made if it is missing.
        settings: The classifier's settings.
        config: The settings of the engine.
        group: The regular expression that they were read by.
        fold: The fold that is the test, if they are split into folds.
        made: A folder of crops that a generator made from what is learned from here, and that are learned from besides.
        overwrite: Whether a run that is in the folder is removed, once the new one is known to be able to start.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The crops cannot be used, or the folder lies in them.
        ValueError: The settings do not fit them, or they do not fill one update.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    folder = Path(folder)
    refuse_inside(folder, data.root)
    KIND.refuse_taken(folder, overwrite)
    run = Run(settings, _absolute(source), group, fold, None if made is None else _absolute(made), config, {})
    parts = parts_of(data, fold)
    images = _images(run, parts)
    run = replace(run, fingerprint={name: Fingerprint.of(part) for name, part in images.items()})
    learner = _learner(run, parts, images, folder, progress)
    unknown = _learned(run, parts.train) if settings.unknown else None
    with learner.holding_folder():
        KIND.begin(folder, overwrite, lambda: save_run(folder, run))
        _save_unknown(folder, unknown)
        network = learner.fit()
        save_run(folder, run, network)
    return network


def resume(folder: str | Path, data: str | Path | None = None, progress: Progress | None = None) -> Classifier:
    """Goes on with the run of a folder where its last checkpoint stands, with the settings that it had.

    Arguments:
        folder: The folder of the run.
        data: The place of the run's crops now, if they have moved.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The crops are not those of the run.
        RunError: The folder is no run.
    """
    folder = Path(folder)
    run = read_run(folder)
    run = run if data is None else replace(run, data=_absolute(data))
    learner = _learner(run, parts_of_run(run), images_of_run(folder, run), folder, progress)
    with learner.holding_folder():
        if run.settings.unknown and not (folder / UNKNOWN_FILE).exists():  # it was stopped before
            _save_unknown(folder, _learned(run, parts_of_run(run).train))
        network = learner.fit(resume=True)
        save_run(folder, run, network)
    return network


def _learner(
    run: Run, parts: Parts, images: Mapping[str, Images], folder: Path, progress: Progress | None
) -> Solving | Trainer[Classifier, Labelled]:
    if run.settings.is_solved:
        return Solving(run.settings, images, parts, folder)
    trainer = Trainer(task_of(run.settings, run.training, images), folder, progress)
    trainer.check_filled()  # what finds unknown crops takes longer
    return trainer


def _learned(run: Run, learned: LabelledFiles) -> Unknown:
    """What finds crops that are like none of those that are learned from."""
    pixels, labels = images_of(learned, SIDE).pixels, torch.from_numpy(learned.labels)
    return fit_unknown(pixels, labels, learned.groups.tolist(), seed=run.training.seed)


def _save_unknown(folder: Path, unknown: Unknown | None) -> None:
    if unknown is not None and processes().is_main_process:
        unknown.save(folder)


def parts_of_run(run: Run) -> Parts:
    """The parts of a run's crops, as they are now.

    Raises:
        DataError: They cannot be used.
    """
    return parts_of(read_labelled(run.data, run.group), run.fold)


def images_of_run(folder: Path, run: Run) -> dict[str, Images]:
    """The crops of a run by its parts.

    Raises:
        DataError: They are not those that the run had.
    """
    images = _images(run, parts_of_run(run))
    for name, known in run.fingerprint.items():
        now = Fingerprint.of(images[name]) if name in images else None
        if now is None or (difference := known.difference(now)):
            difference = "gone" if now is None else difference
            raise DataError(
                f"{folder} was trained on other data: its {name} crops are {difference}. Put back those that the run "
                "had, or train a new run."
            )
    return images


def _images(run: Run, parts: Parts) -> dict[str, Images]:
    """The crops of the parts, and beside those that are learned from the made ones."""
    images = read_parts(parts, run.settings.size)
    if run.made is not None:
        made = made_for(run.made, run.data, run.fold, run.settings.classes)
        images["train"] = join([images["train"], images_of(made, run.settings.size)])
    return images


def read_parts(parts: Parts, side: int) -> dict[str, Images]:
    """The crops of the parts that are there, in squares."""
    return {name: images_of(files, side) for name, files in parts.named().items()}


def task_of(
    settings: ClassifierSettings, config: EngineConfig, images: Mapping[str, Images]
) -> Classification[Classifier]:
    """What trains a new classifier.

    Arguments:
        settings: The classifier's settings.
        config: The settings of the engine; its seed decides the first weights too.
        images: The crops of "train" and, if there are any, "val".
    """
    torch.manual_seed(config.seed)
    train = labelled(images["train"])
    weights = balancing_weights(train.labels, len(settings.classes)) if settings.balance == "weights" else None
    return Classification(
        settings.build(settings.pretrained),
        train,
        config,
        labelled(images["val"]) if "val" in images else None,
        augmentation=_AUGMENTATIONS[settings.augment],
        balanced=settings.balance == "oversample",
        class_weights=weights,
        label_smoothing=settings.label_smoothing,
        body_rate=_BODY_RATE if settings.pretrained else 1.0,
    )


def labelled(images: Images) -> Labelled:
    """The crops as the task takes them."""
    assert images.labels is not None  # `images_of` gives them
    return Labelled(images.pixels, images.labels)


def _absolute(path: str | Path) -> str:
    return str(Path(path).absolute())
