"""A scene made into a raster of components."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.mapping.pipeline import tile_side
from nflows_geo.raster.cog import write_cog
from nflows_geo.raster.files import open_raster
from nflows_geo.raster.grid import Tile
from nflows_geo.reductions import REDUCTIONS, Reduction
from nflows_geo.scene.products.raster import QUANTITY_TAG
from nflows_geo.scene.sampling import draw_sample
from nflows_geo.scene.scene import Scene, require_several_bands
from nflows_geo.scene.stack import provenance
from nflows_geo.spectra.neighbourhood import blur, margin
from nflows_geo.tiling.workers import Workers, one_thread

REDUCTION_TAG = "REDUCTION"
"""The tag by which a raster of components says of which reduction they are, and so where their elbow is looked for."""

Watch = Callable[[Iterator[tuple[Window, NDArray[Any]]], int], Iterator[tuple[Window, NDArray[Any]]]]
"""Passes the blocks of a raster on, of which there are so many, to see how far it is."""


@dataclass(frozen=True)
class Reducer:
    """What makes components of the pixels around a pixel.

    Arguments:
        blur: Standard deviation in pixels of the blur before the reduction.
        reduction: Of spectra.
        components: How many it makes.
    """

    blur: float
    reduction: Reduction
    components: int

    @classmethod
    def fit(cls, scene: Scene, name: str, seed: int) -> Reducer:
        """Fits one of `REDUCTIONS` to a sample of a scene.

        Raises:
            ValueError: The scene has one band, no valid pixel, or a constant band.
        """
        require_several_bands(scene)
        method = REDUCTIONS[name]
        reduction = method.fit(draw_sample(scene, method.blur, seed), seed)
        return cls(method.blur, reduction, reduction.describe()["components"])

    def layers(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """The components of a block, :math:`(D, H, W)`, NaN for nodata.

        Arguments:
            block: :math:`(C, H, W)`, NaN for nodata, with a margin of ``margin(blur)`` where the scene goes on.
        """
        valid = np.isfinite(block[0])
        layers = np.full((self.components, *valid.shape), np.nan, np.float32)
        layers[:, valid] = self.reduction.transform(blur(block, self.blur)[:, valid].T).T
        return layers


def reduce_scene(
    scene: Scene, name: str, path: Path, *, seed: int, memory: int, workers: Workers, watch: Watch
) -> dict[str, Any]:
    """Writes the components of a scene as a GeoTIFF of 32-bit floats, NaN where a pixel is not valid.

    Arguments:
        scene: With two bands or more.
        name: One of `REDUCTIONS`.
        path: The target.
        seed: Of the sample, and of what else is random in the fit.
        memory: Bytes that a process may take.
        workers: Who makes the tiles.
        watch: See `Watch`.

    Returns:
        What the reduction says of itself.

    Raises:
        ValueError: See `Reducer.fit`; or the memory is too little.
    """
    # As in `learn`: with one thread, the same seed gives the same components.
    with one_thread():
        reducer = Reducer.fit(scene, name, seed)
        side = tile_side(memory, len(scene.bands) + reducer.components, workers.sharing)
        tiles = scene.grid.tiles(side, margin(reducer.blur))
        write_cog(
            path,
            scene.grid,
            watch(workers.map(partial(_part, scene, reducer), tiles), scene.grid.tile_count(side)),
            dtype="float32",
            bands=[f"component {number}" for number in range(1, reducer.components + 1)],
            nodata=np.nan,
            tags=provenance(scene, name, seed) | {QUANTITY_TAG: f"components by {name}", REDUCTION_TAG: name},
        )
    return reducer.reduction.describe()


def reduction_of(scene: Scene) -> str | None:
    """How the components were made that a scene consists of; nothing if it consists of bands."""
    with open_raster(scene.bands[0].path) as dataset:
        name: str | None = dataset.tags().get(REDUCTION_TAG)
    return name if name in REDUCTIONS else None


def _part(scene: Scene, reducer: Reducer, tile: Tile) -> tuple[Window, NDArray[np.float32]]:
    return tile.core, tile.crop(reducer.layers(scene.read(tile.padded)))
