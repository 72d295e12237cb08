"""``nflows geo vectorize``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_geo.cli.options import OutputFile, digests, refuse_overwriting, table


@click.command(cls=Command)
@click.argument("geological_map", metavar="MAP", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputFile(".gpkg"), required=True, help="A GeoPackage.")
@click.option(
    "--min-pixels",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Smaller patches become part of their largest neighbour.",
)
@json_option
def vectorize(geological_map: Path, output: Path, min_pixels: int) -> None:
    """Turn the classes of MAP into polygons with their areas in km²."""
    from nflows_geo.mapping import polygons as vectors

    refuse_overwriting(output, [geological_map])
    units = vectors.vectorize(geological_map, output, minimum_pixels=min_pixels)
    report = {
        "polygons": sum(unit["polygons"] for unit in units),
        "area_km2": sum(unit["area_km2"] for unit in units),
        "min_pixels": min_pixels,
        "units": units,
        "inputs": digests({geological_map.name: geological_map}),
        "outputs": digests({output.name: output}),
    }
    click.echo(table(report["units"]))
    click.echo(f"\n{output}: {report['polygons']:,} polygons, {report['area_km2']:,.4g} km²")
    print_report(report)
