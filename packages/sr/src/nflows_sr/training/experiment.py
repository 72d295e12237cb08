r"""Trains by a recipe, from its beginning or from where it was stopped, into a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from nflows_core.data import DataError
from nflows_core.data.fingerprint import digest
from nflows_core.runs.data import refuse_inside
from nflows_core.runtime.terminal import echo
from nflows_core.training import EngineConfig, Trainer
from nflows_core.training.loop import Progress
from nflows_core.training.processes import processes
from nflows_sr.data.pictures import Pictures, read_pictures
from nflows_sr.training.recipe import TrainingData
from nflows_sr.training.recipes import find_recipe
from nflows_sr.training.runs import KIND, Run, load_model, read_run, save_run, warn_of_base


def train(
    data: str | Path,
    folder: str | Path,
    model: str,
    settings: Mapping[str, Any],
    config: EngineConfig,
    *,
    test: str | Path | None = None,
    start: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> nn.Module:
    """Trains a new model into a run folder; of several processes, the main one writes it.

    Arguments:
        data: The folder of the pictures.
        folder: The folder of the run; made if it is missing.
        model: The name of a recipe in `RECIPES`.
        settings: The recipe's settings that are chosen.
        config: The settings of the engine.
        test: The folder of the pictures that are held out; by default a tenth of the data, by a hash of the names.
        start: A run whose weights the training begins with; it may have another scale, or be a part of this model.
        overwrite: Whether a run that is in the folder is removed, once the new one is known to be able to start.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The data cannot be used, or the folder lies in them.
        ValueError: There is no such recipe, it does not take the settings, or ``start`` is of another architecture.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    folder = Path(folder)
    refuse_inside(folder, data, *([test] if test else []))
    KIND.refuse_taken(folder, overwrite)
    recipe = find_recipe(model)
    configured = recipe.configured(settings)
    pictures = _read(data, test)
    run = Run(
        model,
        asdict(configured),
        _place(data),
        _place(test),
        _place(start),
        config,
        {"train": pictures.train.fingerprint, "test": pictures.test.fingerprint},
    )
    torch.manual_seed(config.seed)
    untrained = recipe.build(configured)
    if start:
        begin_with(untrained, run, Path(start))
    task = recipe.task(untrained, configured, pictures, config)
    run = replace(run, base=task.description.get("base"))
    trainer = Trainer(task, folder, progress)
    with trainer.holding_folder():
        KIND.begin(folder, overwrite, lambda: save_run(folder, run))
        trained: nn.Module = trainer.fit()
        save_run(folder, run, trained)
    return trained


def resume(
    folder: str | Path,
    data: str | Path | None = None,
    *,
    test: str | Path | None = None,
    progress: Progress | None = None,
) -> nn.Module:
    """Goes on with the run of a folder where its last checkpoint stands, with the settings that it had.

    Arguments:
        folder: The folder of the run.
        data: The place of the run's pictures now, if they have moved.
        test: The place of its test pictures now, likewise.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The pictures are not those of the run.
        RunError: The folder is no run.
    """
    folder = Path(folder)
    run = read_run(folder)
    run = replace(run, data=_place(data or run.data), test=_place(test or run.test))
    try:
        pictures = _read(run.data, run.test)
    except DataError as error:
        raise DataError(f"{folder} was trained on other pictures than are there now: {error}") from error
    _check_same(folder, run, pictures)
    torch.manual_seed(run.training.seed)
    recipe = find_recipe(run.model)
    configured = recipe.configured(run.settings)
    untrained = recipe.build(configured)
    task = recipe.task(untrained, configured, pictures, run.training)
    warn_of_base(folder, run, task.description.get("base"))
    trainer = Trainer(task, folder, progress)
    if run.start and trainer.checkpoint and not trainer.checkpoint.exists():  # it was stopped before its first
        begin_with(untrained, run, Path(run.start))
    with trainer.holding_folder():
        trained: nn.Module = trainer.fit(resume=True)
        save_run(folder, run, trained)
    return trained


def begin_with(model: nn.Module, run: Run, start: Path) -> None:
    """Gives the untrained model of a run the weights of another run, as one of another scale has all but the last ones.

    What was taken is told.

    Raises:
        ValueError: The other's weights would have no place in the model at the model's own scale either.
    """
    other, own = read_run(start), model.state_dict()
    rescaled = _state_at(other, run)
    if lost := [name for name, value in rescaled.items() if not _has_place(value, own.get(name))]:
        raise ValueError(
            f"`start`: {start} is another architecture ({_difference(other, run)}), and {len(lost)} of its "
            f"{len(rescaled)} tensors would be lost, such as {lost[0]}; give a run that differs in the scale alone"
        )
    weights = load_model(start, other).state_dict()
    taken = {name: value for name, value in weights.items() if _has_place(value, own.get(name))}
    model.load_state_dict(taken, strict=False)
    if processes().is_main_process:
        new = [name for name in own if name not in taken]
        told = f"; new are {', '.join(new[:3])}{', ...' if len(new) > 3 else ''}" if new else ""
        echo(f"{start}: {len(taken)} of {len(own)} tensors taken{told}", err=True)


def _state_at(other: Run, run: Run) -> Mapping[str, Tensor]:
    """The names and shapes that a run's weights would have at the scale of another one."""
    scale = {name: run.settings[name] for name in ("scale", "crop") if name in other.settings and name in run.settings}
    with torch.device("meta"):
        return replace(other, settings={**other.settings, **scale}).build().state_dict()


def _has_place(value: Tensor, own: Tensor | None) -> bool:
    return own is not None and own.shape == value.shape


def _difference(other: Run, run: Run) -> str:
    """How the settings of a run differ from those of another one."""
    if other.model != run.model:
        return f"{other.model} instead of {run.model}"
    differing = [name for name, value in run.settings.items() if other.settings.get(name) != value]
    return ", ".join(f"{name} {other.settings.get(name)} instead of {run.settings[name]}" for name in differing)


@overload
def _place(path: str | Path) -> str: ...


@overload
def _place(path: str | Path | None) -> str | None: ...


def _place(path: str | Path | None) -> str | None:
    """The place of a folder as a run keeps it, the same from every folder."""
    return None if path is None else str(Path(path).absolute())


def _read(data: str | Path, test: str | Path | None) -> TrainingData:
    if test is None:
        return TrainingData(read_pictures(data, "train"), read_pictures(data, "test"))
    pictures = TrainingData(read_pictures(data), read_pictures(test))
    inner, outer = sorted((Path(folder).resolve() for folder in (data, test)), key=lambda path: -len(path.parts))
    if inner.is_relative_to(outer) or _digests(pictures.train) & _digests(pictures.test):
        raise DataError(
            f"`test`: {test} has pictures of {data}, which it would be trained on; give others, or leave it out, and a "
            "tenth is held out"
        )
    return pictures


def _digests(pictures: Pictures) -> set[tuple[tuple[int, ...], str]]:
    """By what pictures are known, whatever the names and formats of their files."""
    return {(pixels.shape, digest([np.ascontiguousarray(pixels).data])) for pixels in pictures.pixels}


def _check_same(folder: Path, run: Run, pictures: TrainingData) -> None:
    for part, now in (("train", pictures.train), ("test", pictures.test)):
        if part in run.fingerprint and (difference := run.fingerprint[part].difference(now.fingerprint)):
            place = run.test if part == "test" and run.test else run.data
            raise DataError(
                f"{place} is not what {folder} was trained on: its {part} pictures are {difference}. "
                "Give the pictures that the run had, or train a new run on these."
            )
