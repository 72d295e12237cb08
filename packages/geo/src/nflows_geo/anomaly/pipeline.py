"""A scene made into a folder: its scores, its anomalies, and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nflows_core.runtime.clock import Clock
from nflows_core.runtime.ownership import claim_folder, refuse_foreign
from nflows_core.runtime.report import REPORT_FILES
from nflows_core.runtime.temporary import appearing_together
from nflows_geo.anomaly.likeness import Library
from nflows_geo.anomaly.listing import list_anomalies
from nflows_geo.anomaly.report import ScoredScene, write_anomaly_report
from nflows_geo.anomaly.scoring import AnomalyRecipe, LearnedDetector, ScoreDrawing, Scorer, learn_detector
from nflows_geo.anomaly.vectors import write_anomalies
from nflows_geo.figures import View
from nflows_geo.raster import remove_companions, write_cog
from nflows_geo.scene import Scene, provenance, refuse_inputs, require_several_bands
from nflows_geo.tiling import Tiling, gathered

SCORES_FILE, ANOMALIES_FILE = "anomaly.tif", "anomalies.gpkg"
RESULTS = (SCORES_FILE, ANOMALIES_FILE, *REPORT_FILES)
"""What `anomaly_scene` writes."""
KIND = "anomaly map"


def anomaly_scene(
    scene: Scene,
    recipe: AnomalyRecipe,
    folder: Path,
    *,
    tiling: Tiling | None = None,
    view: View | None = None,
    planted: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Scores a scene and writes ``anomaly.tif``, ``anomalies.gpkg`` and the report.

    Arguments:
        scene: A scene with two bands or more.
        recipe: How anomalies are found.
        folder: Where the results go; it is made if it is missing.
        tiling: How the scene is worked on; on the threads of this machine, if not given.
        view: How the pictures of the report are gathered; in the sensor's own false colour, if not given.
        planted: What `planted_check` says of the scene, for the report.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of an anomaly map of ours, or one that is read.
        ValueError: The scene has one band, too few valid pixels or a band that tells nothing; or the memory is too
            little.

    Example:
        >>> from nflows_geo import AnomalyRecipe, anomaly_scene, open_scene
        >>> scene, recipe = open_scene(Path("scene.tif")), AnomalyRecipe("rx", false_alarm_rate=0.01)
        >>> report = anomaly_scene(scene, recipe, Path("out"))
        >>> report["pixels_above_threshold"], report["scene"]["valid_pixels"]
        (35, 3600)
    """
    refuse_foreign(folder, KIND, RESULTS)
    refuse_inputs([folder / name for name in RESULTS], scene)
    require_several_bands(scene)
    view = view or View.of(scene.grid, [band.name for band in scene.bands])
    clock = Clock()
    with (tiling or Tiling()).started() as run:
        learned = learn_detector(scene, recipe)
        scorer = Scorer(learned.detector, learned.threshold, scene.grid.width, view)
        parts = run.parts(scene, scorer.draw_tile, layers=len(scene.bands))
        clock.stop("learn")
        drawing = ScoreDrawing(scene, view)
        claim_folder(folder, KIND, RESULTS)
        with appearing_together(folder) as staging:
            write_cog(
                staging / SCORES_FILE,
                scene.grid,
                gathered(parts, drawing.add),
                dtype="float32",
                bands=["anomaly score"],
                nodata=np.nan,
                tags=_tags(scene, recipe, learned),
            )
            clock.stop("score")
            library, unlike = _library(scene, learned)
            anomalies = list_anomalies(scene, drawing.unusual.pixels(), learned.spectra, library=library)
            areas = write_anomalies(staging / ANOMALIES_FILE, anomalies, scene.grid, scene.bands)
            clock.stop("list")
            scored = ScoredScene(scene, recipe, learned, drawing, anomalies, areas, planted or {}, library or unlike)
            report = write_anomaly_report(scored, staging, clock.seconds)
            for name in RESULTS:
                remove_companions(folder / name)
    return report


def _library(scene: Scene, learned: LearnedDetector) -> tuple[Library | None, str]:
    """What anomalies are compared with, or why they are not."""
    try:
        return Library.of(scene.wavelengths, learned.spectra), ""
    except ValueError as error:
        return None, str(error)


def _tags(scene: Scene, recipe: AnomalyRecipe, learned: LearnedDetector) -> dict[str, str]:
    return provenance(scene, f"anomaly, {recipe.detector}", recipe.seed) | {
        "SCORE": learned.detector.unit,
        "THRESHOLD": f"{learned.threshold:.9g}",
        "FALSE_ALARM_RATE": f"{recipe.false_alarm_rate:g}",
    }
