"""The command ``nflows``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.cli import Application, json_option, print_report, run
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.page import shown, words
from nflows_core.runtime.progress import progress

if TYPE_CHECKING:
    from nflows_core.data.images import Images
    from nflows_core.training import StepMetrics
    from nflows_core.training.loop import Progress

FolderPath = click.Path(file_okay=False, path_type=Path)
FilePath = click.Path(dir_okay=False, path_type=Path)
RunPath = click.argument("folder", metavar="RUN", type=FolderPath)
size_option = click.option(
    "--size", type=click.IntRange(1), help="Scale and crop every image to a square of this side."
)
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random.")


@click.group(cls=Application)
@click.version_option(package_name="nflows-core")
def nflows() -> None:
    """Image flows: exact densities, exact inverses, samples in milliseconds."""


@nflows.command()
@click.argument("data")
@click.option("-o", "--output", "folder", type=FolderPath, required=True, help="Folder of the run.")
@click.option("--model", type=click.Choice(["glow", "inverse-flow"]), default="inverse-flow", show_default=True)
@click.option("--levels", type=click.IntRange(1), help="Times that the image is squeezed.  [default: 2]")
@click.option("--depth", type=click.IntRange(1), help="Steps of a level.  [default: 4]")
@click.option("--kernel-size", type=click.IntRange(1), help="Of the inverse convolutions.  [default: 3]")
@click.option(
    "--width", type=click.IntRange(1), help="Hidden channels of the couplings, doubled at each level.  [default: 96]"
)
@click.option("--epochs", type=click.IntRange(1), default=10, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=100, show_default=True)
@click.option("--accumulation-steps", type=click.IntRange(1), default=1, show_default=True)
@click.option("--learning-rate", type=float, default=3e-3, show_default=True)
@click.option("--warmup-steps", type=click.IntRange(0), default=100, show_default=True)
@click.option(
    "--schedule", type=click.Choice(["cosine", "exponential", "constant"]), default="cosine", show_default=True
)
@click.option("--clip-norm", type=float, default=1.0, show_default=True, help="Largest norm of a gradient.")
@click.option("--ema-decay", type=float, default=0.999, show_default=True, help="Of the averaged weights.")
@click.option("--mixed-precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True)
@click.option("--checkpoint-steps", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--tensorboard", is_flag=True, help="Write the curves for TensorBoard too.")
@size_option
@seed_option
@click.option("--resume", is_flag=True, help="Go on with the run in the folder, with its own settings.")
@click.option("--overwrite", is_flag=True, help="Begin again in a folder that has a run.")
@json_option
def train(data: str, folder: Path, model: str, size: int | None, resume: bool, overwrite: bool, **options: Any) -> None:
    """Train a flow on DATA: a folder of images, IDX files (MNIST), a tar archive, a .npy file, or the word digits."""
    from nflows_core import experiment
    from nflows_core.training import TrainingConfig, read_run

    arguments = {name: options.pop(name) for name in ("levels", "depth", "kernel_size", "width")}
    arguments = {name: value for name, value in arguments.items() if value is not None}
    if resume:
        stored = read_run(folder)
        _check_same_settings(
            {"model": stored.model, "size": stored.size, **stored.arguments, **asdict(stored.training)}
        )
        model = stored.model
        with _epochs(stored.training.epochs) as progress:
            experiment.resume(data, folder, progress=progress)
    else:
        config = TrainingConfig(**options)
        with _epochs(config.epochs) as progress:
            experiment.train(data, folder, model, arguments, config, size=size, overwrite=overwrite, progress=progress)
    _report(folder, f"{model} on {Path(data).name}")


@nflows.command(name="eval")
@RunPath
@click.argument("data", required=False)
@size_option
@json_option
def evaluate(folder: Path, data: str | None, size: int | None) -> None:
    """Measure the flow of RUN on the test images of DATA, or of its own data."""
    from nflows_core import experiment
    from nflows_core.training import load_run

    measured = experiment.measure(load_run(folder), _test_images(folder, data, size))
    _show(measured)


@nflows.command()
@RunPath
@click.option("-n", "count", type=click.IntRange(1), default=64, show_default=True, help="How many images.")
@click.option("-o", "--output", type=FilePath, required=True, help="A PNG file.")
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True)
@seed_option
def sample(folder: Path, count: int, output: Path, temperature: float, seed: int) -> None:
    """Draw images from the flow of RUN."""
    from nflows_core import experiment
    from nflows_core.training import load_run

    experiment.save_samples(load_run(folder), output, count, temperature=temperature, seed=seed)
    click.echo(output)


@nflows.command()
@RunPath
@click.argument("data", required=False, metavar="IMAGES")
@click.option(
    "-n", "count", type=click.IntRange(1), default=1000, show_default=True, help="How many images to measure."
)
@click.option("-o", "--output", type=FilePath, help="A PNG file of ten of them.")
@size_option
@json_option
def reconstruct(folder: Path, data: str | None, count: int, output: Path | None, size: int | None) -> None:
    """Encode and decode the test images of IMAGES, or of RUN's own data, and say how exactly they came back."""
    from nflows_core import experiment
    from nflows_core.evaluation import reconstruction_error
    from nflows_core.training import load_run

    flow, images = load_run(folder), _test_images(folder, data, size)
    result = {"images": min(count, len(images)), "max_reconstruction_error": reconstruction_error(flow, images, count)}
    if output is not None:
        experiment.save_reconstruction(flow, images, output)
    _show(result)


