"""A scene made into a folder: the map, its polygons, and a report."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from nflows_core.runtime.clock import Clock
from nflows_core.runtime.ownership import claim_folder, refuse_foreign
from nflows_core.runtime.report import REPORT_FILES
from nflows_core.runtime.temporary import appearing_together
from nflows_geo.evaluation import score_rows
from nflows_geo.figures import View
from nflows_geo.labels import Labels
from nflows_geo.mapping.drawing import Drawing, draw_tile
from nflows_geo.mapping.drawn_map import DrawnMap
from nflows_geo.mapping.learning import Recipe, learn
from nflows_geo.mapping.map_file import write_map
from nflows_geo.mapping.names import UnitNames
from nflows_geo.mapping.pictures import PRINTED_FILES, legend, print_map
from nflows_geo.mapping.polygons import vectorize
from nflows_geo.mapping.report import write_map_report
from nflows_geo.mapping.styles import write_raster_style
from nflows_geo.raster import remove_companions
from nflows_geo.scene import Scene, provenance, refuse_inputs, require_several_bands
from nflows_geo.tiling import Tiling, gathered

MAP_FILE, STYLE_FILE, POLYGONS_FILE = "map.tif", "map.qml", "units.gpkg"
RESULTS = (MAP_FILE, STYLE_FILE, POLYGONS_FILE, *PRINTED_FILES, *REPORT_FILES)
"""What `map_scene` writes."""
_KIND = "geological map"


def map_scene(
    scene: Scene,
    recipe: Recipe,
    folder: Path,
    *,
    tiling: Tiling | None = None,
    view: View | None = None,
    labels: Labels | None = None,
    labels_file: Path | None = None,
    minimum_pixels: int = 1,
    names: UnitNames | None = None,
) -> dict[str, Any]:
    """Maps a scene and writes ``map.tif`` with its style, ``units.gpkg``, the page to print and the report.

    The page says on which day it was made, in UTC; ``SOURCE_DATE_EPOCH``, in seconds since 1970, says another one.

    Arguments:
        scene: A scene with two bands or more.
        recipe: How the map is made.
        folder: Where the results go; it is made if it is missing.
        tiling: How the scene is worked on; on the threads of this machine, if not given.
        view: How the pictures of the report are gathered; in the sensor's own false colour, if not given.
        labels: What the map is compared with; it is not made by them.
        labels_file: The file of the labels, for the report.
        minimum_pixels: Polygons of fewer pixels become part of their largest neighbour, and the map stays; see
            `vectorize`.
        names: What units are called, by their numbers on a map that was made likewise.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of a map of ours, or one that is read.
        ValueError: The scene has one band, no valid pixel, a constant band, or fewer distinct spectra than units; a
            unit is named that the map does not have; or the memory is too little.

    Example:
        >>> from nflows_geo import Recipe, map_scene, open_scene
        >>> report = map_scene(open_scene(Path("scene.tif")), Recipe(units=3), Path("out"))
        >>> [row["pixels"] for row in report["tables"]["Units"]]
        [1200, 1200, 1200]
        >>> sorted(path.name for path in Path("out").glob("[!.]*"))
        ['map.pdf', 'map.qml', 'map.svg', 'map.tif', 'report.html', 'report.json', 'units.gpkg']
    """
    refuse_foreign(folder, _KIND, RESULTS)
    names, made = names or UnitNames(), _today()
    refuse_inputs([folder / name for name in RESULTS], scene, [labels_file, names.file])
    require_several_bands(scene)
    view = view or View.of(scene.grid, [band.name for band in scene.bands])
    clock = Clock()
    with (tiling or Tiling()).started() as run:
        learned = learn(scene, recipe)
        mapper, sample = learned.mapper, learned.sample
        scores = score_rows(sample.spectra, sample.features, sample.units, recipe.seed)
        work = partial(draw_tile, mapper, view, scene.grid)
        parts = run.parts(scene, work, layers=len(scene.bands), margin=mapper.margin)
        clock.stop("learn")
        units = mapper.clustering.classes
        names.require(range(1, units + 1))
        drawing = Drawing(scene, units, view, labels)
        claim_folder(folder, _KIND, RESULTS)
        tags = provenance(scene, f"{recipe.reduction}, {recipe.clustering}, {units} units", recipe.seed)
        with appearing_together(folder) as staging:
            written = gathered(parts, drawing.add)
            write_map(staging / MAP_FILE, scene.grid, written, units, tags, names, drawing.by_size)
            drawing.renumber(drawing.by_size())
            clock.stop("draw")
            drawn = DrawnMap(scene, recipe, learned, scores, drawing, names, made, minimum_pixels)
            report = _describe(drawn, staging, clock, labels_file)
            for name in RESULTS:
                remove_companions(folder / name)
    return report


def _describe(drawn: DrawnMap, folder: Path, clock: Clock, labels_file: Path | None) -> dict[str, Any]:
    """Writes all that goes with a map that is drawn: its styles, polygons, page and report."""
    write_raster_style(folder / STYLE_FILE, legend(drawn))
    polygons = vectorize(
        folder / MAP_FILE,
        folder / POLYGONS_FILE,
        minimum_pixels=drawn.minimum_pixels,
        suggestions=drawn.suggestions,
    )
    clock.stop("vectorize")
    printed = print_map(drawn, folder)
    clock.stop("print")
    return write_map_report(drawn, folder, clock.seconds, labels_file, polygons, printed)


def _today() -> date:
    """The day on which a map is made.

    Raises:
        ValueError: ``SOURCE_DATE_EPOCH`` is no number of seconds.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        return datetime.now(UTC).date() if said is None else datetime.fromtimestamp(int(said), UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"SOURCE_DATE_EPOCH is {said!r}, and no number of seconds since 1970; unset it") from error
