"""``nflows geo stack``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import OutputFile
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import GeoCommand, opened, scene_options, watched


@click.command(cls=GeoCommand)
@scene_options
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@json_option
def stack(paths: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Write the bands of SCENE as one raster: reflectance on the finest grid, NaN where a pixel is not valid.

    It is a scene itself, so everything can start from it.
    """
    from nflows_geo.steps import stack_scene

    scene = opened(paths, outputs=[output], **options)
    report = stack_scene(scene, output, watch=watched)
    echo(f"{scene.name}, {scene.quantity}\n{scene.grid}\n\n{table(report['bands'])}\n")
    echo(f"{output}: {report['valid_pixels']:,} of {report['pixels']:,} pixels are valid")
    print_report(report)
