"""``nflows geo stack``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.progress import progress
from nflows_geo.cli.options import OutputFile, digests, opened, refuse_overwriting, rows_of_tiles, scene_options, table


@click.command(cls=Command)
@scene_options
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@json_option
def stack(scene: tuple[Path, ...], output: Path, grid: Path | None, **options: Any) -> None:
    """Write the bands of SCENE as one raster: reflectance on the finest grid, NaN where a pixel is not valid.

    It is a scene itself, so everything can start from it.
    """
    from nflows_geo.scene.scene import BLOCK_SIZE
    from nflows_geo.scene.stack import write_stack

    found = opened(scene, grid, **options)
    refuse_overwriting(output, found.inputs.values())
    with progress("rows of blocks", -(-found.grid.height // BLOCK_SIZE)) as advance:
        valid = write_stack(found, output, rows_of_tiles(found.blocks(), advance), options["resampling"])
    report = {
        "scene": found.name,
        "quantity": found.quantity,
        "resampling": options["resampling"],
        "crs": found.grid.crs.to_string(),
        "width": found.grid.width,
        "height": found.grid.height,
        "pixels": found.grid.pixels,
        "valid_pixels": valid,
        "bands": found.table(),
        "inputs": digests(found.inputs),
        "outputs": digests({output.name: output}),
    }
    click.echo(f"{found.name}, {found.quantity}\n{found.grid}\n\n{table(report['bands'])}\n")
    click.echo(f"{output}: {valid:,} of {found.grid.pixels:,} pixels are valid")
    print_report(report)
