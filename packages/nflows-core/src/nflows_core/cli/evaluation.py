"""``nflows eval``, ``nflows reconstruct`` and ``nflows doctor``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nflows_core.cli.options import (
    DataSet,
    FilePath,
    RunPath,
    condition_option,
    show,
    size_option,
    skip_others_option,
    splits_option,
)
from nflows_core.runtime.cli import Command, json_option
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import seed_option
from nflows_core.runtime.terminal import echo


@click.command(cls=Command, name="eval")
@RunPath
@click.argument("data", type=DataSet(), required=False)
@size_option
@splits_option
@skip_others_option
@condition_option
@click.option(
    "--samples",
    type=click.IntRange(1),
    metavar="N",
    help="Draw N images, 100 or more, and measure KID to as many test images, and FID from 1,281 of each on.",
)
@seed_option
@json_option
def evaluate(folder: Path, data: str | None, samples: int | None, seed: int, **reading: Any) -> ExitCode:
    """Measure the flow of RUN on the test images of DATA, or of its own data."""
    from nflows_core.runs.report import measure_run

    return _show(measure_run(folder, data, samples=samples, seed=seed, **reading))


@click.command(cls=Command)
@RunPath
@click.argument("data", type=DataSet(), required=False, metavar="IMAGES")
@click.option(
    "-n", "count", type=click.IntRange(1), default=1000, show_default=True, help="How many images to measure."
)
@click.option("-o", "--output", type=FilePath, help="A PNG file of ten of them.")
@size_option
@splits_option
@skip_others_option
@condition_option
@json_option
def reconstruct(folder: Path, data: str | None, count: int, output: Path | None, **reading: Any) -> ExitCode:
    """Encode and decode the test images of IMAGES, or of RUN's own data, and say how exactly they came back."""
    from nflows_core.runs.report import reconstruct_run

    return _show(reconstruct_run(folder, data, n=count, path=output, **reading))


def _show(result: Mapping[str, Any]) -> ExitCode:
    from nflows_core.runs.report import not_finite

    show(result)
    problems = not_finite(result)
    for sentence in problems:
        echo(sentence, err=True)
    return ExitCode.FAILED if problems else ExitCode.DONE


@click.command(cls=Command)
@json_option
def doctor() -> ExitCode:
    """Check this installation: versions, solvers, and one exact inverse."""
    from nflows_core.runs.doctor import examine

    findings = examine()
    show(findings)
    return ExitCode.DONE if findings["inverse_is_exact"] else ExitCode.FAILED
