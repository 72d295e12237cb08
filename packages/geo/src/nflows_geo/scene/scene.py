"""The bands of one place at one time, read block by block on one grid."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from nflows_core.runtime.files import sha256
from nflows_geo.raster.files import open_raster
from nflows_geo.raster.grid import Grid, GridMismatchError, Tile, finest, grid_of
from nflows_geo.scene.bands import Band, Layer, Product
from nflows_geo.scene.layers import RESAMPLINGS, Placed
from nflows_geo.scene.products import read_product
from nflows_geo.scene.random_pixels import sample_pixels
from nflows_geo.scene.sensors import label_bands

BLOCK_SIZE = 1024


@dataclass(frozen=True)
class Scene:
    """Bands and masks on one grid. It holds no open file, so that it can be sent to another process.

    Arguments:
        name: Of the sensor, or the file.
        quantity: What the values are, as "surface reflectance".
        grid: Of every block.
        placed_bands: The bands and where they lie.
        placed_masks: The masks and where they lie.
        metadata: Files that the scaling was read from.
    """

    name: str
    quantity: str
    grid: Grid
    placed_bands: tuple[Placed, ...]
    placed_masks: tuple[Placed, ...] = ()
    metadata: tuple[Path, ...] = ()
    _files: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.name, self.quantity, self.grid, self.placed_bands, self.placed_masks, self.metadata)
        return type(self), values

    @property
    def bands(self) -> list[Band]:
        return [placed.layer for placed in self.placed_bands if isinstance(placed.layer, Band)]

    def read_bands(self, window: Window) -> NDArray[np.float32]:
        """The bands in a window, :math:`(B, H, W)`, each with NaN where it has no value itself."""
        return np.stack(
            [placed.read(self._dataset(placed.layer.path), self.grid, window) for placed in self.placed_bands]
        )

    def read(self, window: Window) -> NDArray[np.float32]:
        """The bands in a window, :math:`(B, H, W)`; a pixel without a value in one band, or masked, is NaN in all."""
        return self.masked(self.read_bands(window), window)

    def masked(self, block: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
        """What `read` returns, from what `read_bands` returned, in place."""
        # A sum is NaN where one of its terms is, and much cheaper than a test of every term.
        total = np.einsum("bhw->hw", block)
        for placed in self.placed_masks:
            total += placed.read(self._dataset(placed.layer.path), self.grid, window)
        invalid = np.isnan(total)
        if invalid.any():
            block[:, invalid] = np.nan
        return block

    def _dataset(self, path: Path) -> DatasetReader:
        """The open file: GDAL's handles must not be shared by threads, nor be opened anew for every block."""
        files: dict[str, DatasetReader] = self._files.__dict__
        if str(path) not in files:
            files[str(path)] = open_raster(path)
        return files[str(path)]

    def blocks(self, size: int = BLOCK_SIZE, margin: int = 0) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
        """The whole scene in tiles of a side, each with its padded window as `read` gives it; see `Grid.tiles`."""
        for tile in self.grid.tiles(size, margin):
            yield tile, self.read(tile.padded)

    def sample(self, count: int, seed: int) -> NDArray[np.float32]:
        """At most ``count`` random spectra of valid pixels, :math:`(N, B)`, in random order; see `sample_pixels`."""
        try:
            return sample_pixels(self.blocks(), self.grid.width, count, seed)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}; `nflows geo info` counts them by band") from error

    def table(self) -> list[dict[str, Any]]:
        """What every band is: its name, wavelength in nm, pixel size in metres, and file."""
        return [_row(placed, band) for placed, band in zip(self.placed_bands, self.bands, strict=True)]

    def describe(self) -> dict[str, Any]:
        """What it is and where it lies, for a report."""
        return {
            "name": self.name,
            "quantity": self.quantity,
            "crs": self.grid.crs.to_string(),
            "width": self.grid.width,
            "height": self.grid.height,
            "resolution": list(self.grid.resolution),
            "bounds": list(self.grid.bounds),
        }

    @property
    def inputs(self) -> dict[str, Path]:
        """Every file that the scene is read from, by its name."""
        placed = (*self.placed_bands, *self.placed_masks)
        paths = list(dict.fromkeys([*(one.layer.path for one in placed), *self.metadata]))
        twice = Counter(path.name for path in paths)
        return {path.name if twice[path.name] == 1 else path.as_posix(): path for path in paths}

    def sha256(self) -> str:
        """One digest of all inputs: the SHA-256 of their digests, in order."""
        digests = "".join(sha256(path) for path in self.inputs.values())
        return hashlib.sha256(digests.encode()).hexdigest()


