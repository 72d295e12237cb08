"""How good a map is: its units in the space of a scene, and against labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.report import digested
from nflows_geo.evaluation import Agreement, internal_scores
from nflows_geo.labels import Labels
from nflows_geo.mapping import MapFile
from nflows_geo.raster import GridMismatchError, Tile, pixel_areas
from nflows_geo.scene import BLOCK_SIZE, SCORED, Scene, sample_pixels
from nflows_geo.spectra import PercentileScaling
from nflows_geo.steps.reduce import reduction_of


def score_map(
    source: MapFile, scene: Scene | None = None, labels: Labels | None = None, *, labels_file: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Scores a map: what its units are, and as far as given, how compact in a scene and how like labels.

    Arguments:
        source: The map.
        scene: A scene on the same grid; bands, or components.
        labels: What is known of the ground, on the map's grid.
        labels_file: The file of the labels, for the report.
        seed: Chooses the pixels that are scored, and resamples the labels.

    Returns:
        ``units``, ``without_labels`` of a scene and ``against_labels``, and the digests of the inputs.

    Raises:
        GridMismatchError: The scene lies elsewhere.
        ValueError: The map is all nodata, has one unit only, or shares no pixel with the scene or the labels.
    """
    report: dict[str, Any] = {"units": score_units(source), "seed": seed}
    inputs, digests = {source.path.name: source.path}, {}
    if scene is not None:
        report["without_labels"] = score_space(source, scene, seed)
        inputs, digests = inputs | scene.inputs, scene.digests
    if labels is not None:
        report["against_labels"] = score_labels(source, labels, seed)
        inputs |= {} if labels_file is None else {labels_file.name: labels_file}
    return report | {"inputs": digested(inputs, digests)}


def score_units(source: MapFile) -> list[dict[str, Any]]:
    """Pixels, area and share of every unit that a map has.

    Raises:
        ValueError: It is all nodata.
    """
    pixels, areas, measure = np.zeros(256, np.int64), np.zeros(256), pixel_areas(source.grid)
    for tile, units in source.tiles(BLOCK_SIZE):
        pixels += np.bincount(units.ravel(), minlength=256)
        areas += np.bincount(units.ravel(), measure.within(tile.core).ravel(), minlength=256)
    pixels[0] = areas[0] = 0
    if not pixels.any():
        raise ValueError(f"{source.path} is all nodata; there is nothing to score")
    return [
        {
            "unit": int(unit),
            "name": source.names.get(int(unit), str(unit)),
            "pixels": int(pixels[unit]),
            measure.column: float(areas[unit]),
            "share_of_map": float(areas[unit] / areas.sum()),
        }
        for unit in np.flatnonzero(pixels)
    ]


def score_space(source: MapFile, scene: Scene, seed: int) -> dict[str, Any]:
    """Scores without labels of random pixels: of bands each scaled to [0, 1], of components as they are.

    Raises:
        GridMismatchError: The map lies elsewhere.
        ValueError: No pixel has a unit and values, or there is one unit.
    """
    if not source.grid.same_as(scene.grid):
        raise GridMismatchError(scene.name, scene.grid, source.path.name, source.grid)
    drawn = sample_pixels(_with_units(source, scene), scene.grid.width, SCORED, seed)
    points, units = drawn[:, :-1], drawn[:, -1].astype(np.uint8)
    reduction = reduction_of(scene)
    if reduction is None:
        points = PercentileScaling.fit(points).transform(points)
    space = "bands" if reduction is None else f"components by {reduction}"
    return {"space": space, "dimensions": points.shape[1], **internal_scores(points, units, seed)}


def score_labels(source: MapFile, labels: Labels, seed: int) -> dict[str, Any]:
    """Agreement with labels on the map's grid; see `Agreement.scores`.

    Raises:
        ValueError: No labelled pixel has a unit.
    """
    units = np.zeros(len(labels), np.uint8)
    for tile, block in source.tiles(BLOCK_SIZE):
        here, rows, columns = labels.within(tile.core)
        units[here] = block[rows, columns]
    scores = Agreement.of_maps(labels.classes, units, labels.polygons, seed).scores()
    return scores | {"notes": list(labels.notes)}


def _with_units(source: MapFile, scene: Scene) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """The blocks of a scene and below them the units, NaN where there is none."""
    with scene.opened() as opened:
        for tile, units in source.tiles(BLOCK_SIZE):
            yield tile, np.concatenate([opened.read(tile.core), np.where(units, units, np.float32(np.nan))[None]])
