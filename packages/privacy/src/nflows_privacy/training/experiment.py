r"""Trains a detector, from its beginning or from where it was stopped, into a run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nflows_core.data import DataError
from nflows_core.runs.data import refuse_inside
from nflows_core.training import EngineConfig, Trainer
from nflows_core.training.loop import Progress
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.training.data import Scenes, Source, crops_in, read_parts
from nflows_privacy.training.network import BoxNetwork
from nflows_privacy.training.runs import KIND, THRESHOLD, Run, load_network, read_run, save_run
from nflows_privacy.training.scenes import RandomCrops, WholeScenes
from nflows_privacy.training.settings import AUGMENTATIONS, LITE, RESIDUAL, NetworkSettings
from nflows_privacy.training.task import BoxDetection

ENGINE: dict[str, Any] = {
    "batch_size": 16,
    "learning_rate": 2e-3,
    "warmup_steps": 100,
    "clip_norm": 5.0,
    "ema_decay": 0.998,
    "checkpoint_steps": 200,
}
"""The settings of the engine that differ from its own defaults."""
_EPOCHS, _UPDATES = 5, 900
"""The least number of epochs, and of updates that the epochs are chosen by: signs of 150 pictures need no more."""
_LITE_WIDTH, _LITE_RATE = 64, 1e-3
"""The width of the levels, and the learning rate, where the backbone is trained already."""


def architecture(backbone: str | None, start: str | Path | None, **settings: Any) -> NetworkSettings:
    """The settings of a network of the usual size, or of that of the run whose weights it begins with.

    Arguments:
        backbone: The backbone; by default that of ``start``, or EfficientNet-Lite0.
        start: A run, if any.
        settings: The other settings.
    """
    if start is not None and backbone is None:
        other = read_run(Path(start)).settings
        return NetworkSettings(widths=other.widths, blocks=other.blocks, backbone=other.backbone, **settings)
    if backbone == RESIDUAL:
        return NetworkSettings(backbone=RESIDUAL, **settings)
    return NetworkSettings(widths=(_LITE_WIDTH,) * 4, backbone=LITE, **settings)


def engine_for(data: Source, settings: NetworkSettings, batch_size: int | None = None) -> dict[str, Any]:
    """The settings of the engine for a network and the pictures of a folder.

    Arguments:
        data: The pictures.
        settings: The network's settings.
        batch_size: The number of crops of an update, if it is not the usual one.
    """
    updates = max(1, crops_in(data, settings.crop) // (batch_size or ENGINE["batch_size"]))
    epochs = max(_EPOCHS, round(_UPDATES / updates))
    rate = _LITE_RATE if settings.backbone == LITE else ENGINE["learning_rate"]
    return {**ENGINE, "epochs": epochs, "learning_rate": rate}


def train(
    data: Source,
    folder: str | Path,
    settings: NetworkSettings,
    config: EngineConfig,
    *,
    test: Source | None = None,
    start: str | Path | None = None,
    threshold: float = THRESHOLD,
    augment: str = "usual",
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BoxNetwork:
    """Trains a new detector into a run folder; of several processes, the main one writes it.

    Arguments:
        data: The boxes and pictures that it is trained on.
        folder: The folder of the run; made if it is missing.
        settings: The network's settings.
        config: The settings of the engine.
        test: The boxes and pictures that are held out; by default a tenth of the data, by a hash of the names.
        start: A run whose weights the training begins with; it may have other classes.
        threshold: The score from which on a box counts.
        augment: What is done to the pictures that it is trained on, a name in `AUGMENTATIONS`.
        workers: The number of processes that read pictures; 0 reads in this one.
        overwrite: Whether a run that is in the folder is removed, once the new one is known to be able to start.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The data cannot be used, or the folder lies in them.
        ValueError: ``start`` is of another architecture, or the data do not fill one update.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    folder = Path(folder)
    refuse_inside(folder, data.folder, *([test.folder] if test else []))
    KIND.refuse_taken(folder, overwrite)
    parts = _read(data, test, settings)
    run = Run(
        settings,
        threshold,
        _places(data),
        None if test is None else _places(test),
        None if start is None else str(Path(start).absolute()),
        config,
        {part: scenes.fingerprint for part, scenes in parts.items()},
        augment,
    )
    task = _task(run, parts, workers)
    if start is not None:
        begin_with(task.model, run, Path(start))
    trainer = Trainer(task, folder, progress)
    with trainer.holding_folder():
        KIND.begin(folder, overwrite, lambda: save_run(folder, run))
        network = trainer.fit()
        save_run(folder, run, network)
    return network


