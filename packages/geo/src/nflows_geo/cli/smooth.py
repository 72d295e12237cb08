"""``nflows geo smooth``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import OutputFile
from nflows_core.runtime.terminal import echo
from nflows_geo.cli.options import GeoCommand, watched


@click.command(cls=GeoCommand)
@click.argument("geological_map", metavar="MAP", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@json_option
def smooth(geological_map: Path, output: Path) -> None:
    """Give every pixel of MAP the unit of the majority of the 7 x 7 pixels around it."""
    from nflows_geo.steps import smooth_map
    from nflows_geo.tiling import Tiling

    report = smooth_map(geological_map, output, tiling=Tiling(watch=watched))
    echo(f"{output}: {report['changed_pixels']:,} of {report['mapped_pixels']:,} pixels have another unit")
    print_report(report)
