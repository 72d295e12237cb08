"""How good a map is: its units in the space of a scene, and against labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.evaluation.agreement import Agreement
from nflows_geo.evaluation.scores import internal_scores
from nflows_geo.labels.labels import Labels
from nflows_geo.mapping.map_file import MapFile
from nflows_geo.mapping.polygons import pixel_area_km2
from nflows_geo.raster.grid import GridMismatchError, Tile
from nflows_geo.scene.random_pixels import sample_pixels
from nflows_geo.scene.sampling import SCORED
from nflows_geo.scene.scene import BLOCK_SIZE, Scene
from nflows_geo.spectra.scaling import PercentileScaling
from nflows_geo.steps.reduce import reduction_of


def score_units(found: MapFile) -> list[dict[str, Any]]:
    """Pixels, area and share of every unit that a map has."""
    pixels = np.zeros(256, np.int64)
    for _, units in found.tiles(BLOCK_SIZE):
        pixels += np.bincount(units.ravel(), minlength=256)
    pixels[0] = 0
    if not pixels.any():
        raise ValueError(f"{found.path} is all nodata; there is nothing to score")
    area = pixel_area_km2(found.grid)
    return [
        {
            "unit": int(unit),
            "name": found.names.get(int(unit), str(unit)),
            "pixels": int(pixels[unit]),
            "area_km2": float(pixels[unit] * area),
            "share_of_map": float(pixels[unit] / pixels.sum()),
        }
        for unit in np.flatnonzero(pixels)
    ]


def score_space(found: MapFile, scene: Scene, seed: int) -> dict[str, Any]:
    """Scores without labels of random pixels: of bands each scaled to [0, 1], of components as they are.

    Arguments:
        found: The map.
        scene: On the same grid; bands, or components.
        seed: Chooses the pixels.

    Raises:
        GridMismatchError: The map lies elsewhere.
        ValueError: No pixel has a unit and values, or there is one unit.
    """
    if not found.grid.same_as(scene.grid):
        raise GridMismatchError(scene.name, scene.grid, found.path.name, found.grid)
    drawn = sample_pixels(_with_units(found, scene), scene.grid.width, SCORED, seed)
    points, units = drawn[:, :-1], drawn[:, -1].astype(np.uint8)
    reduction = reduction_of(scene)
    if reduction is None:
        points = PercentileScaling.fit(points).transform(points)
    space = "bands" if reduction is None else f"components by {reduction}"
    return {"space": space, "dimensions": points.shape[1], **internal_scores(points, units, seed)}


def score_labels(found: MapFile, labels: Labels, seed: int) -> dict[str, Any]:
    """Agreement with labels on the map's grid; see `Agreement.scores`.

    Raises:
        ValueError: No labelled pixel has a unit.
    """
    units = np.zeros(len(labels), np.uint8)
    for tile, block in found.tiles(BLOCK_SIZE):
        here, rows, columns = labels.within(tile.core)
        units[here] = block[rows, columns]
    return Agreement.of_maps(labels.classes, units, seed, labels.polygons).scores()


def _with_units(found: MapFile, scene: Scene) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """The blocks of a scene and below them the units, NaN where there is none."""
    for tile, units in found.tiles(BLOCK_SIZE):
        yield tile, np.concatenate([scene.read(tile.core), np.where(units, units, np.float32(np.nan))[None]])
