"""Rasters written whole or not at all, as cloud-optimised GeoTIFF."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from nflows_core.runtime.temporary import temporary_folder
from nflows_geo.raster.companions import replacing
from nflows_geo.raster.files import bounded_memory, quiet
from nflows_geo.raster.grid import Grid
from nflows_geo.raster.writing import Room, require_whole

Colours = Mapping[int, tuple[int, int, int]]
"""Red, green and blue, 0 to 255, of every class."""

_BLOCK = 512
_MOST_OPTIMISED = 2
"""How many times what is not compressed: that, with a third of it for overviews, and what does not compress grows."""


def write_cog(
    path: str | Path,
    grid: Grid,
    blocks: Iterable[tuple[Window, NDArray[Any]]],
    *,
    dtype: str,
    bands: Sequence[str] = ("",),
    nodata: float | None = None,
    colours: Colours | None = None,
    tags: Mapping[str, object] | None = None,
    wavelengths_nm: Sequence[float | None] = (),
    recoded: Callable[[], NDArray[np.uint8]] | None = None,
) -> None:
    """Writes a cloud-optimised GeoTIFF with overviews; the same blocks give the same bytes.

    The blocks go into a temporary file beside the target as they come, so memory does not grow with the raster.
    Overviews take the most frequent value of classes, which are integers, and the mean of measurements.

    What GDAL has kept beside a raster that is replaced, statistics, overviews and a mask, goes with it.

    Arguments:
        path: The target.
        grid: The grid of the raster.
        blocks: Windows that cover the grid once, in any order, each with :math:`(H, W)` or :math:`(C, H, W)`.
        dtype: ``"uint8"`` for classes, ``"float32"`` for measurements.
        bands: The description of each band.
        nodata: The value of pixels without one.
        colours: The colour of each class, for a raster with one band of bytes; nodata is transparent.
        tags: Words and numbers about how the raster was made.
        wavelengths_nm: The centre of each band, if known.
        recoded: Called when all blocks are written: what each value of a raster of bytes becomes, by that value.

    Raises:
        ValueError: The blocks do not cover the grid.
        FileExistsError: Beside the target lies what belongs to a raster that is gone.
        OSError: The folder is missing or not writable, or the disk is full; then it says how much was needed.
    """
    raw = _stored(grid, len(bands), np.dtype(dtype))
    path = Path(path)
    with replacing(path) as target, temporary_folder(path.parent) as folder, bounded_memory(), quiet():
        plain, optimised = folder / "plain.tif", folder / "optimised.tif"
        room = Room.beside(path, folder, raw, raw + _MOST_OPTIMISED * raw)
        profile = {"width": grid.width, "height": grid.height, "crs": grid.crs, "transform": grid.transform}
        profile |= {"count": len(bands), "dtype": dtype, "nodata": nodata, "BIGTIFF": "IF_SAFER"}
        profile |= {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "interleave": "band"}
        with room.told():
            dataset = rasterio.open(plain, "w", driver="GTiff", **profile)
        with dataset:
            _describe(dataset, bands, colours, tags or {}, wavelengths_nm)
            _write_blocks(dataset, blocks, room)
        require_whole(plain, room)
        if recoded is not None:
            _recode(plain, recoded())
        with room.told():
            rasterio.shutil.copy(plain, optimised, driver="COG", **_options(np.dtype(dtype)))
        require_whole(optimised, room)
        plain.unlink()
        with room.told(), optimised.open("rb") as file:
            shutil.copyfileobj(file, target, 2**20)


def _stored(grid: Grid, bands: int, dtype: np.dtype[Any]) -> int:
    """The bytes of a raster in whole blocks, not compressed."""
    blocks = -(-grid.width // _BLOCK) * -(-grid.height // _BLOCK)
    return blocks * _BLOCK**2 * bands * dtype.itemsize


def _describe(
    dataset: DatasetWriter,
    bands: Sequence[str],
    colours: Colours | None,
    tags: Mapping[str, object],
    wavelengths_nm: Sequence[float | None],
) -> None:
    dataset.descriptions = tuple(bands)
    dataset.update_tags(**{name: str(value) for name, value in tags.items()})
    for index, wavelength in enumerate(wavelengths_nm, 1):
        if wavelength is not None:
            dataset.update_tags(index, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"{wavelength / 1000:.7g}")
    if colours is not None:
        transparent = {} if dataset.nodata is None else {int(dataset.nodata): (0, 0, 0, 0)}
        dataset.write_colormap(1, {value: (*rgb, 255) for value, rgb in colours.items()} | transparent)


def _write_blocks(dataset: DatasetWriter, blocks: Iterable[tuple[Window, NDArray[Any]]], room: Room) -> None:
    written = 0
    for window, block in blocks:
        with room.told():
            dataset.write(block.reshape(dataset.count, *block.shape[-2:]), window=window)
        written += window.width * window.height
    if written != dataset.width * dataset.height:
        raise ValueError(f"the blocks have {written} pixels, but the raster {dataset.width * dataset.height}")


def _recode(path: Path, table: NDArray[np.uint8]) -> None:
    if (table == np.arange(len(table))).all():
        return
    with rasterio.open(path, "r+") as dataset:
        for _, window in dataset.block_windows(1):
            dataset.write(table[dataset.read(1, window=window)], 1, window=window)


def _options(dtype: np.dtype[Any]) -> dict[str, object]:
    measured = dtype.kind == "f"
    return {
        "BLOCKSIZE": _BLOCK,
        "COMPRESS": "DEFLATE",
        "PREDICTOR": "YES" if measured else "NO",
        "OVERVIEW_RESAMPLING": "AVERAGE" if measured else "MODE",
        "BIGTIFF": "IF_SAFER",
    }
