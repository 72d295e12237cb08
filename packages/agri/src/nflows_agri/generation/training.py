r"""Trains a generator on the training side of a split, from its beginning or from where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nflows_agri.crops.made import split_digest
from nflows_agri.generation.data import Crops, training_crops
from nflows_agri.generation.runs import GAN, GAN_ARGUMENTS, KIND, LIKELIHOODS_FILE, Run, read_run, save_run, settled
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.data.images import DataError, Images
from nflows_core.evaluation import log_probs
from nflows_core.flow import Flow
from nflows_core.models import defaults
from nflows_core.models.building import check_chosen
from nflows_core.runs.data import refuse_inside
from nflows_core.runtime.report import write_csv
from nflows_core.training import (
    AdversarialSettings,
    AdversarialTask,
    EngineConfig,
    FlowLikelihood,
    Task,
    Trainer,
    TrainingConfig,
)
from nflows_core.training.loop import Progress
from nflows_core.training.processes import processes

DRAWS = 2
"""Draws of dequantization noise by which a crop's likelihood is measured."""


def train_gan(
    data: str | Path,
    folder: str | Path,
    arguments: Mapping[str, Any],
    config: EngineConfig,
    adversarial: AdversarialSettings,
    *,
    size: int = 64,
    fold: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> nn.Module:
    """Trains a new GAN into a run folder; of several processes, the main one writes it.

    Arguments:
        data: The crops; see `training_crops`.
        folder: The folder of the run; made if it is missing.
        arguments: Those of `GAN_ARGUMENTS` that are chosen.
        config: The settings of the engine.
        adversarial: What keeps the adversaries in bounds.
        size: The side of the crops, one of `biggan.SIDES`.
        fold: Of a table of folds, the one that is held out.
        overwrite: Whether a run that is in the folder is removed, once the new one is known to be able to start.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The crops cannot be used, or the folder lies in them.
        ValueError: A setting is none that is possible.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    crops = _crops(data, folder, size, fold, overwrite)
    fingerprint = {"train": Fingerprint.of(crops.images)}
    run = Run(
        GAN,
        {**GAN_ARGUMENTS, **arguments},
        str(Path(data).absolute()),
        split_digest(data),
        fold,
        size,
        crops.images.classes,
        config,
        adversarial,
        fingerprint,
    )
    return _begin(Path(folder), run, crops, overwrite, progress)


def train_flow(
    data: str | Path,
    folder: str | Path,
    model: str,
    arguments: Mapping[str, Any],
    config: TrainingConfig,
    *,
    size: int = 64,
    fold: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> nn.Module:
    """Trains a new flow, conditioned on the class, into a run folder; arguments and errors as of `train_gan`.

    A tenth of the training side is held out, by which the curve shows where the flow begins to know its crops by heart.

    Arguments:
        model: The flow's name in nflows-core's `MODELS`.
        arguments: The arguments of the flow.
    """
    check_chosen(arguments)
    crops = _crops(data, folder, size, fold, overwrite)
    learned, held = _parts(crops)
    if len(held) < 2:
        raise DataError(f"{data}: of {len(crops.images)} crops {len(held)} are held out, and a flow needs 2; give more")
    chosen = {**defaults(model), **arguments}
    fitting = {"shape": (3, size, size), "quantization": 256, "context_features": len(crops.images.classes)}
    run = Run(
        model,
        {**chosen, **fitting},
        str(Path(data).absolute()),
        split_digest(data),
        fold,
        size,
        crops.images.classes,
        replace(config, conditional=True),
        None,
        {"train": Fingerprint.of(learned), "test": Fingerprint.of(held)},
    )
    return _begin(Path(folder), run, crops, overwrite, progress)


def resume(folder: str | Path, data: str | Path | None = None, *, progress: Progress | None = None) -> nn.Module:
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
    run = run if data is None else replace(run, data=str(Path(data).absolute()))
    crops = crops_of(run)
    if difference := run.fingerprint["train"].difference(Fingerprint.of(_parts_of(run, crops)[0])):
        raise DataError(
            f"{run.data} is not what {folder} was trained on: its training crops are {difference}. Give the crops that "
            "the run had, or train a new run on these."
        )
    trainer = Trainer(task_of(run, crops), folder, progress)
    with trainer.holding_folder():
        return _finished(folder, run, crops, trainer.fit(resume=True))


def crops_of(run: Run) -> Crops:
    """The crops of a run, as they are now.

    Raises:
        DataError: They cannot be used.
    """
    return training_crops(run.data, run.size, run.fold)


def task_of(run: Run, crops: Crops) -> Task[Any, Any]:
    """What is trained, from its beginning."""
    torch.manual_seed(run.training.seed)
    learned, held = _parts_of(run, crops)
    model: Any = run.build()
    if run.adversarial is not None:
        return AdversarialTask(model, learned, run.training, run.adversarial)
    assert isinstance(run.training, TrainingConfig)
    return FlowLikelihood(model, learned, run.training, held)


def log_likelihoods(flow: Flow, images: Images) -> Tensor:
    """The log-density in nats of each crop, given its class, :math:`(N,)`."""
    return log_probs(flow, images, draws=DRAWS, context=images.context)


def _crops(data: str | Path, folder: str | Path, size: int, fold: str | None, overwrite: bool) -> Crops:
    refuse_inside(folder, data)
    KIND.refuse_taken(Path(folder), overwrite)
    return training_crops(data, size, fold)


def _begin(folder: Path, run: Run, crops: Crops, overwrite: bool, progress: Progress | None) -> nn.Module:
    trainer = Trainer(task_of(run, crops), folder, progress)
    with trainer.holding_folder():
        KIND.begin(folder, overwrite, lambda: save_run(folder, run))
        return _finished(folder, run, crops, trainer.fit())


def _finished(folder: Path, run: Run, crops: Crops, model: Any) -> nn.Module:
    """Saves a trained model, with what can be known of it only now."""
    if run.is_gan:
        model = settled(run, model)
    elif processes().is_main_process:
        _write_likelihoods(folder, model, crops)
    save_run(folder, run, model)
    trained: nn.Module = model
    return trained


def _write_likelihoods(folder: Path, flow: Flow, crops: Crops) -> None:
    images = crops.images
    scores = log_likelihoods(flow, images).tolist()
    labels = [images.classes[number] for number in _labels(images).tolist()]
    rows = zip(images.names, labels, scores, crops.is_held_out.tolist(), strict=True)
    columns = ("file", "class", "log_likelihood", "is_held_out")
    write_csv(folder / LIKELIHOODS_FILE, [dict(zip(columns, row, strict=True)) for row in rows])


def _labels(images: Images) -> Tensor:
    assert images.labels is not None
    return images.labels


def _parts_of(run: Run, crops: Crops) -> tuple[Images, Images]:
    """What a run learns from, and what it holds out: of a GAN, which is tested by no likelihood, nothing."""
    return (crops.images, crops.images[:0]) if run.is_gan else _parts(crops)


def _parts(crops: Crops) -> tuple[Images, Images]:
    return crops.images[~crops.is_held_out], crops.images[crops.is_held_out]
