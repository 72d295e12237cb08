"""``nflows geo map``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.batch import dask_option
from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_geo.cli.options import (
    labels_on,
    labels_options,
    memory_option,
    opened,
    output_folder_option,
    recipe_options,
    rgb_option,
    scene_options,
    table,
    watched_tiles,
)


@click.command("map", cls=Command)
@scene_options
@output_folder_option
@labels_options
@recipe_options
@rgb_option
@click.option(
    "--min-pixels", type=click.IntRange(1), default=1, show_default=True, help="Smaller patches get no polygon."
)
@memory_option
@dask_option
@json_option
def map_(
    scene: tuple[Path, ...],
    grid: Path | None,
    folder: Path,
    labels: Path | None,
    rgb: str | None,
    min_pixels: int,
    memory: int,
    dask: str | None,
    **options: Any,
) -> None:
    """Map the geological units of SCENE: a raster, polygons and a report in the folder OUTPUT."""
    from nflows_geo.figures.overview import View, composite
    from nflows_geo.mapping.learning import Recipe
    from nflows_geo.mapping.pipeline import MAP_FILE, map_scene
    from nflows_geo.tiling.workers import workers

    recipe = Recipe(**{name: options.pop(name) for name in ("reduction", "clustering", "units", "smooth", "seed")})
    labelled = {name: options.pop(name) for name in ("assume_crs", "column")}
    found = opened(scene, grid, dask=dask, **options)
    ground = labels_on(found.grid, labels, align=options["align"], **labelled)
    view = View.of(found.grid, composite(found.bands, () if rgb is None else rgb.split(",")))
    with workers(dask) as staff:
        report = map_scene(
            found,
            recipe,
            folder,
            view=view,
            workers=staff,
            memory=memory,
            labels=ground,
            labels_file=labels,
            minimum_pixels=min_pixels,
            watch=watched_tiles,
        )
    click.echo(table(report["tables"]["Units"]))
    click.echo(f"\n{folder / MAP_FILE}: {report['units']} units, {report['mapped_area_km2']:,.4g} km²")
    print_report(report)
