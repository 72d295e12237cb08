"""A raster of components, or of anything else, made into a map."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.ownership import refuse_results
from nflows_core.runtime.report import digested
from nflows_geo.clustering import CLUSTERINGS, Clustering, elbow
from nflows_geo.mapping import write_map
from nflows_geo.raster import Tile
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.scene import FITTED, Scene, draw_pixels, provenance, refuse_inputs
from nflows_geo.spectra import as_block, spectra_at, valid_pixels
from nflows_geo.steps.reduce import reduction_of
from nflows_geo.tiling import Part, Tiling, gathered, one_thread


def cluster_scene(
    scene: Scene,
    path: Path,
    clustering: str = "",
    *,
    units: int | None = None,
    seed: int = 0,
    tiling: Tiling | None = None,
) -> dict[str, Any]:
    """Writes a map whose units are classes of the pixels, each by itself, as they are: not scaled, not blurred.

    The classes are those that `map_scene` has before its majority filter, from what `reduce_scene` wrote with the same
    seed, and numbered by their size before the filter.

    Arguments:
        scene: A raster of components, or a scene.
        path: The target.
        clustering: One of `CLUSTERINGS`; if not given, that of the components' reduction, or k-means of anything else.
        units: How many units the map has; if not given, where the elbow is, as for the components' reduction.
        seed: The seed of everything random.
        tiling: How the scene is worked on; on the threads of this machine, if not given.

    Returns:
        The pixels of each unit, the elbow, and the digests of inputs and output.

    Raises:
        FileExistsError: The target is read, or part of the results of another command.
        ValueError: No pixel is valid, there are fewer distinct ones than units, no elbow, or too little memory.
    """
    refuse_inputs([path], scene)
    refuse_results([path])
    reduction = reduction_of(scene)
    method = None if reduction is None else REDUCTIONS[reduction]
    clustering = clustering or ("k-means" if method is None else method.clustering)
    way = CLUSTERINGS[clustering]
    criterion = way.criterion(logarithmic=method is not None and method.log_elbow)
    # As in `learn`: with one thread, the same seed gives the same map.
    with one_thread(), (tiling or Tiling()).started() as run:
        features = draw_pixels(scene, FITTED, 0, seed, lambda block: block)
        bend = None if units else elbow(features, seed, criterion)
        fitted = way.fit(features, units or bend.k, seed)  # type: ignore[union-attr]
        pixels = np.zeros(fitted.classes + 1, np.int64)

        def count(part: Part[None]) -> None:
            nonlocal pixels
            pixels += np.bincount(part.block.ravel(), minlength=len(pixels))

        made_by = ", ".join([*filter(None, [reduction]), clustering, f"{fitted.classes} units"])
        parts = run.parts(scene, partial(_draw_tile, fitted), layers=len(scene.bands))
        write_map(path, scene.grid, gathered(parts, count), fitted.classes, provenance(scene, made_by, seed))
    return {
        "scene": scene.name,
        "method": clustering,
        "seed": seed,
        "notices": list(scene.notices),
        "units": [{"unit": number, "pixels": int(pixels[number])} for number in range(1, len(pixels))],
        "number_of_units": {} if bend is None else bend.describe(),
        "trained_on_pixels": len(features),
        "inputs": digested(scene.inputs, scene.digests),
        "outputs": digested({path.name: path}),
    }


def _draw_tile(clustering: Clustering, tile: Tile, block: NDArray[np.float32]) -> Part[None]:
    valid = valid_pixels(block)
    classes = clustering.predict(np.ascontiguousarray(spectra_at(block, valid)))
    return Part(tile.core, as_block(classes, valid, 0), None)
