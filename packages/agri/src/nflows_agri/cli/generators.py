"""What the commands of both generators share: options, and how samples and interpolations are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from nflows_core.cli.trainings import is_main_process
from nflows_core.runtime.cli import print_report
from nflows_core.runtime.options import Number, seed_option
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.terminal import echo

F = TypeVar("F", bound=Callable[..., Any])

FolderPath = click.Path(file_okay=False, path_type=Path)
_FilePath = click.Path(dir_okay=False, path_type=Path)
DataPath = click.Path(exists=True, path_type=Path)
ENGINE = (
    "epochs", "batch_size", "accumulation_steps", "learning_rate", "warmup_steps", "schedule", "clip_norm", "ema_decay",
    "mixed_precision", "checkpoint_steps", "tensorboard", "seed",
)  # fmt: skip
"""The options that are settings of the engine."""

temperature_option = click.option("--temperature", type=Number(0), default=1.0, show_default=True)
truncation_option = click.option(
    "--truncation",
    type=Number(0, min_open=True),
    help="Bound of a latent's entries: lower is likelier and less varied.  [default: none]",
)


def training_options(defaults: Mapping[str, str]) -> Callable[[F], F]:
    """What may be said about the training of a generator besides its network.

    Arguments:
        defaults: What the settings of the engine are where nothing is said, in words, by their names.
    """
    said = {name: f"[default: {value}]" for name, value in defaults.items()}
    options = (
        click.argument("data", type=DataPath),
        click.option("-o", "--output", "folder", type=FolderPath, required=True, help="Folder of the run."),
        click.option("--fold", help="Of a split into folds, the one that is held out."),
        click.option("--batch-size", type=click.IntRange(1), help=f"Crops of an update.  {said['batch_size']}"),
        click.option("--accumulation-steps", type=click.IntRange(1), help="[default: 1]"),
        click.option("--learning-rate", type=float, help=said["learning_rate"]),
        click.option("--warmup-steps", type=click.IntRange(0), help=said["warmup_steps"]),
        click.option("--schedule", type=click.Choice(["cosine", "exponential", "constant"]), help=said["schedule"]),
        click.option("--clip-norm", type=float, help=f"Largest norm of a gradient.  {said['clip_norm']}"),
        click.option("--ema-decay", type=float, help="Of the averaged weights.  [default: 0.999]"),
        click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), help="[default: no]"),
        click.option("--checkpoint-steps", type=click.IntRange(1), help="[default: 1000]"),
        click.option("--tensorboard", is_flag=True, default=None, help="Write the curves for TensorBoard too."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of everything random.  [default: 0]"),
        click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings."),
        click.option("--overwrite", is_flag=True, help="Begin again in a folder that has a run."),
    )

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def sampling_options(command: F) -> F:
    """What may be said about samples."""
    options = (
        click.argument("run", type=FolderPath),
        click.option("-n", "count", type=click.IntRange(1), default=64, show_default=True, help="Crops of each class."),
        click.option("--class", "names", multiple=True, metavar="NAME", help="Repeat it for several.  [default: all]"),
        click.option("-o", "--output", "folder", type=FolderPath, required=True, help="Folder of a folder a class."),
        seed_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def interpolation_options(command: F) -> F:
    """What may be said about an interpolation."""
    options = (
        click.argument("run", type=FolderPath),
        click.option("--class", "first", metavar="NAME", required=True, help="The class at the beginning."),
        click.option("--to", "second", metavar="NAME", help="The class at the end.  [default: the same]"),
        click.option("--steps", type=click.IntRange(2), default=8, show_default=True, help="Crops of a row."),
        click.option("-o", "--output", type=_FilePath, required=True, help="PNG file."),
        seed_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def sample(run: Path, folder: Path, count: int, names: tuple[str, ...], seed: int, **spread: Any) -> None:
    """Writes samples of a run and says where."""
    from nflows_agri.generation.samples import save_samples

    save_samples(run, folder, count, names, seed=seed, **spread)
    echo(folder)


def interpolate(run: Path, first: str, second: str | None, steps: int, output: Path, seed: int, **spread: Any) -> None:
    """Writes an interpolation of a run and says where."""
    from nflows_agri.generation.interpolation import save_interpolation
    from nflows_agri.generation.runs import load_generator, read_run
    from nflows_core.runs.data import refuse_inside

    refuse_inside(output, read_run(run).data)
    save_interpolation(load_generator(run, **spread), first, second or first, output, steps=steps, seed=seed)
    echo(output)


def report(folder: Path, title: str) -> None:
    """Writes the report of a finished run and prints its numbers."""
    from nflows_agri.generation.report import report_run

    if not is_main_process():
        return
    content = report_run(folder, title)
    for name, value in content.items():
        if isinstance(value, int | float):
            echo(f"{words(name):<32} {shown(value)}")
    echo(f"{'report':<32} {folder / 'report.html'}")
    print_report(content)
