"""The bands of one place at one time, read window by window on one grid."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.raster import Grid, OpenRasters, Tile, digest, file_of
from nflows_geo.scene.bands import Band
from nflows_geo.scene.layers import Placed

BLOCK_SIZE = 1024
"""The side of the tiles in which a scene is read as a whole."""


@dataclass(frozen=True)
class Scene:
    """Bands and masks on one grid: where they are and how to read them, so that it can be sent to another process.

    Arguments:
        name: The name of the sensor, or of the file.
        quantity: What the values are, as "surface reflectance".
        grid: The pixels of every window.
        placed_bands: The bands and where they lie.
        placed_masks: The masks and where they lie.
        metadata: Files that the scaling was read from.
        fill: The number that all bands have in the files where there is no data, though no file says so.
        notices: What was left out or taken for granted, in words.

    Example:
        >>> from nflows_geo import open_scene
        >>> scene = open_scene(Path("scene.tif"))
        >>> scene.grid.width, scene.grid.height, [band.name for band in scene.bands]
        (60, 60, ['1', '2', '3', '4'])
        >>> scene.read(scene.grid.window).shape
        (4, 60, 60)
    """

    name: str
    quantity: str
    grid: Grid
    placed_bands: tuple[Placed, ...]
    placed_masks: tuple[Placed, ...] = ()
    metadata: tuple[Path, ...] = ()
    fill: float | None = None
    notices: tuple[str, ...] = ()

    @property
    def bands(self) -> list[Band]:
        return [placed.layer for placed in self.placed_bands if isinstance(placed.layer, Band)]

    @property
    def wavelengths(self) -> list[float | None]:
        """The centre of each band in nanometres, where it is known."""
        return [band.wavelength_nm for band in self.bands]

    @contextmanager
    def opened(self) -> Iterator[OpenScene]:
        """The scene with its files open, for many windows; they are closed when the block ends."""
        with OpenRasters() as files:
            yield OpenScene(self, files)

    def read(self, window: Window) -> NDArray[np.float32]:
        """One window, see `OpenScene.read`; files are opened for it and closed again."""
        with self.opened() as opened:
            return opened.read(window)

    def blocks(self, size: int = BLOCK_SIZE, margin: int = 0) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
        """The whole scene in tiles of a side, each with its padded window as `read` gives it; see `Grid.tiles`."""
        with self.opened() as opened:
            for tile in self.grid.tiles(size, margin):
                yield tile, opened.read(tile.padded)

    def table(self) -> list[dict[str, Any]]:
        """What every band is: its name, wavelength in nm, pixel size in metres, and file."""
        return [_row(placed, band) for placed, band in zip(self.placed_bands, self.bands, strict=True)]

    def describe(self) -> dict[str, Any]:
        """What it is and where it lies, for a report."""
        return {
            "name": self.name,
            "quantity": self.quantity,
            "crs": self.grid.crs_name,
            "width": self.grid.width,
            "height": self.grid.height,
            "resolution": list(self.grid.resolution),
            "bounds": list(self.grid.bounds),
            "notices": list(self.notices),
        }

    @cached_property
    def fill_values(self) -> NDArray[np.float32]:
        """What `fill` is in each band after scaling, :math:`(B,)`."""
        return np.concatenate([band.decode(np.array([self.fill], band.dtype), None) for band in self.bands])

    @property
    def inputs(self) -> dict[str, Path]:
        """Every file that the scene is read from, by its name."""
        placed = (*self.placed_bands, *self.placed_masks)
        paths = list(dict.fromkeys([*(file_of(one.layer.path) for one in placed), *self.metadata]))
        twice = Counter(path.name for path in paths)
        return {path.name if twice[path.name] == 1 else path.as_posix(): path for path in paths}

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every input by its name, see `digest`; files of gigabytes are read for it once."""
        return {name: digest(path) for name, path in self.inputs.items()}

    def sha256(self) -> str:
        """One digest of all inputs: the SHA-256 of their digests, in order."""
        return hashlib.sha256("".join(self.digests.values()).encode()).hexdigest()


@dataclass(frozen=True)
class OpenScene:
    """A scene whose files are open; several threads may read it at once.

    Arguments:
        scene: The scene.
        files: Its files, for each thread its own; sent to another process, they are opened there.
    """

    scene: Scene
    files: OpenRasters

    def read_bands(self, window: Window) -> NDArray[np.float32]:
        """The bands in a window, :math:`(B, H, W)`, each with NaN where it has no value itself."""
        bands = np.empty((len(self.scene.placed_bands), window.height, window.width), np.float32)
        for band, placed in zip(bands, self.scene.placed_bands, strict=True):
            band[:] = self._layer(placed, window)
        return bands

    def read(self, window: Window) -> NDArray[np.float32]:
        """The bands in a window, :math:`(B, H, W)`; a pixel without a value in one band, or masked, is NaN in all."""
        return self.masked(self.read_bands(window), window)

    def masked(self, block: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
        """What `read` returns, from what `read_bands` returned, in place."""
        # A sum is NaN where one of its terms is, and much cheaper than a test of every term.
        total = np.einsum("bhw->hw", block)
        for placed in self.scene.placed_masks:
            total += self._layer(placed, window)
        invalid = np.isnan(total)
        if self.scene.fill is not None:
            invalid |= self._filled(block)
        if invalid.any():
            block[:, invalid] = np.nan
        return block

    def _filled(self, block: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Where all bands have the number that stands for no data."""
        filled = np.ones(block.shape[1:], np.bool_)
        for band, value in zip(block, self.scene.fill_values, strict=True):
            filled &= band == value
        return filled

    def _layer(self, placed: Placed, window: Window) -> NDArray[np.float32]:
        return placed.read(self.files.dataset(placed.layer.path), self.scene.grid, window)


def require_several_bands(scene: Scene) -> None:
    """Refuses to tell rocks apart by a single band.

    Raises:
        ValueError: The scene has one.
    """
    if len(scene.bands) < 2:
        raise ValueError(
            f"{scene.name} has one band, and a map needs at least two; give the other bands too, or a product folder"
        )


def _row(placed: Placed, band: Band) -> dict[str, Any]:
    grid = placed.grid
    resolution = None if grid.crs is None else round(grid.resolution[0] * grid.metres[0], 3)
    return {
        "band": band.name,
        "name": band.title,
        "wavelength_nm": band.wavelength_nm,
        "resolution_m": resolution,
        "file": band.path.name,
    }
