"""A scene as one raster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nflows_core.runtime.ownership import refuse_results
from nflows_core.runtime.report import digested
from nflows_geo.raster import write_cog
from nflows_geo.scene import BLOCK_SIZE, QUANTITY_TAG, NoValidPixelError, Scene, provenance, refuse_inputs
from nflows_geo.spectra import valid_pixels
from nflows_geo.tiling import Part, Watch, gathered, unwatched


def stack_scene(scene: Scene, path: Path, *, watch: Watch = unwatched) -> dict[str, Any]:
    """Writes the blocks of a scene, NaN where a pixel is not valid, with names and wavelengths of the bands.

    Arguments:
        scene: The scene.
        path: A GeoTIFF.
        watch: Sees how far the work is.

    Returns:
        What was written: grid, bands, the number of valid pixels, and the digests of inputs and output.

    Raises:
        FileExistsError: The target is read, or part of the results of another command.
        NoValidPixelError: No pixel is valid, and nothing is written.
    """
    refuse_inputs([path], scene)
    refuse_results([path])
    resampling = scene.placed_bands[0].resampling
    valid = 0

    def parts() -> Iterator[Part[int]]:
        for tile, block in scene.blocks():
            yield Part(tile.core, block, int(valid_pixels(block).sum()))
        if not valid:
            raise NoValidPixelError(f"{scene.name} has no valid pixel")

    def count(part: Part[int]) -> None:
        nonlocal valid
        valid += part.told

    write_cog(
        path,
        scene.grid,
        gathered(watch(parts(), scene.grid.tile_count(BLOCK_SIZE)), count),
        dtype="float32",
        bands=[band.name for band in scene.bands],
        nodata=np.nan,
        tags=provenance(scene, f"stack, {resampling}") | {QUANTITY_TAG: scene.quantity},
        wavelengths_nm=scene.wavelengths,
    )
    return {
        "scene": scene.name,
        "quantity": scene.quantity,
        "resampling": resampling,
        "crs": scene.grid.crs_name,
        "width": scene.grid.width,
        "height": scene.grid.height,
        "pixels": scene.grid.pixels,
        "valid_pixels": valid,
        "bands": scene.table(),
        "notices": list(scene.notices),
        "inputs": digested(scene.inputs, scene.digests),
        "outputs": digested({path.name: path}),
    }
