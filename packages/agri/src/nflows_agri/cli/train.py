"""``nflows agri train``."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_agri.cli.options import Names
from nflows_core.cli.trainings import epochs_shown, is_main_process, refuse_changed
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_agri.inspection.settings import CropClassifierSettings
    from nflows_core.training import EngineConfig, StepMetrics
    from nflows_core.training.loop import Progress

_FolderPath = click.Path(file_okay=False, path_type=Path)
_ENGINE = (
    "epochs", "batch_size", "accumulation_steps", "learning_rate", "warmup_steps", "schedule", "clip_norm", "ema_decay",
    "mixed_precision", "checkpoint_steps", "tensorboard", "seed",
)  # fmt: skip
_SETTINGS = ("model", "size", "pretrained", "dropout", "balance", "augment", "label_smoothing", "unknown")


@click.command(cls=Command)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", "folder", type=_FolderPath, required=True, help="Folder of the run.")
@click.option("--group", help="A regular expression: its first parenthesis in a file's stem is the photograph.")
@click.option("--fold", help="The fold that is the test, of data that are split into folds.")
@click.option(
    "--made",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Made crops to learn from besides, as `balance` writes them.",
)
@click.option("--pure", type=Names(), default="", help="The classes that are pure seed, by commas.")
@click.option(
    "--model", default="small", show_default=True, help="small, frozen, efficientnet-lite0, or one of timm's."
)
@click.option("--pretrained", is_flag=True, help="Begin with weights learned on ImageNet.")
@click.option("--size", type=int, help="The side of crops, in pixels.  [default: 64, of the frozen model 128]")
@click.option("--dropout", type=float, default=0.2, show_default=True, help="The part of the features.")
@click.option(
    "--balance",
    type=click.Choice(["none", "oversample", "weights"]),
    default="none",
    show_default=True,
    help="What is done about unequal classes: equal shares of an epoch, or weights of the loss.",
)
@click.option(
    "--augment",
    type=click.Choice(["none", "turned", "turned+light"]),
    default="turned",
    show_default=True,
    help="What is changed about crops at random: mirrors and turns, or light and colour too.",
)
@click.option("--label-smoothing", type=float, default=0.0, show_default=True)
@click.option("--unknown", is_flag=True, help="Learn too what these crops look like, so that others are put aside.")
@click.option("--epochs", type=click.IntRange(1), help="[default: 30]")
@click.option("--batch-size", type=click.IntRange(1), help="Crops of an update.  [default: 64]")
@click.option("--accumulation-steps", type=click.IntRange(1))
@click.option("--learning-rate", type=float, help="[default: 0.002]")
@click.option("--warmup-steps", type=click.IntRange(0), help="[default: 50]")
@click.option("--schedule", type=click.Choice(["cosine", "exponential", "constant"]), help="[default: cosine]")
@click.option("--clip-norm", type=float, help="Largest norm of a gradient.  [default: 5]")
@click.option("--ema-decay", type=float, help="Of the averaged weights.  [default: 0.99]")
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), help="[default: no]")
@click.option("--checkpoint-steps", type=click.IntRange(1), help="[default: 200]")
@click.option("--tensorboard", is_flag=True, default=None, help="Write the curves for TensorBoard too.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of everything random.  [default: 0]")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings.")
@click.option("--overwrite", is_flag=True, help="Begin again in a folder that has a run.")
@json_option
def train(
    data: Path,
    folder: Path,
    group: str | None,
    fold: str | None,
    made: Path | None,
    pure: tuple[str, ...],
    **options: Any,
) -> None:
    """Train a classifier on the crops of DATA, a folder with one folder a class, or a table that `split` wrote.

    The model frozen learns in a minute, from features of a network that was trained on ImageNet; with few labels it is
    the best. Of the others, the weights with the best macro-F1 on the part "val" are kept. All are tested on "test".
    What the table does not say, or all of it for a folder, is held out by whole photographs. `predict` and `purity`
    take the folder of the run.
    """
    if options["resume"]:
        _resume(data, folder)
    else:
        _begin(data, folder, group, fold, made, pure, options)
    _report(folder, f"Classifier of {data.name}")


def _begin(
    data: Path,
    folder: Path,
    group: str | None,
    fold: str | None,
    made: Path | None,
    pure: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    from nflows_agri.inspection import experiment
    from nflows_agri.inspection.runs import Run
    from nflows_agri.inspection.settings import CropClassifierSettings
    from nflows_agri.unknown import SIDE
    from nflows_core.classification.experiment import ENGINE
    from nflows_core.classifiers import FROZEN
    from nflows_core.data import DataError
    from nflows_core.data.labelled import read_labelled
    from nflows_core.training import EngineConfig

    files = read_labelled(data, group)
    if len(files.classes) < 2:
        raise DataError(f"{data}: a classifier tells classes apart, and there is {', '.join(files.classes)} alone")
    chosen = {name: options[name] for name in _SETTINGS if options[name] is not None}
    if options["model"] == FROZEN:
        chosen.setdefault("size", SIDE)
    settings = CropClassifierSettings(files.classes, pure=pure, **chosen)
    chosen = {name: options[name] for name in _ENGINE if options[name] is not None}
    if settings.is_solved and (unused := sorted(chosen.keys() - {"seed"})):
        option = unused[0].replace("_", "-")
        raise click.UsageError(f"--{option}: the frozen model is not trained step by step; leave it out")
    config = EngineConfig(**{**ENGINE, **chosen})
    run = Run(settings, config, str(data), group, fold, made=None if made is None else str(made))
    with _shown(settings, config) as progress:
        experiment.train(run, files, folder, overwrite=options["overwrite"], progress=progress)


def _resume(data: Path, folder: Path) -> None:
    from nflows_agri.inspection import experiment
    from nflows_agri.inspection.runs import read_run

    run = read_run(folder)
    refuse_changed(
        {**asdict(run.settings), **asdict(run.training), "group": run.group, "fold": run.fold, "made": run.made}, {}
    )
    with _shown(run.settings, run.training) as progress:
        experiment.resume(folder, data, progress)


def _shown(settings: CropClassifierSettings, config: EngineConfig) -> AbstractContextManager[Progress | None]:
    return nullcontext() if settings.is_solved else epochs_shown(config.epochs, _loss)


def _loss(metrics: StepMetrics) -> str:
    return f"loss {metrics.loss:.4g}"


def _report(folder: Path, title: str) -> None:
    from nflows_agri.inspection.report import report_run

    if not is_main_process():
        return
    report = report_run(folder, title)
    for name, value in report.items():
        if isinstance(value, int | float) and name != "seed":
            echo(f"{words(name):<32} {shown(value)}")
    echo(f"{'report':<32} {folder / 'report.html'}")
    print_report(report)
