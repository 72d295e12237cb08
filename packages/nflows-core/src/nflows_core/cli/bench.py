"""``nflows bench``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.cli.options import MODEL_METAVAR, READING, DataSet, FolderPath, reading_options
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import seed_option
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table

if TYPE_CHECKING:
    from nflows_core.runs.comparison import Progress
    from nflows_core.training import StepMetrics

_MODELS = ("inverse-flow", "finc", "cinc", "glow", "emerging")
_COLUMNS = {
    "model": "model",
    "bits per dim": "bits_per_dim",
    "parameters": "parameters",
    "sampling, ms": "sampling_ms_per_100",
    "sampling ratio": "sampling_ratio",
    "density, ms": "forward_ms_per_100",
    "density ratio": "forward_ratio",
    "training, ms": "training_ms_per_100",
    "training ratio": "training_ratio",
}


@click.command(cls=Command)
@click.argument("data", type=DataSet())
@click.option(
    "-o", "--output", "folder", type=FolderPath, required=True, help="For the report and a run of each model."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    default=_MODELS,
    show_default=True,
    metavar=MODEL_METAVAR,
    help="Repeatable, as in --model glow --model inverse-flow:width=64; times are related to the first one's.",
)
@click.option("--levels", type=click.IntRange(1), default=2, show_default=True)
@click.option("--depth", type=click.IntRange(1), default=4, show_default=True)
@click.option("--kernel-size", type=click.IntRange(1), default=3, show_default=True)
@click.option("--width", type=click.IntRange(1), default=96, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=10, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--learning-rate", type=float, help="Of all models.  [default: the lowest that one has in `nflows train`]"
)
@click.option("--warmup-steps", type=click.IntRange(0), default=100, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often times are measured.")
@reading_options
@seed_option
@json_option
def bench(data: str, folder: Path, models: tuple[str, ...], rounds: int, **options: Any) -> ExitCode:
    """Train several models on DATA alike, and compare bits per dimension, times and parameters.

    Models that are trained in OUTPUT already are only measured; those that were stopped go on.
    """
    from nflows_core.models import ModelChoice
    from nflows_core.runs.comparison import arguments_of, compare, rows_of
    from nflows_core.runs.experiment import usual_learning_rate
    from nflows_core.runs.report import not_finite
    from nflows_core.training import TrainingConfig

    candidates = [ModelChoice.parse(text) for text in models]
    arguments = {name: options.pop(name) for name in ("levels", "depth", "kernel_size", "width")}
    reading = {name: options.pop(name) for name in READING}
    if options["learning_rate"] is None:
        rates = [usual_learning_rate(one.model, arguments_of(one, arguments)) for one in candidates]
        options["learning_rate"] = min(rates)
    config = TrainingConfig(**options)
    with _epochs(config.epochs, len(candidates)) as advance:
        report = compare(data, folder, candidates, arguments, config, **reading, rounds=rounds, progress=advance)
    rows = rows_of(report)
    echo(table([{title: row[key] for title, key in _COLUMNS.items()} for row in rows]))
    problems = [f"{model}: {problem}" for model, problem in report["diverged"].items()]
    problems += [f"{row['model']}: {sentence}" for row in rows for sentence in not_finite(row)]
    for problem in problems:
        echo(problem, err=True)
    print_report(report)
    return ExitCode.FAILED if problems else ExitCode.DONE


@contextmanager
def _epochs(epochs: int, models: int) -> Iterator[Progress]:
    with progress("epochs", epochs * models) as advance:

        def update(model: str, metrics: StepMetrics, total_steps: int) -> None:
            if metrics.step * epochs % total_steps == 0:
                advance(f"{model}, {metrics.loss:.3f} bits per dimension, {metrics.seconds:.0f} s")

        yield update
