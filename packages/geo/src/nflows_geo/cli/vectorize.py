"""``nflows geo vectorize``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import OutputFile
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import GeoCommand, area_shown, min_pixels_option, names_in, names_option


@click.command(cls=GeoCommand)
@click.argument("geological_map", metavar="MAP", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputFile(".gpkg"), required=True, help="A GeoPackage.")
@min_pixels_option
@names_option
@json_option
def vectorize(geological_map: Path, output: Path, min_pixels: int, names: Path | None) -> None:
    """Turn the classes of MAP into polygons with their areas in km²."""
    from nflows_geo.steps import vectorize_map

    report = vectorize_map(geological_map, output, minimum_pixels=min_pixels, names=names_in(names))
    echo(table(report["units"]))
    word = "polygon" if report["polygons"] == 1 else "polygons"
    echo(f"\n{output}: {report['polygons']:,} {word}, {area_shown(report)}")
    print_report(report)
