"""``nflows geo info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import GeoCommand, opened, scene_options, watched


@click.command(cls=GeoCommand)
@scene_options
@json_option
def info(paths: tuple[Path, ...], **options: Any) -> None:
    """Print the bands of SCENE, its grid, and how many of its pixels are valid.

    SCENE is a product folder (Landsat 4, 5, 7, 8 or 9 Collection 2, Sentinel-2 SAFE, ASTER L1T as GeoTIFF), or rasters.
    """
    from nflows_geo.steps import examine

    scene = opened(paths, **options)
    report = examine(scene, watch=watched)
    echo(f"{report['scene']}, {report['quantity']}\n{scene.grid}")
    echo(f"{report['valid_pixels']:,} of {report['pixels']:,} pixels are valid in all bands\n")
    echo(table(report["bands"]))
    print_report(report)
