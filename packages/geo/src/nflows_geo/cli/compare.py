"""``nflows geo compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.options import output_folder_option
from nflows_core.runtime.ownership import refuse_foreign
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import cell, table
from nflows_geo.cli.options import METHODS, GeoCommand, labels_on, labels_options, opened, scene_options


@click.command(cls=GeoCommand)
@scene_options
@output_folder_option
@labels_options
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    default=METHODS,
    help="Repeatable; all if not given.",
)
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="How many maps of each method.")
@json_option
def compare(
    paths: tuple[Path, ...],
    folder: Path,
    labels: Path | None,
    methods: tuple[str, ...],
    seeds: int,
    assume_crs: bool,
    column: str,
    labels_layer: str | None,
    **options: Any,
) -> ExitCode:
    """Map SCENE by several methods with several seeds each, and compare numbers of units, scores and agreement.

    A method's number of units is where its elbow is. What fails is reported, and does not stop the others.
    """
    from nflows_geo import comparison as compared

    refuse_foreign(folder, compared.KIND, compared.RESULTS)
    scene = opened(paths, **options)
    labelled = {"assume_crs": assume_crs, "column": column, "labels_layer": labels_layer}
    ground = labels_on(scene.grid, labels, align=options["align"], **labelled)
    with progress("maps", len(methods) * seeds) as advance:
        comparison = compared.compare(scene, methods, seeds, ground, advance=advance)
    report = compared.write_comparison(comparison, folder, scene, ground, labels)
    for caption, rows in report["tables"].items():
        if caption != compared.RUNS:
            echo(f"{caption}\n{report['readings'][caption]}\n\n{table(with_intervals(rows))}\n")
    echo(compared.INTERVALS)
    for run, problem in comparison.failures.items():
        echo(f"{run}: {problem}", err=True)
    print_report(report)
    return ExitCode.FAILED if comparison.failures else ExitCode.DONE


def with_intervals(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows for a terminal: a mean and its interval, which is symmetric, in one column."""
    return [
        {key: _mean(value, row.get(f"{key}_interval_95")) for key, value in row.items() if "_interval_" not in key}
        for row in rows
    ]


def _mean(value: Any, interval: Sequence[float] | None) -> Any:
    return value if interval is None else f"{cell(value)} ± {cell((interval[1] - interval[0]) / 2)}"
