"""A map drawn tile by tile, and what is kept of it while the tiles go to the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.figures.overview import View
from nflows_geo.labels.labels import Labels
from nflows_geo.mapping.learning import Mapper
from nflows_geo.mapping.units import UnitSums
from nflows_geo.raster.grid import Grid, Tile
from nflows_geo.scene.scene import Scene
from nflows_geo.tiling.workers import Workers, one_thread


@dataclass(frozen=True)
class Part:
    """The map of a tile.

    Arguments:
        window: The tile without its margin.
        units: (H, W), 0 for nodata.
        sums: Of the spectra of the units there.
        picture: Of the scene there, see `View.of_block`.
    """

    window: Window
    units: NDArray[np.uint8]
    sums: UnitSums
    picture: NDArray[np.float32]


def draw(scene: Scene, mapper: Mapper, view: View, side: int, workers: Workers) -> Iterator[Part]:
    """The map in tiles, in the order of the scene.

    Arguments:
        scene: The scene.
        mapper: Learned from it or from another one of the same sensor.
        view: How the picture of the scene is gathered.
        side: Of a tile, in pixels.
        workers: Who draws them.
    """
    # The tiles have a thread each; those that libraries would add to each would wait for one another.
    with one_thread():
        yield from workers.map(partial(_part, scene, mapper, view), scene.grid.tiles(side, mapper.margin))


def _part(scene: Scene, mapper: Mapper, view: View, tile: Tile) -> Part:
    padded = scene.read(tile.padded)
    block = tile.crop(padded)
    units = np.ascontiguousarray(tile.crop(mapper.units(padded)))
    sums = UnitSums.of_block(units, block, mapper.clustering.classes)
    return Part(tile.core, units, sums, view.of_block(block, tile.core))


class Drawing:
    """Gathers the spectra of the units, small pictures, and the units at the labels; it does not hold the map.

    Arguments:
        grid: Of the map.
        bands: Of the scene.
        units: Of the map, at most.
        view: How pictures are gathered.
        labels: Where units are looked up.
    """

    def __init__(self, grid: Grid, bands: int, units: int, view: View, labels: Labels | None = None) -> None:
        self.view = view
        self.labels = labels
        self.sums = UnitSums.none(units, bands)
        self.picture = np.full((4, *view.shape(grid)), np.nan, np.float32)
        self.units = np.zeros(view.shape(grid), np.uint8)
        self.at_labels = np.zeros(0 if labels is None else len(labels), np.uint8)

    def gather(self, parts: Iterable[Part]) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """The units of the parts, for the disk."""
        for part in parts:
            self.sums += part.sums
            place = self.view.place(part.window)
            self.picture[:, *place] = part.picture
            self.units[place] = self.view.kept(part.units, part.window)
            if self.labels is not None:
                self._look_up(self.labels, part)
            yield part.window, part.units

    def _look_up(self, labels: Labels, part: Part) -> None:
        rows, columns = labels.rows - part.window.row_off, labels.columns - part.window.col_off
        height, width = part.units.shape
        here = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        self.at_labels[here] = part.units[rows[here], columns[here]]
