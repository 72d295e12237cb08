"""``nflows geo reduce``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import OutputFile, dask_option, memory_option, seed_option
from nflows_core.runtime.terminal import echo
from nflows_geo.cli.options import GeoCommand, opened, reduction_option, scene_options, watched


@click.command(cls=GeoCommand)
@scene_options
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@reduction_option
@seed_option
@memory_option
@dask_option
@json_option
def reduce(
    paths: tuple[Path, ...],
    output: Path,
    reduction: str,
    seed: int,
    memory: int,
    dask: str | None,
    **options: Any,
) -> None:
    """Write the components of SCENE as one raster: what its spectra are reduced to before they are clustered."""
    from nflows_geo.steps import reduce_scene
    from nflows_geo.tiling import Tiling

    scene = opened(paths, outputs=[output], dask=dask, **options)
    report = reduce_scene(scene, output, reduction, seed=seed, tiling=Tiling(memory, dask=dask, watch=watched))
    echo(f"{output}: components by {reduction}, {report['components']} of them")
    print_report(report)
