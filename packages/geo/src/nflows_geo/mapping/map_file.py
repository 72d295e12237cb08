"""Maps as files: rasters with one band of bytes, in which every number is a unit and 0 is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from nflows_geo.figures import Colour, LegendUnit, colour_table, unit_colour
from nflows_geo.mapping.names import UnitNames
from nflows_geo.mapping.suggestions import labelled
from nflows_geo.raster import Grid, OpenRasters, Tile, grid_of, open_raster, read_north_up, reading, write_cog

_MOST_UNITS = 255


@dataclass(frozen=True)
class MapFile:
    """A map on the disk.

    Arguments:
        path: The file.
        grid: Where its pixels lie.
        tags: What the file says about how it was made.
        colours: The colour of every unit; ours where the file has none.
    """

    path: Path
    grid: Grid
    tags: dict[str, str]
    colours: dict[int, Colour]

    @property
    def names(self) -> dict[int, str]:
        """The names that the tags ``CLASS_1``, ... give to units."""
        numbers = {key.removeprefix("CLASS_"): text for key, text in self.tags.items() if key.startswith("CLASS_")}
        return {int(number): text for number, text in numbers.items() if number.isdecimal()}

    def named(self, names: UnitNames) -> MapFile:
        """The same map with the names and colours of units that a person gives, where they do."""
        tags = {f"CLASS_{unit}": text for unit, text in names.names.items()}
        return replace(self, tags=self.tags | tags, colours=self.colours | dict(names.colours))

    def legend(self, units: Iterable[int], suggestions: Mapping[int, str]) -> list[LegendUnit]:
        """Units with their names, what they may be, and their colours."""
        return [
            LegendUnit(
                unit,
                labelled(self.names.get(unit, str(unit)), suggestions.get(unit)),
                self.colours.get(unit, unit_colour(unit)),
            )
            for unit in units
        ]

    @contextmanager
    def opened(self) -> Iterator[OpenMap]:
        """The map with its file open, for many windows; it is closed when the block ends."""
        with OpenRasters() as files:
            yield OpenMap(self.path, files)

    def read(self) -> NDArray[np.uint8]:
        """All units, :math:`(H, W)`, with 0 for nodata."""
        with self.opened() as opened:
            return opened.read(self.grid.window)

    def tiles(self, side: int) -> Iterator[tuple[Tile, NDArray[np.uint8]]]:
        """The map in tiles of a side, each with its units; see `Grid.tiles`."""
        with self.opened() as opened:
            for tile in self.grid.tiles(side):
                yield tile, opened.read(tile.core)


@dataclass(frozen=True)
class OpenMap:
    """A map whose file is open; several threads may read it at once.

    Arguments:
        path: The file.
        files: Its handles.
    """

    path: Path
    files: OpenRasters

    def read(self, window: Window) -> NDArray[np.uint8]:
        """The units in a window, :math:`(H, W)`, with 0 for nodata."""
        dataset = self.files.dataset(self.path)
        with reading(dataset.name):
            values = read_north_up(dataset.read, dataset, 1, window)
        if dataset.nodata is not None:
            values[values == dataset.nodata] = 0
        if values.dtype != np.uint8:
            _check_units(self.path, values)
        return values.astype(np.uint8, copy=False)


def _check_units(path: Path, values: NDArray[Any]) -> None:
    if wrong := values[(values < 0) | (values > _MOST_UNITS)][:1].tolist():
        raise ValueError(f"{path} has the value {wrong[0]}; the units of a map are 1 to {_MOST_UNITS}, and 0 is none")


def open_map(path: Path) -> MapFile:
    """Looks at a map without reading it.

    Raises:
        ValueError: It has several bands, or fractions.
    """
    with open_raster(path) as dataset:
        if dataset.count != 1 or np.dtype(dataset.dtypes[0]).kind not in "iu":
            of = "one band" if dataset.count == 1 else f"{dataset.count} bands"
            raise ValueError(f"{path} has {of} of {dataset.dtypes[0]}; a map has one band of whole numbers, 1 to 255")
        return MapFile(path, grid_of(dataset), dict(dataset.tags()), _colours(dataset))


def write_map(
    path: Path,
    grid: Grid,
    blocks: Iterable[tuple[Window, NDArray[np.uint8]]],
    units: int,
    tags: Mapping[str, str],
    names: UnitNames | None = None,
    renumbered: Callable[[], NDArray[np.uint8]] | None = None,
) -> None:
    """Writes a map of so many units with their names and colours, or under their numbers.

    Arguments:
        path: The target.
        grid: The grid of the map.
        blocks: See `write_cog`.
        units: How many units there may be.
        tags: About how the map was made.
        names: Names and colours.
        renumbered: Called when all blocks are written: the number that each unit gets, from 0 for nodata.
    """
    names = names or UnitNames()
    numbers = range(1, units + 1)
    write_cog(
        path,
        grid,
        blocks,
        dtype="uint8",
        bands=["unit"],
        nodata=0,
        colours={unit: names.colour(unit) for unit in numbers},
        recoded=renumbered,
        tags={**tags, **{f"CLASS_{unit}": names.of(unit) for unit in numbers}},
    )


def _colours(dataset: DatasetReader) -> dict[int, Colour]:
    try:
        table: dict[int, tuple[int, ...]] = dataset.colormap(1)
    except ValueError:  # rasterio's way to say that there is none
        return colour_table(_MOST_UNITS)
    return {unit: (rgba[0], rgba[1], rgba[2]) for unit, rgba in table.items() if unit > 0}
