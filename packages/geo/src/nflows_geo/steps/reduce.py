"""A scene made into a raster of components."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.ownership import refuse_results
from nflows_core.runtime.report import digested
from nflows_geo.raster import Tile, open_raster, write_cog
from nflows_geo.reductions import DEFAULT, REDUCTIONS, Reduction
from nflows_geo.scene import QUANTITY_TAG, Scene, draw_sample, provenance, refuse_inputs, require_several_bands
from nflows_geo.spectra import as_block, blur, margin, spectra_at, valid_pixels
from nflows_geo.tiling import Part, Tiling, gathered, one_thread

REDUCTION_TAG = "REDUCTION"
"""The tag by which a raster of components says of which reduction they are, and so where their elbow is looked for."""


@dataclass(frozen=True)
class Reducer:
    """What makes components of the pixels around a pixel.

    Arguments:
        blur: Standard deviation in pixels of the blur before the reduction.
        reduction: What makes components of spectra.
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

    def draw_tile(self, tile: Tile, padded: NDArray[np.float32]) -> Part[None]:
        """The components of a tile, :math:`(D, H, W)`, NaN for nodata, from the scene in its padded window."""
        valid = valid_pixels(padded)
        components = self.reduction.transform(spectra_at(blur(padded, self.blur), valid))
        return Part(tile.core, tile.crop(as_block(components.astype(np.float32, copy=False), valid, np.nan)), None)


def reduce_scene(
    scene: Scene, path: Path, reduction: str = DEFAULT, *, seed: int = 0, tiling: Tiling | None = None
) -> dict[str, Any]:
    """Writes the components of a scene as a GeoTIFF of 32-bit floats, NaN where a pixel is not valid.

    Arguments:
        scene: A scene with two bands or more.
        path: The target.
        reduction: One of `REDUCTIONS`.
        seed: The seed of the sample, and of what else is random in the fit.
        tiling: How the scene is worked on; on the threads of this machine, if not given.

    Returns:
        What the reduction says of itself, and the digests of inputs and output.

    Raises:
        FileExistsError: The target is read, or part of the results of another command.
        ValueError: See `Reducer.fit`; or the memory is too little.
    """
    refuse_inputs([path], scene)
    refuse_results([path])
    # As in `learn`: with one thread, the same seed gives the same components.
    with one_thread(), (tiling or Tiling()).started() as run:
        reducer = Reducer.fit(scene, reduction, seed)
        layers = len(scene.bands) + reducer.components
        parts = run.parts(scene, reducer.draw_tile, layers=layers, margin=margin(reducer.blur))
        tags = provenance(scene, reduction, seed) | {
            QUANTITY_TAG: f"components by {reduction}",
            REDUCTION_TAG: reduction,
        }
        write_cog(
            path,
            scene.grid,
            gathered(parts),
            dtype="float32",
            bands=[f"component {number}" for number in range(1, reducer.components + 1)],
            nodata=np.nan,
            tags=tags,
        )
    return {
        "scene": scene.name,
        "method": reduction,
        "seed": seed,
        "notices": list(scene.notices),
        "components": reducer.components,
        "reduction": reducer.reduction.describe(),
        "inputs": digested(scene.inputs, scene.digests),
        "outputs": digested({path.name: path}),
    }


def reduction_of(scene: Scene) -> str | None:
    """How the components were made that a scene consists of; nothing if it consists of bands."""
    with open_raster(scene.bands[0].path) as dataset:
        name: str | None = dataset.tags().get(REDUCTION_TAG)
    return name if name in REDUCTIONS else None
