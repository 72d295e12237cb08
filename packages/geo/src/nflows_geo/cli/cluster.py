"""``nflows geo cluster``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import OutputFile, dask_option, memory_option, seed_option
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import (
    GeoCommand,
    clustering_option,
    echo_doubts,
    opened,
    scene_options,
    units_option,
    watched,
)


@click.command(cls=GeoCommand)
@scene_options
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@clustering_option
@units_option
@seed_option
@memory_option
@dask_option
@json_option
def cluster(
    paths: tuple[Path, ...],
    output: Path,
    clustering: str,
    units: int | None,
    seed: int,
    memory: int,
    dask: str | None,
    **options: Any,
) -> None:
    """Write a map of the pixels of SCENE as they are: components that `nflows geo reduce` wrote, or anything else.

    Nothing is scaled and nothing smoothed. The elbow is that of the components' method.
    """
    from nflows_geo.steps import cluster_scene
    from nflows_geo.tiling import Tiling

    scene = opened(paths, outputs=[output], dask=dask, **options)
    tiling = Tiling(memory, dask=dask, watch=watched)
    report = cluster_scene(scene, output, clustering, units=units, seed=seed, tiling=tiling)
    echo(table(report["units"]))
    echo(f"\n{output}: {len(report['units'])} units by {report['method']}")
    echo_doubts(report["number_of_units"])
    print_report(report)
