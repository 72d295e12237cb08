"""A scene made into a folder: its scores, its anomalies, and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.anomaly.listing import list_anomalies
from nflows_geo.anomaly.report import ScoredScene, write_anomaly_report
from nflows_geo.anomaly.scoring import (
    AnomalyRecipe,
    LearnedDetector,
    ScoredPart,
    ScoreDrawing,
    draw_scores,
    learn_detector,
)
from nflows_geo.anomaly.vectors import write_anomalies
from nflows_geo.figures.overview import View
from nflows_geo.mapping.pipeline import tile_side
from nflows_geo.raster.cog import write_cog
from nflows_geo.scene.scene import Scene, require_several_bands
from nflows_geo.scene.stack import provenance
from nflows_geo.tiling.clock import Clock
from nflows_geo.tiling.workers import Workers

SCORES_FILE, ANOMALIES_FILE = "anomaly.tif", "anomalies.gpkg"

Watch = Callable[[Iterable[ScoredPart], int], Iterator[ScoredPart]]
"""Passes the parts on, of which there are so many, to see how far it is."""


def anomaly_scene(
    scene: Scene,
    recipe: AnomalyRecipe,
    folder: Path,
    *,
    view: View,
    workers: Workers,
    memory: int,
    planted: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    watch: Watch = lambda parts, total: iter(parts),
) -> dict[str, Any]:
    """Scores a scene and writes ``anomaly.tif``, ``anomalies.gpkg`` and the report.

    Arguments:
        scene: With two bands or more.
        recipe: How.
        folder: For the results; it is made if it is missing.
        view: How the pictures of the report are gathered.
        workers: Who scores the tiles.
        memory: Bytes that a process of theirs may take.
        planted: What `planted_check` found in it, for the report.
        watch: See `Watch`.

    Returns:
        The content of ``report.json``.

    Raises:
        ValueError: The scene has one band, too few valid pixels or a band that tells nothing; or the memory is too
            little.
    """
    require_several_bands(scene)
    clock = Clock()
    learned = learn_detector(scene, recipe)
    side = tile_side(memory, len(scene.bands), workers.sharing)
    clock.stop("learn")
    drawing = ScoreDrawing(scene.grid, len(scene.bands), view)
    folder.mkdir(parents=True, exist_ok=True)
    parts = watch(draw_scores(scene, learned, view, side, workers), scene.grid.tile_count(side))
    _write(folder / SCORES_FILE, scene, recipe, learned, drawing.gather(parts))
    clock.stop("score")
    anomalies = list_anomalies(scene, drawing.unusual.pixels(), learned.spectra)
    areas = write_anomalies(folder / ANOMALIES_FILE, anomalies, scene.grid, scene.bands)
    clock.stop("list")
    scored = ScoredScene(scene, recipe, learned, drawing, anomalies, areas, planted or {})
    return write_anomaly_report(scored, folder, clock.seconds)


def _write(
    path: Path,
    scene: Scene,
    recipe: AnomalyRecipe,
    learned: LearnedDetector,
    blocks: Iterable[tuple[Window, NDArray[np.float32]]],
) -> None:
    tags = {
        "SCORE": learned.detector.unit,
        "THRESHOLD": f"{learned.threshold:.9g}",
        "FALSE_ALARM_RATE": f"{recipe.false_alarm_rate:g}",
    }
    write_cog(
        path,
        scene.grid,
        blocks,
        dtype="float32",
        bands=["anomaly score"],
        nodata=np.nan,
        tags=provenance(scene, f"anomaly, {recipe.detector}", recipe.seed) | tags,
    )
