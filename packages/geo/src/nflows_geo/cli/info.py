"""``nflows geo info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.progress import progress
from nflows_geo.cli.options import opened, rows_of_tiles, scene_options, table


@click.command(cls=Command)
@scene_options
@json_option
def info(scene: tuple[Path, ...], grid: Path | None, **options: Any) -> None:
    """Print the bands of SCENE, its grid, and how many of its pixels are valid.

    SCENE is a product folder (Landsat 8 or 9 Collection 2, Sentinel-2 SAFE, ASTER L1T as GeoTIFF), or rasters.
    """
    from nflows_geo.scene.inspection import examine
    from nflows_geo.scene.scene import BLOCK_SIZE

    found = opened(scene, grid, **options)
    with progress("rows of blocks", -(-found.grid.height // BLOCK_SIZE)) as advance:
        report = examine(found, lambda blocks: rows_of_tiles(blocks, advance))
    click.echo(f"{report['scene']}, {report['quantity']}\n{found.grid}")
    click.echo(f"{report['valid_pixels']:,} of {report['pixels']:,} pixels are valid in all bands\n")
    click.echo(table(report["bands"]))
    print_report(report)