def resume(
    folder: str | Path,
    data: Source | None = None,
    *,
    test: Source | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> BoxNetwork:
    """Goes on with the run of a folder where its last checkpoint stands, with the settings that it had.

    Arguments:
        folder: The folder of the run.
        data: The place of the run's boxes and pictures now, if they have moved.
        test: That of its test pictures, likewise.
        workers: The number of processes that read pictures.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The pictures or boxes are not those of the run.
        RunError: The folder is no run.
    """
    folder = Path(folder)
    run = read_run(folder)
    run = replace(run, data=_places(data) if data else run.data, test=_places(test) if test else run.test)
    parts = data_of(run)
    for part, scenes in parts.items():
        if difference := run.fingerprint[part].difference(scenes.fingerprint):
            raise DataError(
                f"{folder} was trained on other data: its {part} pictures with their boxes are {difference}. Give "
                "those that the run had, or train a new run on these."
            )
    task = _task(run, parts, workers)
    trainer = Trainer(task, folder, progress)
    if run.start and trainer.checkpoint and not trainer.checkpoint.exists():  # it was stopped before its first
        begin_with(task.model, run, Path(run.start))
    with trainer.holding_folder():
        network = trainer.fit(resume=True)
        save_run(folder, run, network)
    return network


def data_of(run: Run, faults: Faults | None = None) -> dict[str, Scenes]:
    """The pictures of a run, "train" and "test", as they are now.

    Arguments:
        run: The run.
        faults: Gets what is wrong with boxes and pictures; without it, that is warned of.

    Raises:
        DataError: They cannot be used.
    """
    return _read(_source(run.data), None if run.test is None else _source(run.test), run.settings, faults)


def begin_with(network: BoxNetwork, run: Run, start: Path) -> None:
    """Gives an untrained network the weights of another run; those of the outputs only if it finds the same classes.

    Raises:
        ValueError: The other run's network has other levels.
    """
    other = read_run(start)
    theirs, own = (_architecture(settings) for settings in (other.settings, run.settings))
    if theirs != own:
        raise ValueError(f"`start`: {start} has {theirs}, the new network {own}; give the same")
    taken = load_network(start, other).state_dict()
    if other.settings.classes != run.settings.classes:
        taken = {name: value for name, value in taken.items() if not name.startswith("outputs.")}
    network.load_state_dict(taken, strict=False)


def _architecture(settings: NetworkSettings) -> str:
    return f"the backbone {settings.backbone}, widths {settings.widths} and blocks {settings.blocks}"


def _read(
    data: Source, test: Source | None, settings: NetworkSettings, faults: Faults | None = None
) -> dict[str, Scenes]:
    if test is None:
        train, held_out = read_parts(data, settings, ("train", "test"), faults)
        return {"train": train, "test": held_out}
    sources = dict(zip(("train", "test"), apart(data, test), strict=True))
    parts = {part: read_parts(one, settings, (None,), faults)[0] for part, one in sources.items()}
    names = [{scene.path.resolve() for scene in one.scenes} for one in parts.values()]
    if both := sorted(names[0] & names[1]):
        more = f" and {len(both) - 1} others" if len(both) > 1 else ""
        raise DataError(f"`test`: {both[0]}{more} would be trained on too; give others")
    return parts


def apart(data: Source, test: Source) -> tuple[Source, Source]:
    """What is trained on and what is held out: of one folder, each has the pictures that its own boxes name."""
    if data.folder.resolve() != test.folder.resolve():
        return data, test
    return replace(data, only_named=True), replace(test, only_named=True)


def _task(run: Run, parts: dict[str, Scenes], workers: int) -> BoxDetection:
    torch.manual_seed(run.training.seed)
    settings = run.settings
    crops = RandomCrops(parts["train"].scenes, settings.crop, AUGMENTATIONS[run.augment])
    return BoxDetection(
        settings.build(pretrained=True), crops, run.training, WholeScenes(parts["test"].scenes), workers
    )


def _places(source: Source) -> tuple[str, str | None]:
    """The places as a run keeps them, the same from every folder."""
    return str(source.boxes.absolute()), None if source.pictures is None else str(source.pictures.absolute())


def _source(places: tuple[str, str | None]) -> Source:
    boxes, pictures = places
    return Source(Path(boxes), None if pictures is None else Path(pictures))
