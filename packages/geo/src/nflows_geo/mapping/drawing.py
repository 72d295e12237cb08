"""A map drawn tile by tile, and what is kept of it while the tiles go to the disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_geo.figures import Overview, View
from nflows_geo.labels import Labels
from nflows_geo.mapping.learning import Mapper
from nflows_geo.mapping.unit_sums import UnitSums
from nflows_geo.raster import Grid, Tile, pixel_areas
from nflows_geo.scene import Scene
from nflows_geo.tiling import Part


@dataclass(frozen=True)
class OfTile:
    """What the map of a tile tells beside its units.

    Arguments:
        sums: The sums of the spectra of each unit there.
        picture: The scene there, see `View.of_block`.
    """

    sums: UnitSums
    picture: NDArray[np.float32]


def draw_tile(mapper: Mapper, view: View, grid: Grid, tile: Tile, padded: NDArray[np.float32]) -> Part[OfTile]:
    """The map of a tile, :math:`(H, W)`, 0 for nodata, from its padded window of a scene with this grid."""
    block = tile.crop(padded)
    units = np.ascontiguousarray(tile.crop(mapper.units(padded)))
    sums = UnitSums.of_block(units, block, mapper.clustering.classes, pixel_areas(grid).within(tile.core))
    return Part(tile.core, units, OfTile(sums, view.of_block(block, tile.core)))


class Drawing:
    """Gathers the spectra of the units, small pictures, and the units at the labels; it does not hold the map.

    Arguments:
        scene: What is mapped.
        units: How many units the map has at most.
        view: How pictures are gathered.
        labels: Where units are looked up.
    """

    def __init__(self, scene: Scene, units: int, view: View, labels: Labels | None = None) -> None:
        self.overview = Overview(view, scene.grid, np.uint8(0))
        self.sums = UnitSums.none(units, len(scene.bands))
        self.labels = labels
        self.at_labels = np.zeros(0 if labels is None else len(labels), np.uint8)

    def by_size(self) -> NDArray[np.uint8]:
        """The number that each unit gets, (k + 1,), if the first is the largest on the map; nodata stays 0."""
        numbers = np.zeros(len(self.sums.pixels), np.uint8)
        numbers[1 + np.argsort(-self.sums.pixels[1:], kind="stable")] = np.arange(1, len(numbers))
        return numbers

    def renumber(self, numbers: NDArray[np.uint8]) -> None:
        """Gives each unit another number."""
        self.sums = self.sums.renumbered(numbers)
        self.overview.drawn = numbers[self.overview.drawn]
        self.at_labels = numbers[self.at_labels]

    def add(self, part: Part[OfTile]) -> None:
        """Adds a tile."""
        self.sums += part.told.sums
        self.overview.add(part.window, part.block, part.told.picture)
        if self.labels is not None:
            here, rows, columns = self.labels.within(part.window)
            self.at_labels[here] = part.block[rows, columns]
