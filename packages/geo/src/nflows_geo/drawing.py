"""What is kept of a map while its tiles go to the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.grid import Grid
from nflows_geo.labels import Labels
from nflows_geo.mapping import Part
from nflows_geo.overview import View
from nflows_geo.units import UnitSums


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
