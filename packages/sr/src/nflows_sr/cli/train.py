"""``nflows sr train``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nflows_core.cli.trainings import epochs_shown, is_main_process, refuse_changed
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_core.training import StepMetrics

F = TypeVar("F", bound=Callable[..., Any])
_FolderPath = click.Path(file_okay=False, path_type=Path)
_OWN = ("test", "start", "resume", "overwrite")
"""The options that are no settings of the engine."""


def model_option(default: str) -> Callable[[F], F]:
    """The option that says which recipe is trained, and with which of its settings."""
    return click.option(
        "--model",
        default=default,
        show_default=True,
        metavar="NAME[:SETTING=VALUE,...]",
        help=f"What is trained, as in {default}:blocks=8.",
    )


def training_options(
    name: str, batch_size: int, learning_rate: float, warmup_steps: int, ema_decay: float
) -> Callable[[F], F]:
    """Gives a command that trains a recipe what `train_recipe` takes, but for the model.

    Arguments:
        name: The recipe whose defaults are told.
        batch_size: Its defaults, told here too, so that help need not load it.
        learning_rate: See above.
        warmup_steps: See above.
        ema_decay: See above.
    """
    told = {
        "batch_size": f"[default: the model's, {batch_size} of {name}]",
        "learning_rate": f"[default: the model's, {learning_rate} of {name}]",
        "warmup_steps": f"[default: the model's, {warmup_steps} of {name}]",
        "ema_decay": f"[default: the model's, {ema_decay} of {name}]",
    }
    options = (
        click.argument("data", type=_FolderPath),
        click.option("-o", "--output", "folder", type=_FolderPath, required=True, help="Folder of the run."),
        click.option("--test", type=_FolderPath, help="The pictures held out.  [default: a tenth of DATA]"),
        click.option("--start", type=_FolderPath, help="A run whose weights it begins with, as of another scale."),
        click.option("--epochs", type=click.IntRange(1), default=100, show_default=True),
        click.option("--batch-size", type=click.IntRange(1), help=f"Crops of an update.  {told['batch_size']}"),
        click.option("--accumulation-steps", type=click.IntRange(1)),
        click.option("--learning-rate", type=float, help=told["learning_rate"]),
        click.option("--warmup-steps", type=click.IntRange(0), help=told["warmup_steps"]),
        click.option("--schedule", type=click.Choice(["cosine", "exponential", "constant"]), help="[default: cosine]"),
        click.option("--clip-norm", type=float, help="Largest norm of a gradient.  [default: 1]"),
        click.option("--ema-decay", type=float, help=f"Of the averaged weights.  {told['ema_decay']}"),
        click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), help="[default: no]"),
        click.option("--checkpoint-steps", type=click.IntRange(1), help="[default: 1000]"),
        click.option("--tensorboard", is_flag=True, default=None, help="Write the curves for TensorBoard too."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of everything random.  [default: 0]"),
        click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings."),
        click.option("--overwrite", is_flag=True, help="Begin again in a folder that has a run."),
        json_option,
    )

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.command(cls=Command)
@training_options("coupling", batch_size=8, learning_rate=0.002, warmup_steps=100, ema_decay=0.999)
@model_option("coupling")
@click.option("--scale", type=click.IntRange(2, 4), help="How many times the sides grow.  [default: 2]")
def train(data: Path, folder: Path, model: str, scale: int | None, **options: Any) -> None:
    """Train a model on DATA, a folder of pictures, into a run folder that other commands take as --model."""
    from nflows_core.models.choice import parse_choice

    name, settings = parse_choice(model)
    if scale is not None and settings.setdefault("scale", scale) != scale:
        raise CommandError(f"--scale is {scale}, and --model has scale={settings['scale']}; give one of them")
    train_recipe(data, folder, name, settings, options)


def train_recipe(data: Path, folder: Path, name: str, settings: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Trains a recipe, or goes on with a run, and prints its report.

    Arguments:
        data: The folder of the pictures.
        folder: The folder of the run.
        name: The name of the recipe.
        settings: Those of its settings that a person chose.
        options: The values of `training_options`.
    """
    from nflows_core.training import EngineConfig
    from nflows_sr.training import experiment
    from nflows_sr.training.recipes import find_recipe
    from nflows_sr.training.runs import read_run

    chosen = {option: value for option, value in options.items() if option not in _OWN and value is not None}
    if options["resume"]:
        run = read_run(folder)
        kept = {"model": run.model, "start": run.start}
        refuse_changed({**kept, **run.settings, **asdict(run.training)}, {"model": name, **settings})
        with epochs_shown(run.training.epochs, _losses) as shown_progress:
            experiment.resume(folder, data, test=options["test"], progress=shown_progress)
    else:
        config = EngineConfig(**{**find_recipe(name).engine, **chosen})
        others = {option: options[option] for option in ("test", "start", "overwrite")}
        with epochs_shown(config.epochs, _losses) as shown_progress:
            experiment.train(data, folder, name, settings, config, **others, progress=shown_progress)
    _report(folder, f"{name} on {data.name}")


def _losses(metrics: StepMetrics) -> str:
    return ", ".join(f"{words(name)} {value:.4g}" for name, value in metrics.losses.items())


def _report(folder: Path, title: str) -> None:
    from nflows_sr.training.report import got_worse, report_run

    if not is_main_process():
        return
    report = report_run(folder, title)
    for name, value in report.items():
        if isinstance(value, int | float):
            echo(f"{words(name):<32} {shown(value)}")
    echo(f"{'report':<32} {folder / 'report.html'}")
    for sentence in got_worse(report):
        echo(sentence, err=True)
    print_report(report)
