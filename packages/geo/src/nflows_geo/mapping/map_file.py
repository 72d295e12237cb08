"""Maps as files: rasters with one band of bytes, in which every number is a unit and 0 is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from nflows_geo.figures.colours import Colour, colour_table
from nflows_geo.raster.cog import write_cog
from nflows_geo.raster.files import open_raster, reading
from nflows_geo.raster.grid import Grid, Tile, grid_of

_MOST_UNITS = 255


@dataclass(frozen=True)
class MapFile:
    """A map on the disk.

    Arguments:
        path: Of the file.
        grid: Of its pixels.
        tags: That say how it was made.
        colours: Of every unit; ours where the file has none.
    """

    path: Path
    grid: Grid
    tags: dict[str, str]
    colours: dict[int, Colour]

    @property
    def names(self) -> dict[int, str]:
        """Those of the units that the tags ``CLASS_1``, ... give."""
        numbers = {key.removeprefix("CLASS_"): text for key, text in self.tags.items() if key.startswith("CLASS_")}
        return {int(number): text for number, text in numbers.items() if number.isdecimal()}

    def read(self) -> NDArray[np.uint8]:
        """All units, :math:`(H, W)`, with 0 for nodata."""
        with open_raster(self.path) as dataset:
            return _read(dataset, Window(0, 0, self.grid.width, self.grid.height))

    def tiles(self, side: int, margin: int = 0) -> Iterator[tuple[Tile, NDArray[np.uint8]]]:
        """The map in tiles, each with the units of its padded window; see `Grid.tiles`."""
        with open_raster(self.path) as dataset:
            for tile in self.grid.tiles(side, margin):
                yield tile, _read(dataset, tile.padded)


def open_map(path: Path) -> MapFile:
    """Looks at a map without reading it.

    Raises:
        ValueError: It has several bands, or values that are no units.
    """
    with open_raster(path) as dataset:
        if dataset.count != 1 or dataset.dtypes[0] != "uint8":
            raise ValueError(f"{path} has {dataset.count} bands of {dataset.dtypes[0]}; a map has one band of uint8")
        return MapFile(path, grid_of(dataset), dict(dataset.tags()), _colours(dataset))


def write_map(
    path: Path, grid: Grid, blocks: Iterable[tuple[Window, NDArray[np.uint8]]], units: int, tags: Mapping[str, str]
) -> None:
    """Writes a map of so many units in our colours and under their numbers; see `write_cog`."""
    write_cog(
        path,
        grid,
        blocks,
        dtype="uint8",
        bands=["unit"],
        nodata=0,
        colours=colour_table(units),
        tags={**tags, **{f"CLASS_{unit}": f"unit {unit}" for unit in range(1, units + 1)}},
    )


def _read(dataset: DatasetReader, window: Window) -> NDArray[np.uint8]:
    with reading(dataset.name):
        units: NDArray[np.uint8] = dataset.read(1, window=window)
    if dataset.nodata is not None:
        units[units == dataset.nodata] = 0
    return units


def _colours(dataset: DatasetReader) -> dict[int, Colour]:
    try:
        table: dict[int, tuple[int, ...]] = dataset.colormap(1)
    except ValueError:  # rasterio's way to say that there is none
        return colour_table(_MOST_UNITS)
    return {unit: (rgba[0], rgba[1], rgba[2]) for unit, rgba in table.items() if unit > 0}
