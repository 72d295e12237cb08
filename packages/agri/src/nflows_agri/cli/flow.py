"""``nflows agri flow``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_agri.cli import generators
from nflows_agri.cli.generators import interpolation_options, sampling_options, temperature_option, training_options
from nflows_core.cli.options import MODEL_METAVAR
from nflows_core.cli.trainings import epochs_shown, refuse_changed
from nflows_core.runtime.cli import Command, CommandGroup, json_option

if TYPE_CHECKING:
    from nflows_core.training import StepMetrics

_DEFAULTS = {"batch_size": 32, "learning_rate": 1e-3, "warmup_steps": 100}
_WORDS = {
    "batch_size": "32",
    "learning_rate": "0.001",
    "warmup_steps": "100",
    "schedule": "cosine",
    "clip_norm": "1",
}


@click.group(cls=CommandGroup)
def flow() -> None:
    """A class-conditional normalizing flow of crops, with exact likelihoods."""


@flow.command(cls=Command)
@training_options(_WORDS)
@click.option("--size", type=click.IntRange(1), default=64, show_default=True, help="Side of the crops.")
@click.option("--epochs", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--model", default="inverse-flow:levels=3", show_default=True, metavar=MODEL_METAVAR, help="As in glow:depth=8."
)
@json_option
def train(
    data: Path, folder: Path, model: str, resume: bool, fold: str | None, size: int, overwrite: bool, **options: Any
) -> None:
    """Train a flow on the training side of DATA: a split of crops (CSV), or a folder with one folder a class.

    A tenth of that side is held out, to show where the flow begins to know its crops by heart.
    """
    from nflows_agri.generation import training
    from nflows_agri.generation.runs import read_run
    from nflows_core.models import ModelChoice
    from nflows_core.training import TrainingConfig

    choice = ModelChoice.parse(model)
    if resume:
        run = read_run(folder)
        kept = {"model": run.model, **run.arguments, **asdict(run.training), "size": run.size, "fold": run.fold}
        refuse_changed(kept, {"model": choice.model, **choice.arguments})
        with epochs_shown(run.training.epochs, _bits) as progress:
            training.resume(folder, data, progress=progress)
    else:
        chosen = {name: options[name] for name in generators.ENGINE if options[name] is not None}
        config = TrainingConfig(**{**_DEFAULTS, **chosen})
        with epochs_shown(config.epochs, _bits) as progress:
            training.train_flow(
                data,
                folder,
                choice.model,
                choice.arguments,
                config,
                size=size,
                fold=fold,
                overwrite=overwrite,
                progress=progress,
            )
    generators.report(folder, f"{choice.model} of {data.name}")


@flow.command(cls=Command)
@sampling_options
@temperature_option
def sample(**options: Any) -> None:
    """Make crops by the flow of RUN: a folder a class, in it a PNG file a crop, named by its class and seed."""
    generators.sample(**options)


@flow.command(cls=Command)
@interpolation_options
@temperature_option
def interpolate(**options: Any) -> None:
    """Show crops between two: by latents, by classes, and by both, a row each."""
    generators.interpolate(**options)


def _bits(metrics: StepMetrics) -> str:
    return f"{metrics.loss:.3f} bits per dimension"
