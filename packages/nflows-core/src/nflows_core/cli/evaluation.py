"""``nflows eval``, ``nflows reconstruct`` and ``nflows doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.cli.options import FilePath, RunPath, show, size_option
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.errors import ExitCode


@click.command(cls=Command, name="eval")
@RunPath
@click.argument("data", required=False)
@size_option
@json_option
def evaluate(folder: Path, data: str | None, size: int | None) -> None:
    """Measure the flow of RUN on the test images of DATA, or of its own data."""
    from nflows_core.runs.report import measure_run

    show(measure_run(folder, data, size))


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
    from nflows_core.runs.report import reconstruct_run

    show(reconstruct_run(folder, data, size, n=count, path=output))


@click.command(cls=Command)
@json_option
def doctor() -> ExitCode:
    """Check this installation: versions, solvers, and one exact inverse."""
    from nflows_core.runs.doctor import examine

    findings = examine()
    show(findings)
    return ExitCode.DONE if findings["inverse_is_exact"] else ExitCode.FAILED
