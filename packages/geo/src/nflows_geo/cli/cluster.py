"""``nflows geo cluster``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.batch import dask_option
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_geo.cli.options import (
    OutputFile,
    clustering_option,
    digests,
    memory_option,
    opened,
    refuse_overwriting,
    scene_options,
    seed_option,
    table,
    units_option,
    watched_blocks,
)


@click.command(cls=Command)
@scene_options
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@clustering_option
@units_option
@seed_option
@memory_option
@dask_option
@json_option
def cluster(
    scene: tuple[Path, ...],
    output: Path,
    grid: Path | None,
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
    from nflows_geo.steps.cluster import cluster_scene
    from nflows_geo.tiling.workers import workers

    found = opened(scene, grid, dask=dask, **options)
    refuse_overwriting(output, found.inputs.values())
    with workers(dask) as staff:
        mapped = cluster_scene(
            found, clustering, output, units=units, seed=seed, memory=memory, workers=staff, watch=watched_blocks
        )
    report = {
        "scene": found.name,
        "method": clustering,
        "seed": seed,
        **mapped,
        "inputs": digests(found.inputs),
        "outputs": digests({output.name: output}),
    }
    click.echo(table(mapped["units"]))
    click.echo(f"\n{output}: {len(mapped['units'])} units by {clustering}")
    print_report(report)
