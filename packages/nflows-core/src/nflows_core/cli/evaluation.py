"""``nflows eval``, ``nflows reconstruct`` and ``nflows doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.cli.options import FilePath, RunPath, show, size_option, test_images
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.errors import ExitCode


@click.command(cls=Command, name="eval")
@RunPath
@click.argument("data", required=False)
@size_option
@json_option
def evaluate(folder: Path, data: str | None, size: int | None) -> None:
    """Measure the flow of RUN on the test images of DATA, or of its own data."""
    from nflows_core.runs import experiment, read_run
    from nflows_core.runs.conditioning import context_of

    images = test_images(folder, data, size)
    show(experiment.measure(experiment.load(folder), images, context=context_of(read_run(folder), images)))


@click.command(cls=Command)
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
    from nflows_core.evaluation import reconstruction_error
    from nflows_core.runs import experiment, read_run
    from nflows_core.runs.conditioning import context_of

    flow, images = experiment.load(folder), test_images(folder, data, size)
    context = context_of(read_run(folder), images)
    error = reconstruction_error(flow, images, count, context=context)
    if output is not None:
        experiment.save_reconstruction(flow, images, output, context=context)
    show({"images": min(count, len(images)), "max_reconstruction_error": error})


@click.command(cls=Command)
@json_option
def doctor() -> ExitCode:
    """Check this installation: versions, solvers, and one exact inverse."""
    from nflows_core.runs.doctor import examine

    findings = examine()
    show(findings)
    return ExitCode.DONE if findings["inverse_is_exact"] else ExitCode.FAILED
