"""What is in a scene: its bands, and how many of its pixels are valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.report import digested
from nflows_geo.scene import BLOCK_SIZE, Scene
from nflows_geo.spectra import spectra_at, valid_pixels
from nflows_geo.tiling import Part, Watch, unwatched


@dataclass
class Ranges:
    """What is known of the values of the bands so far.

    Arguments:
        bands: How many bands there are, C.
        own: Pixels with a value in each band, whatever the others have, :math:`(C,)`.
        valid: Pixels with a value in all bands; of these are the rest.
        total: The sum of each band, :math:`(C,)`.
        least: The least value of each band, :math:`(C,)`.
        greatest: The greatest one, :math:`(C,)`.
    """

    bands: int
    own: NDArray[np.int64] = field(init=False)
    valid: int = field(init=False, default=0)
    total: NDArray[np.float64] = field(init=False)
    least: NDArray[np.float64] = field(init=False)
    greatest: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.own, self.total = np.zeros(self.bands, np.int64), np.zeros(self.bands)
        self.least, self.greatest = np.full(self.bands, np.inf), np.full(self.bands, -np.inf)

    def add(self, own: NDArray[np.int64], block: NDArray[np.float32]) -> None:
        """Adds the numbers of values in a block, :math:`(C,)`, and the block, NaN where a pixel is not valid."""
        spectra = spectra_at(block, valid_pixels(block)).T
        self.own += own
        self.valid += spectra.shape[1]
        self.total += spectra.sum(1, dtype=np.float64)
        self.least = np.minimum(self.least, spectra.min(1, initial=np.inf))
        self.greatest = np.maximum(self.greatest, spectra.max(1, initial=-np.inf))

    def rows(self) -> list[dict[str, float | None]]:
        """The least, mean and greatest value of each band."""
        if not self.valid:
            return [{"minimum": None, "mean": None, "maximum": None}] * self.bands
        rows = zip(self.least.tolist(), (self.total / self.valid).tolist(), self.greatest.tolist(), strict=True)
        return [{"minimum": low, "mean": mean, "maximum": high} for low, mean, high in rows]


def examine(scene: Scene, *, watch: Watch = unwatched) -> dict[str, Any]:
    """Reads the whole scene once, block by block.

    Arguments:
        scene: The scene.
        watch: Sees how far the work is.

    Returns:
        Plain numbers and words: quantity, grid, valid pixels, and of each band what `Scene.table` says, the share of
        pixels with a value of its own, and its least, mean and greatest value where all bands are valid.
    """
    ranges = Ranges(len(scene.bands))
    for part in watch(_parts(scene), scene.grid.tile_count(BLOCK_SIZE)):
        ranges.add(part.told, part.block)
    shares = [{"own_valid_ratio": float(count) / scene.grid.pixels} for count in ranges.own]
    return {
        "scene": scene.name,
        "quantity": scene.quantity,
        "crs": scene.grid.crs_name,
        "width": scene.grid.width,
        "height": scene.grid.height,
        "resolution": list(scene.grid.resolution),
        "bounds": list(scene.grid.bounds),
        "pixels": scene.grid.pixels,
        "valid_pixels": ranges.valid,
        "bands": [row | share | value for row, share, value in zip(scene.table(), shares, ranges.rows(), strict=True)],
        "inputs": digested(scene.inputs, scene.digests),
    }


def _parts(scene: Scene) -> Iterator[Part[NDArray[np.int64]]]:
    """The blocks of a scene, and how many values each band has there itself."""
    with scene.opened() as opened:
        for tile in scene.grid.tiles(BLOCK_SIZE):
            block = opened.read_bands(tile.core)
            own = np.isfinite(block).sum((1, 2))
            yield Part(tile.core, opened.masked(block, tile.core), own)
