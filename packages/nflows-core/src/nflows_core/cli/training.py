"""``nflows train`` and ``nflows demo``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.cli.options import MODEL_METAVAR, READING, DataSet, FolderPath, condition_option, reading_options
from nflows_core.cli.trainings import epochs_shown, is_main_process, refuse_changed
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.options import seed_option
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_core.training import StepMetrics


@click.command(cls=Command)
@click.argument("data", type=DataSet())
@click.option("-o", "--output", "folder", type=FolderPath, required=True, help="Folder of the run.")
@click.option(
    "--model", default="inverse-flow", show_default=True, metavar=MODEL_METAVAR, help="As in cinc:coupling=quad."
)
@click.option("--levels", type=click.IntRange(1), help="Times that the image is squeezed.  [default: 2]")
@click.option("--depth", type=click.IntRange(1), help="Steps of a level.  [default: 4]")
@click.option("--kernel-size", type=click.IntRange(1), help="Of the inverse convolutions.  [default: 3]")
@click.option(
    "--width", type=click.IntRange(1), help="Hidden channels of the couplings, doubled at each level.  [default: 96]"
)
@click.option("--epochs", type=click.IntRange(1), default=10, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=100, show_default=True)
@click.option("--accumulation-steps", type=click.IntRange(1), default=1, show_default=True)
@click.option("--learning-rate", type=float, help="[default: 0.003; of more than 32 steps less, 0.001 for 96]")
@click.option("--warmup-steps", type=click.IntRange(0), default=100, show_default=True)
@click.option(
    "--schedule", type=click.Choice(["cosine", "exponential", "constant"]), default="cosine", show_default=True
)
@click.option("--clip-norm", type=float, default=1.0, show_default=True, help="Largest norm of a gradient.")
@click.option("--ema-decay", type=float, default=0.999, show_default=True, help="Of the averaged weights.")
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True)
@click.option("--reversible", is_flag=True, help="Recompute activations: memory that does not grow with depth.")
@click.option("--conditional", is_flag=True, help="Condition the flow on the classes of the images.")
@click.option("--checkpoint-steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--tensorboard", is_flag=True, help="Write the curves for TensorBoard too.")
@condition_option
@reading_options
@seed_option
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings.")
@click.option("--overwrite", is_flag=True, help="Begin again in a folder that has a run.")
@json_option
def train(data: str, folder: Path, model: str, resume: bool, overwrite: bool, **options: Any) -> None:
    """Train a flow on DATA: a folder of images, IDX files (MNIST), a tar archive, a .npy file, or the word digits."""
    from nflows_core.models import ModelChoice
    from nflows_core.runs import experiment, read_run
    from nflows_core.training import TrainingConfig

    choice = ModelChoice.parse(model)
    arguments = {name: options.pop(name) for name in ("levels", "depth", "kernel_size", "width")}
    reading = {name: options.pop(name) for name in READING}
    condition_on = options.pop("condition_on")
    arguments = {name: value for name, value in arguments.items() if value is not None} | choice.arguments
    if resume:
        stored = read_run(folder)
        # Pictures may have moved, as the data may; their fingerprint says whether they are the same.
        kept = {**asdict(stored.reading), "condition_on": condition_on, **stored.arguments, **asdict(stored.training)}
        refuse_changed({"model": stored.model, **kept}, {"model": choice.model, **choice.arguments})
        name = stored.model
        with epochs_shown(stored.training.epochs, _bits) as progress:
            experiment.resume(data, folder, condition_on=condition_on, progress=progress)
    else:
        if options["learning_rate"] is None:
            options["learning_rate"] = experiment.usual_learning_rate(choice.model, arguments)
        name, config = choice.model, TrainingConfig(**options)
        with epochs_shown(config.epochs, _bits) as progress:
            experiment.train(
                data,
                folder,
                choice.model,
                arguments,
                config,
                **reading,
                condition_on=condition_on,
                overwrite=overwrite,
                progress=progress,
            )
    _report(folder, f"{name} on {Path(data).name}")


@click.command(cls=Command)
@click.option("-o", "--output", "folder", type=FolderPath, default=Path("demo"), show_default=True)
@json_option
def demo(folder: Path) -> None:
    """Train an Inverse-Flow on the embedded handwritten digits, in at most three minutes."""
    from nflows_core.runs import experiment

    with epochs_shown(experiment.DEMO.epochs, _bits) as progress:
        experiment.train_demo(folder, progress=progress)
    _report(folder, "Inverse-Flow on handwritten digits")


def _bits(metrics: StepMetrics) -> str:
    return f"{metrics.loss:.3f} bits per dimension"


def _report(folder: Path, title: str) -> None:
    from nflows_core.runs.report import headlines, not_finite, report_run

    if not is_main_process():
        return
    report = report_run(folder, title)
    echo(headlines(report))
    echo(f"{'report':<32} {folder / 'report.html'}")
    for sentence in not_finite(report):
        echo(sentence, err=True)
    print_report(report)