@nflows.command()
@click.option("-o", "--output", "folder", type=FolderPath, default=Path("demo"), show_default=True)
@json_option
def demo(folder: Path) -> None:
    """Train an Inverse-Flow on the embedded handwritten digits, in at most three minutes."""
    from nflows_core import experiment

    model, config = experiment.DEMO_MODEL, experiment.DEMO
    with _epochs(config.epochs) as progress:
        experiment.train("digits", folder, "inverse-flow", model, config, overwrite=True, progress=progress)
    _report(folder, "Inverse-Flow on handwritten digits")


@nflows.command()
@json_option
def doctor() -> ExitCode:
    """Check this installation: versions, solvers, and one exact inverse."""
    from nflows_core.doctor import examine

    findings = examine()
    _show(findings)
    return ExitCode.DONE if findings["inverse_is_exact"] else ExitCode.FAILED


def main() -> None:
    sys.exit(run(nflows))


def _test_images(folder: Path, data: str | None, size: int | None) -> Images:
    from nflows_core.data.read import read_images
    from nflows_core.training import read_run

    trained = read_run(folder)
    return read_images(data or trained.data, "test", size or trained.size)


def _check_same_settings(stored: Mapping[str, Any]) -> None:
    """A resumed run keeps its settings, so that one typed differently would be ignored."""
    context = click.get_current_context()
    for name, value in context.params.items():
        typed = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if typed and name in stored and stored[name] != value:
            option = name.replace("_", "-")
            raise CommandError(f"--{option} is {value}, but the run to resume has {stored[name]}; leave the option out")
    if context.params["overwrite"]:
        raise CommandError("--resume goes on with a run, --overwrite begins it again: give one of them")


@contextmanager
def _epochs(total: int) -> Iterator[Progress]:
    """A bar of epochs on a terminal, a line for each elsewhere."""
    with progress("epochs", total) as advance:

        def update(metrics: StepMetrics, total_steps: int) -> None:
            if metrics.step * total % total_steps == 0:
                advance(f"{metrics.bits_per_dim:.3f} bits per dimension, {metrics.seconds:.0f} s")

        yield update


def _report(folder: Path, title: str) -> None:
    from nflows_core import experiment

    report = experiment.report(folder, title)
    click.echo(experiment.headlines(report))
    click.echo(f"{'report':<32} {folder / 'report.html'}")
    print_report(report)


def _show(result: Mapping[str, Any]) -> None:
    for name, value in result.items():
        if not isinstance(value, Mapping):
            click.echo(f"{words(name):<32} {shown(value)}")
    print_report(result)


if __name__ == "__main__":
    main()
