"""``nflows geo score``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import seed_option
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import (
    GeoCommand,
    exclude_bands_option,
    file_of_labels,
    labels_on,
    labels_options,
    opened,
)

_HEADLINE = ("overall_accuracy", "adjusted_rand_index", "normalized_mutual_information")


@click.command(cls=GeoCommand)
@click.argument("geological_map", metavar="MAP", type=click.Path(path_type=Path))
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    type=click.Path(path_type=Path),
    help="In whose space units are scored: bands, or components; repeatable for several rasters.",
)
@labels_options
@click.option("--align", is_flag=True, help="Resample a scene or labels that lie elsewhere.")
@exclude_bands_option
@seed_option
@json_option
def score(
    geological_map: Path,
    scenes: tuple[Path, ...],
    labels: Path | None,
    assume_crs: bool,
    column: str,
    labels_layer: str | None,
    align: bool,
    exclude_bands: tuple[str, ...],
    seed: int,
) -> None:
    """Score the units of MAP: how compact they are in the space of a scene, and how they agree with labels."""
    from nflows_geo.evaluation import confusion_rows
    from nflows_geo.mapping import open_map
    from nflows_geo.steps import score_map

    source = open_map(geological_map)
    grid = geological_map if align else None
    scene = opened(scenes, grid=grid, align=align, exclude_bands=exclude_bands) if scenes else None
    labelled = {"assume_crs": assume_crs, "column": column, "labels_layer": labels_layer}
    ground = labels_on(source.grid, labels, align=align, **labelled)
    report = score_map(source, scene, ground, labels_file=file_of_labels(labels), seed=seed)
    echo(table(report["units"]))
    if scene is not None:
        echo(f"\n{table([report['without_labels']])}")
    if ground is not None:
        agreement = report["against_labels"]
        echo(
            f"\n{table(_agreement_rows(agreement, ground.called))}\n\n{table(confusion_rows(ground.names, agreement))}"
        )
    print_report(report)


def _agreement_rows(agreement: dict[str, Any], groups: str) -> list[dict[str, Any]]:
    """The scores with the intervals to judge by, of as many labelled pixels, and polygons or groups of points."""
    return [
        {
            "score": name.replace("_", " "),
            "value": agreement[name],
            f"interval_95_by_{groups}": agreement[f"{name}_interval_95_by_groups"],
            "pixels": agreement["n"],
            groups: agreement["groups"],
        }
        for name in _HEADLINE
    ]
