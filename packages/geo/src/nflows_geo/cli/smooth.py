"""``nflows geo smooth``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_geo.cli.options import OutputFile, digests, refuse_overwriting, watched_blocks


@click.command(cls=Command)
@click.argument("geological_map", metavar="MAP", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputFile(".tif", ".tiff"), required=True, help="A GeoTIFF.")
@json_option
def smooth(geological_map: Path, output: Path) -> None:
    """Give every pixel of MAP the unit of the majority of the 7 x 7 pixels around it."""
    from nflows_geo.steps.smooth import smooth_map

    refuse_overwriting(output, [geological_map])
    counts = smooth_map(geological_map, output, watch=watched_blocks)
    report = {
        **counts,
        "inputs": digests({geological_map.name: geological_map}),
        "outputs": digests({output.name: output}),
    }
    click.echo(f"{output}: {counts['changed_pixels']:,} of {counts['mapped_pixels']:,} pixels have another unit")
    print_report(report)
