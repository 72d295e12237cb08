"""What is in a scene: its bands, and how many of its pixels are valid."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.files import sha256
from nflows_geo.raster.grid import Tile
from nflows_geo.scene.scene import BLOCK_SIZE, Scene

Blocks = Iterable[tuple[Tile, NDArray[np.float32]]]


def examine(scene: Scene, watch: Callable[[Blocks], Blocks] = lambda blocks: blocks) -> dict[str, Any]:
    """Reads the whole scene once, block by block.

    Arguments:
        scene: The scene.
        watch: Passes the blocks on, to see how far it is.

    Returns:
        Plain numbers and words: quantity, grid, valid pixels, and of each band what `Scene.table` says, the share of
        pixels with a value of its own, and its least, mean and greatest value where all bands are valid.
    """
    own = np.zeros(len(scene.bands), np.int64)
    total = np.zeros(len(scene.bands))
    least, greatest = np.full(len(scene.bands), np.inf), np.full(len(scene.bands), -np.inf)
    valid = 0
    for tile, block in watch((tile, scene.read_bands(tile.core)) for tile in scene.grid.tiles(BLOCK_SIZE)):
        own += np.isfinite(block).sum((1, 2))
        spectra = scene.masked(block, tile.core).reshape(len(block), -1)
        spectra = spectra[:, np.isfinite(spectra[0])]
        valid += spectra.shape[1]
        total += spectra.sum(1, dtype=np.float64)
        least = np.minimum(least, spectra.min(1, initial=np.inf))
        greatest = np.maximum(greatest, spectra.max(1, initial=-np.inf))
    values = _values(valid, least, total, greatest)
    shares = [{"own_valid_ratio": float(count) / scene.grid.pixels} for count in own]
    return {
        "scene": scene.name,
        "quantity": scene.quantity,
        "crs": scene.grid.crs.to_string(),
        "width": scene.grid.width,
        "height": scene.grid.height,
        "resolution": list(scene.grid.resolution),
        "bounds": list(scene.grid.bounds),
        "pixels": scene.grid.pixels,
        "valid_pixels": valid,
        "bands": [row | share | value for row, share, value in zip(scene.table(), shares, values, strict=True)],
        "inputs": {name: {"sha256": sha256(path)} for name, path in scene.inputs.items()},
    }


def _values(
    valid: int, least: NDArray[np.float64], total: NDArray[np.float64], greatest: NDArray[np.float64]
) -> list[dict[str, float | None]]:
    if not valid:
        return [{"minimum": None, "mean": None, "maximum": None}] * len(total)
    rows = zip(least.tolist(), (total / valid).tolist(), greatest.tolist(), strict=True)
    return [{"minimum": low, "mean": mean, "maximum": high} for low, mean, high in rows]
