r"""Trains a classifier of pictures, from its beginning or from where it was stopped, into a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from nflows_core.classification.runs import ClassifierRun, R, save_run
from nflows_core.classification.settings import Augment, ClassifierSettings
from nflows_core.classification.solving import Solving
from nflows_core.classifiers import Classifier
from nflows_core.data import DataError, Images
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.data.labelled import LabelledFiles
from nflows_core.data.parts import Parts
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

Besides = Callable[[R, Parts], Callable[[], None]]
"""Learns something else from the parts of a run, and gives what writes it into the folder, by the main process."""

_BODY_RATE = 0.1
"""The part of the learning rate for what was learned on ImageNet."""
_AUGMENTATIONS: Mapping[Augment, Augmentation | None] = {
    "none": None,
    "turned": Turned(),
    "turned+light": Together((Turned(), Recoloured())),
}


def train(
    run: R,
    files: LabelledFiles,
    folder: str | Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    besides: Besides[R] | None = None,
) -> Classifier:
    """Trains a new classifier into a run folder; of several processes, the main one writes it.

    Arguments:
        run: The classifier's settings, those of the engine, and where its pictures lie.
        files: The pictures, as `read_labelled` read them there.
        folder: The folder of the run; made if it is missing.
        overwrite: Whether a run that is in the folder is removed, once the new one is known to be able to start.
        progress: The function that the `Trainer` calls after every update.
        besides: What is learned besides, before there is a run in the folder.

    Raises:
        DataError: The pictures cannot be used, or the folder lies in them.
        ValueError: The settings do not fit them, or they do not fill one update.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    folder, run = Path(folder), replace(run, data=_absolute(run.data))
    refuse_inside(folder, files.root)
    run.kind.refuse_taken(folder, overwrite)
    parts = run.parts(files)
    images = run.images(parts)
    run = replace(run, fingerprint={name: Fingerprint.of(part) for name, part in images.items()})
    learner = _learner(run, parts, images, folder, progress)
    write = besides(run, parts) if besides else None
    with learner.holding_folder():
        run.kind.begin(folder, overwrite, lambda: save_run(folder, run))
        _by_main_process(write)
        network = learner.fit()
        save_run(folder, run, network)
    return network


def resume(
    run: R,
    folder: str | Path,
    data: str | Path | None = None,
    progress: Progress | None = None,
    besides: Besides[R] | None = None,
) -> Classifier:
    """Goes on with the run of a folder where its last checkpoint stands, with the settings that it had.

    Arguments:
        run: The run, as `read_run` read it.
        folder: The folder of the run.
        data: The place of the run's pictures now, if they have moved.
        progress: The function that the `Trainer` calls after every update.
        besides: What is learned besides, where the training was stopped before it was written.

    Raises:
        DataError: The pictures are not those of the run.
    """
    folder = Path(folder)
    run = run if data is None else replace(run, data=_absolute(data))
    parts = run.parts(run.files())
    learner = _learner(run, parts, known_images(run, parts, folder), folder, progress)
    with learner.holding_folder():
        _by_main_process(besides(run, parts) if besides else None)
        network = learner.fit(resume=True)
        save_run(folder, run, network)
    return network


def known_images(run: ClassifierRun, parts: Parts, folder: Path) -> dict[str, Images]:
    """The pictures of a run by its parts.

    Raises:
        DataError: They are not those that the run had.
    """
    images = run.images(parts)
    for name, known in run.fingerprint.items():
        now = Fingerprint.of(images[name]) if name in images else None
        if now is None or (difference := known.difference(now)):
            difference = "gone" if now is None else difference
            raise DataError(
                f"{folder} was trained on other data: its {name} {run.settings.things} are {difference}. Put back "
                "those that the run had, or train a new run."
            )
    return images


def task_of(
    settings: ClassifierSettings, config: EngineConfig, images: Mapping[str, Images]
) -> Classification[Classifier]:
    """What trains a new classifier.

    Arguments:
        settings: The classifier's settings.
        config: The settings of the engine; its seed decides the first weights too.
        images: The pictures of "train" and, if there are any, "val".
    """
    torch.manual_seed(config.seed)
    train = _labelled(images["train"])
    weights = balancing_weights(train.labels, len(settings.classes)) if settings.balance == "weights" else None
    return Classification(
        settings.build(settings.pretrained),
        train,
        config,
        _labelled(images["val"]) if "val" in images else None,
        augmentation=_AUGMENTATIONS[settings.augment],
        balanced=settings.balance == "oversample",
        class_weights=weights,
        label_smoothing=settings.label_smoothing,
        body_rate=_BODY_RATE if settings.pretrained else 1.0,
    )


def _learner(
    run: ClassifierRun, parts: Parts, images: Mapping[str, Images], folder: Path, progress: Progress | None
) -> Solving | Trainer[Classifier, Labelled]:
    if run.settings.is_solved:
        return Solving(run.settings, images, {name: part.groups for name, part in parts.named().items()}, folder)
    trainer = Trainer(task_of(run.settings, run.training, images), folder, progress)
    trainer.check_filled()  # what is learned besides may take longer
    return trainer


def _by_main_process(write: Callable[[], None] | None) -> None:
    if write is not None and processes().is_main_process:
        write()


def _labelled(images: Images) -> Labelled:
    assert images.labels is not None  # `images_of` gives them
    return Labelled(images.pixels, images.labels)


def _absolute(path: str | Path) -> str:
    return str(Path(path).absolute())
