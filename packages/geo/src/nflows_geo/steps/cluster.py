"""A raster of components, or of anything else, made into a map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.clustering import CLUSTERINGS, Clustering, Elbow, elbow
from nflows_geo.mapping.map_file import write_map
from nflows_geo.mapping.pipeline import tile_side
from nflows_geo.raster.grid import Tile
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.scene.sampling import FITTED, draw_pixels
from nflows_geo.scene.scene import Scene
from nflows_geo.scene.stack import provenance
from nflows_geo.steps.reduce import Watch, reduction_of
from nflows_geo.tiling.workers import Workers, one_thread


def cluster_scene(
    scene: Scene,
    name: str,
    path: Path,
    *,
    units: int | None,
    seed: int,
    memory: int,
    workers: Workers,
    watch: Watch,
) -> dict[str, Any]:
    """Writes a map whose units are classes of the pixels, each by itself, as they are: not scaled, not blurred.

    The classes are those that `map_scene` has before its majority filter, from what `reduce_scene` wrote with the same
    seed, and numbered by their size before the filter.

    Arguments:
        scene: A raster of components, or a scene.
        name: One of `CLUSTERINGS`.
        path: The target.
        units: How many; if not given, where the elbow is, of the logarithm if the components' reduction has it so.
        seed: Of everything random.
        memory: Bytes that a process may take.
        workers: Who makes the tiles.
        watch: See `Watch`.

    Returns:
        The pixels of each unit, and the elbow.

    Raises:
        ValueError: No pixel is valid, there are fewer distinct ones than units, no elbow, or too little memory.
    """
    side = tile_side(memory, len(scene.bands), workers.sharing)
    reduction = reduction_of(scene)
    # As in `learn`: with one thread, the same seed gives the same map.
    with one_thread():
        features = draw_pixels(scene, FITTED, 0, seed, lambda block: block)
        bend = None if units else _elbow(features, reduction, seed)
        clustering = CLUSTERINGS[name](features, units or bend.k, seed)  # type: ignore[union-attr]
        parts = workers.map(partial(_part, scene, clustering), scene.grid.tiles(side))
        pixels = np.zeros(clustering.classes + 1, np.int64)
        numbers = range(1, clustering.classes + 1)
        method = ", ".join([*filter(None, [reduction]), name, f"{len(numbers)} units"])
        blocks = watch(_counted(parts, pixels), scene.grid.tile_count(side))
        write_map(path, scene.grid, blocks, len(numbers), provenance(scene, method, seed))
    return {
        "units": [{"unit": number, "pixels": int(pixels[number])} for number in numbers],
        "number_of_units": {} if bend is None else bend.describe(),
        "trained_on_pixels": len(features),
    }


def _elbow(features: NDArray[np.float32], reduction: str | None, seed: int) -> Elbow:
    return elbow(features, seed, logarithmic=reduction is not None and REDUCTIONS[reduction].log_elbow)


def _part(scene: Scene, clustering: Clustering, tile: Tile) -> tuple[Window, NDArray[np.uint8]]:
    block = scene.read(tile.core)
    valid = np.isfinite(block[0])
    classes = np.zeros(valid.shape, np.uint8)
    classes[valid] = clustering.predict(np.ascontiguousarray(block[:, valid].T))
    return tile.core, classes


def _counted(
    parts: Iterable[tuple[Window, NDArray[np.uint8]]], pixels: NDArray[np.int64]
) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """The same parts; adds the pixels of each class up."""
    for window, classes in parts:
        pixels += np.bincount(classes.ravel(), minlength=len(pixels))
        yield window, classes
