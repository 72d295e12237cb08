"""A scene made into a folder: the map, its polygons, and a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from nflows_geo.figures.overview import View
from nflows_geo.labels.labels import Labels
from nflows_geo.mapping.drawing import Drawing, Part, draw
from nflows_geo.mapping.learning import Recipe, learn
from nflows_geo.mapping.map_file import write_map
from nflows_geo.mapping.polygons import vectorize
from nflows_geo.mapping.report import DrawnMap, score_rows, write_map_report
from nflows_geo.scene.scene import Scene, require_several_bands
from nflows_geo.scene.stack import provenance
from nflows_geo.tiling.clock import Clock
from nflows_geo.tiling.workers import Workers

MAP_FILE, POLYGONS_FILE = "map.tif", "units.gpkg"

Watch = Callable[[Iterable[Part], int], Iterator[Part]]
"""Passes the parts of a map on, of which there are so many, to see how far it is."""

_TAKEN = 600 * 2**20
"""Bytes that Python, its libraries, and what GDAL keeps of files take."""

_TORCH = 500 * 2**20
"""Bytes that torch takes, which only some methods load."""

_BYTES = 40
"""Of a band of a pixel: as read, blurred, without nodata, reduced, its square, and temporaries."""

_SIDES = (1024, 512, 256)
"""Of tiles: multiples of the blocks in which rasters are stored, so that few are decoded twice. Larger ones are slower:
their arrays no longer fit in the memory that is kept between two, and the system clears them anew."""


def map_scene(
    scene: Scene,
    recipe: Recipe,
    folder: Path,
    *,
    view: View,
    workers: Workers,
    memory: int,
    labels: Labels | None = None,
    labels_file: Path | None = None,
    minimum_pixels: int = 1,
    watch: Watch = lambda parts, total: iter(parts),
) -> dict[str, Any]:
    """Maps a scene and writes ``map.tif``, ``units.gpkg`` and the report.

    Arguments:
        scene: With two bands or more.
        recipe: How.
        folder: For the results; it is made if it is missing.
        view: How the pictures of the report are gathered.
        workers: Who draws the tiles.
        memory: Bytes that a process of theirs may take.
        labels: What the map is compared with; it is not made by them.
        labels_file: Where they are from.
        minimum_pixels: Smaller patches get no polygon of their own; see `vectorize`.
        watch: See `Watch`.

    Returns:
        The content of ``report.json``.

    Raises:
        ValueError: The scene has one band, no valid pixel, a constant band, or fewer distinct spectra than units; or
            the memory is too little.
    """
    require_several_bands(scene)
    clock = Clock()
    learned = learn(scene, recipe)
    mapper = learned.mapper
    scores = score_rows(learned.sample, recipe.seed)
    side = tile_side(memory, len(scene.bands), workers.sharing)
    clock.stop("learn")
    drawing = Drawing(scene.grid, len(scene.bands), mapper.clustering.classes, view, labels)
    folder.mkdir(parents=True, exist_ok=True)
    parts = watch(draw(scene, mapper, view, side, workers), scene.grid.tile_count(side))
    count = mapper.clustering.classes
    tags = provenance(scene, f"{recipe.reduction}, {recipe.clustering}, {count} units", recipe.seed)
    write_map(folder / MAP_FILE, scene.grid, drawing.gather(parts), count, tags)
    clock.stop("draw")
    polygons = vectorize(folder / MAP_FILE, folder / POLYGONS_FILE, minimum_pixels=minimum_pixels)
    clock.stop("vectorize")
    drawn = DrawnMap(scene, recipe, learned, scores, drawing, polygons)
    return write_map_report(drawn, folder, clock.seconds, labels_file)


def tile_side(memory: int, bands: int, workers: int) -> int:
    """The side of the largest tiles with which this process stays within so many bytes, with what it has loaded.

    Raises:
        ValueError: Not even the smallest do.
    """
    taken = _TAKEN + (_TORCH if "torch" in sys.modules else 0)
    for side in _SIDES:
        if taken + workers * bands * _BYTES * side**2 <= memory:
            return side
    least = taken + workers * bands * _BYTES * _SIDES[-1] ** 2
    raise ValueError(
        f"{bands} bands on {workers} cores need {least / 2**30:.1f} GiB of memory, more than {memory / 2**30:.1f}"
    )
