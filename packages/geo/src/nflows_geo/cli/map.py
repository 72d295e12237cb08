"""``nflows geo map``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import dask_option, memory_option, output_folder_option
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import (
    GeoCommand,
    area_shown,
    echo_doubts,
    file_of_labels,
    labels_on,
    labels_options,
    min_pixels_option,
    names_in,
    names_option,
    opened,
    recipe_options,
    rgb_option,
    scene_options,
    view_of,
    watched,
)


@click.command("map", cls=GeoCommand)
@scene_options
@output_folder_option
@labels_options
@recipe_options
@rgb_option
@names_option
@min_pixels_option
@memory_option
@dask_option
@json_option
def map_(
    paths: tuple[Path, ...],
    folder: Path,
    labels: Path | None,
    rgb: tuple[str, ...],
    names: Path | None,
    min_pixels: int,
    memory: int,
    dask: str | None,
    **options: Any,
) -> None:
    """Map the geological units of SCENE: a raster, polygons and a report in the folder OUTPUT."""
    from nflows_geo.mapping import MAP_FILE, POLYGONS_FILE, RESULTS, Recipe, map_scene
    from nflows_geo.tiling import Tiling

    recipe = Recipe(**{name: options.pop(name) for name in ("reduction", "clustering", "units", "smooth", "seed")})
    labelled = {name: options.pop(name) for name in ("assume_crs", "column", "labels_layer")}
    named = names_in(names)
    outputs = [folder / name for name in RESULTS]
    scene = opened(paths, outputs=outputs, labels=labels, dask=dask, **options)
    report = map_scene(
        scene,
        recipe,
        folder,
        tiling=Tiling(memory, dask=dask, watch=watched),
        view=view_of(scene, rgb),
        labels=labels_on(scene.grid, labels, align=options["align"], **labelled),
        labels_file=file_of_labels(labels),
        minimum_pixels=min_pixels,
        names=named,
    )
    echo(table(report["tables"]["Units"]))
    if problem := report["against_labels"].get("problem"):
        echo(f"{labels} is not compared with: {problem}", err=True)
    echo(f"\n{folder / MAP_FILE}: {report['units']} units, {area_shown(report, 'mapped_')}")
    if boxes := report.get("letters_shown_as_boxes"):
        echo(
            f"{boxes}: the pictures and map.pdf show boxes for these letters, which matplotlib's font lacks; "
            "map.svg has them as text, and QGIS shows them",
            err=True,
        )
    if lost := report.get("units_without_pixels_after_the_majority_filter"):
        echo(f"{lost} more had single pixels only, which the majority filter gave to others", err=True)
    if merged := report.get("merged"):
        echo(f"{folder / POLYGONS_FILE}: {merged}, and so do the areas above", err=True)
    echo_doubts(report["number_of_units"])
    print_report(report)
