r"""Trains a flow on a data set, from its beginning or from where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from nflows_core.data.images import DataError
from nflows_core.data.read import read_as
from nflows_core.data.reading import Reading
from nflows_core.flow import Flow
from nflows_core.models import MultiScaleFlow, build, defaults
from nflows_core.models.building import check_chosen, check_model, find_preset
from nflows_core.runs.conditioning import check_labelled, conditioned_on
from nflows_core.runs.data import place_of, read_own, refuse_inside, with_fingerprint
from nflows_core.runs.folder import KIND, Run, build_run, read_run, save_run
from nflows_core.runs.kind import RunError
from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig
from nflows_core.training.loop import Progress

DEMO = TrainingConfig(epochs=40, batch_size=50, learning_rate=3e-3, warmup_steps=100, ema_decay=0.99)
DEMO_MODEL = {"levels": 2, "depth": 4, "width": 64}
"""An Inverse-Flow on the embedded digits, small enough for three minutes on two cores."""


_LEARNING_RATE, _STEPS = 3e-3, 32
"""The learning rate of flows of so many steps or fewer."""
CONTEXT_WIDTH = 32
"""Features of the pictures that a flow is conditioned on, unless its ``context_width`` is chosen."""


def usual_learning_rate(model: str, arguments: Mapping[str, Any]) -> float:
    r"""The learning rate of a preset with these arguments, :math:`0.003 \min(1, 32 / n)` for :math:`n` steps.

    An update of Adam changes every parameter by about the learning rate, whatever its gradient. What all steps change
    together grows with their number, and a flow of many no longer inverts for a while.

    Raises:
        ModelError: There is no such model, or it does not take these arguments.
    """
    check_model(model, arguments)
    own = defaults(model) | dict(arguments)
    levels: int = own["levels"] if issubclass(find_preset(model), MultiScaleFlow) else 1
    steps: int = levels * own["depth"]
    return _LEARNING_RATE * min(1.0, _STEPS / steps)


def train(
    data: str,
    folder: str | Path,
    model: str,
    arguments: Mapping[str, Any],
    config: TrainingConfig,
    *,
    size: int | None = None,
    bits: int | None = None,
    splits: str | None = None,
    skip_others: bool = False,
    condition_on: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Flow:
    """Trains a new flow into a run folder; of several processes, the main one writes it.

    Arguments:
        data: The data set, as `read_images` takes it.
        folder: The folder of the run; made if it is missing.
        model: The model's name in `MODELS`.
        arguments: The model's arguments besides the image's shape and quantization.
        config: The settings; ``conditional`` conditions the flow on the classes of the images, unless ``condition_on``
            is given.
        size: The side of the square that every image is scaled and cropped to; unchanged if not given.
        bits: The bits of a pixel that are kept; see `Reading`, as for the others.
        splits: The top folders of the splits.
        skip_others: Whether files beside the pictures are skipped.
        condition_on: A folder of pictures of the same names, which the flow is conditioned on.
        overwrite: Whether a run that is in the folder is removed, once the new one is known to be able to start.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The data cannot be used, or the folder lies in them.
        ModelError: There is no such model, or it does not take these arguments, or images of this shape.
        FileExistsError: The folder has a run, or files that are not ours, or another training writes there.
    """
    folder = Path(folder)
    refuse_inside(folder, data, condition_on)
    KIND.refuse_taken(folder, overwrite)
    check_chosen(arguments)
    condition_on = None if condition_on is None else str(Path(condition_on).absolute())
    reading = Reading(size, bits, splits, skip_others, condition_on)
    images, test = read_as(data, "train", reading), read_as(data, "test", reading)
    if len(test) < 2:
        raise DataError(
            f"{data} holds out {len(test)} test images, and a flow is measured on 2 or more; give more images"
        )
    fitting = {"shape": images.shape, "quantization": images.quantization}
    usual = defaults(model)
    if condition_on is not None:
        config, usual = replace(config, conditional=True), {**usual, "context_width": CONTEXT_WIDTH}
    if config.conditional:
        check_labelled(data, images, test)
        fitting["context_features"] = images.context_features
    # Defaults are kept with the run, for a later version may choose otherwise.
    run = Run(
        model,
        {**usual, **arguments, **fitting},
        place_of(data),
        classes=images.classes,
        training=config,
        **asdict(reading),
    )
    run = with_fingerprint(run, images, test)
    torch.manual_seed(config.seed)
    flow = build(run.model, run.arguments)
    trainer = Trainer(FlowLikelihood(flow, images, config, test), folder, progress)
    with trainer.holding_folder():
        KIND.begin(folder, overwrite, lambda: save_run(folder, run))
        flow = trainer.fit()
        save_run(folder, run, flow)
    return flow


def train_demo(folder: str | Path, *, progress: Progress | None = None) -> Flow:
    """Trains the demo, an Inverse-Flow on the embedded digits; only a demo that is in the folder already is replaced.

    Raises:
        FileExistsError: The folder has another run, or files that are not ours.
    """
    return train(
        "digits", folder, "inverse-flow", DEMO_MODEL, DEMO, overwrite=_has_demo(Path(folder)), progress=progress
    )


def resume(data: str, folder: str | Path, *, condition_on: str | None = None, progress: Progress | None = None) -> Flow:
    """Goes on with the run of a folder where its last checkpoint stands, with the settings that it had.

    Arguments:
        data: The place of the run's data set now.
        folder: The folder of the run.
        condition_on: The folder of the pictures that the flow is conditioned on, if it has moved.
        progress: The function that the `Trainer` calls after every update.

    Raises:
        DataError: The data set is not that of the run.
    """
    folder = Path(folder)
    KIND.refuse_taken(folder, overwrite=True)
    run = conditioned_on(replace(read_run(folder), data=place_of(data)), condition_on)
    torch.manual_seed(run.training.seed)
    images, test = read_own(folder, run, "train", data), read_own(folder, run, "test", data)
    trainer = Trainer(FlowLikelihood(build_run(folder, run), images, run.training, test), folder, progress)
    with trainer.holding_folder():
        flow = trainer.fit(resume=True)
        save_run(folder, with_fingerprint(run, images, test), flow)
    return flow


def _has_demo(folder: Path) -> bool:
    try:
        run = read_run(folder)
    except RunError:
        return False
    return (run.model, run.data, run.training) == ("inverse-flow", "digits", DEMO) and (
        run.arguments | DEMO_MODEL == run.arguments
    )