def open_scene(
    paths: Path | Sequence[Path],
    *,
    grid: Grid | None = None,
    align: bool = False,
    resampling: str = "nearest",
    mask_clouds: bool = False,
    sensor: str | None = None,
    bands: Sequence[str] = (),
) -> Scene:
    """Opens product folders or rasters as one scene.

    The bands of a product may have any grids of one CRS: who made it has registered them. Rasters must nest, each pixel
    a whole number of the finest ones and corner on corner, unless they are to be resampled.

    Arguments:
        paths: At least one; see `read_product`.
        grid: Of the scene; the finest of all bands if not given.
        align: Resample rasters that lie elsewhere, or in another CRS.
        resampling: One of `RESAMPLINGS`; masks are always resampled by the nearest.
        mask_clouds: See `read_product`.
        sensor: Of rasters that do not say what their bands are; see `label_bands`.
        bands: Names of the sensor's bands, in the order of the rasters.

    Raises:
        GridMismatchError: The grids do not fit.
        ValueError: A path is no raster or product, or lies nowhere; or the names are not of the sensor's bands, or of
            those of a product, which says itself what they are.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    if not paths:
        raise ValueError("a scene needs at least one product folder or raster")
    if resampling not in RESAMPLINGS:
        raise ValueError(f"resampling must be one of {', '.join(RESAMPLINGS)}, got {resampling!r}")
    products = [read_product(path, mask_clouds) for path in paths]
    named = _labelled(products, sensor, bands) if sensor or bands else _named(products, paths)
    placed_bands = tuple(Placed(band, _grid(band), resampling) for band in named)
    masks = tuple(Placed(mask, _grid(mask)) for product in products for mask in product.masks)
    target = grid or finest([placed.grid for placed in placed_bands])
    if not align:
        registered = grid is not None or (len(products) == 1 and products[0].registered)
        _check(placed_bands, target, registered)
    return Scene(
        " + ".join(product.name for product in products),
        " + ".join(dict.fromkeys(product.quantity for product in products)),
        target,
        placed_bands,
        masks,
        tuple(path for product in products for path in product.metadata),
    )


def require_several_bands(scene: Scene) -> None:
    """Refuses to tell rocks apart by a single band.

    Raises:
        ValueError: The scene has one.
    """
    if len(scene.bands) < 2:
        raise ValueError(
            f"{scene.name} has one band, and a map needs at least two; give the other bands too, or a product folder"
        )


def _check(bands: Sequence[Placed], target: Grid, registered: bool) -> None:
    reference = next((placed.layer.path.name for placed in bands if placed.grid == target), "the grid that was given")
    for placed in bands:
        same_place = placed.grid.crs == target.crs and placed.grid.overlaps(target)
        if not (same_place and (registered or placed.grid.factor(target))):
            raise GridMismatchError(placed.layer.path.name, placed.grid, reference, target)


def _named(products: Sequence[Product], paths: Sequence[Path]) -> list[Band]:
    """The bands of all products; where two have the same name, the path's goes before it."""
    names = Counter(band.name for product in products for band in product.bands)
    return [
        band if names[band.name] == 1 else replace(band, name=f"{path.stem}:{band.name}")
        for product, path in zip(products, paths, strict=True)
        for band in product.bands
    ]


def _labelled(products: Sequence[Product], sensor: str | None, names: Sequence[str]) -> list[Band]:
    """The bands of rasters, called as those of a sensor."""
    if sensor is None:
        raise ValueError(f"--bands {','.join(names)} needs --sensor, whose bands these are")
    if told := next((product.name for product in products if product.registered), None):
        raise ValueError(f"{told} says itself what its bands are; leave --sensor and --bands out")
    return label_bands([band for product in products for band in product.bands], sensor, names)


def _grid(layer: Layer) -> Grid:
    with open_raster(layer.path) as dataset:
        return grid_of(dataset)


def _row(placed: Placed, band: Band) -> dict[str, Any]:
    resolution = placed.grid.resolution[0] * placed.grid.metres[0]
    return {
        "band": band.name,
        "name": band.title,
        "wavelength_nm": band.wavelength_nm,
        "resolution_m": round(resolution, 3),
        "file": band.path.name,
    }
