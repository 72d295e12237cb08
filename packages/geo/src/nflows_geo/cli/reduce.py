"""``nflows geo reduce``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.batch import dask_option
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_geo.cli.options import (
    OutputFile,
    digests,
    memory_option,
    opened,
    reduction_option,
    refuse_overwriting,
    scene_options,
    seed_option,
    watched_blocks,
)


@click.command(cls=Command)
@scene_options
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@reduction_option
@seed_option
@memory_option
@dask_option
@json_option
def reduce(
    scene: tuple[Path, ...],
    output: Path,
    grid: Path | None,
    reduction: str,
    seed: int,
    memory: int,
    dask: str | None,
    **options: Any,
) -> None:
    """Write the components of SCENE as one raster: what its spectra are reduced to before they are clustered."""
    from nflows_geo.steps.reduce import reduce_scene
    from nflows_geo.tiling.workers import workers

    found = opened(scene, grid, dask=dask, **options)
    refuse_overwriting(output, found.inputs.values())
    with workers(dask) as staff:
        fitted = reduce_scene(found, reduction, output, seed=seed, memory=memory, workers=staff, watch=watched_blocks)
    report = {
        "scene": found.name,
        "method": reduction,
        "seed": seed,
        "components": fitted["components"],
        "reduction": fitted,
        "inputs": digests(found.inputs),
        "outputs": digests({output.name: output}),
    }
    click.echo(f"{output}: components by {reduction}, {fitted['components']} of them")
    print_report(report)
