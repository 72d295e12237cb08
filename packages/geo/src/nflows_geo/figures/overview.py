"""A small picture of a scene, gathered while its tiles are worked on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.raster import Grid

_Scalar = TypeVar("_Scalar", bound=np.generic)

_SIDE = 1600
"""Pixels of the longer side at most: what a page shows."""

_COMPOSITES = (("B3N", "B2", "B1"), ("B8", "B4", "B3"), ("B7", "B5", "B3"))
"""Red, green and blue by the names of bands that only ASTER, Sentinel-2, and Landsat 8 and 9 have together."""
_MAPPERS = {"B1", "B2", "B3", "B4", "B5", "B7"}, ("B7", "B4", "B2")
"""The bands that Landsat 4, 5 and 7 have alone, and which of them are like the three of Landsat 8."""


@dataclass(frozen=True)
class View:
    """Every so many pixels of three bands and of the mean of all.

    Arguments:
        bands: The indices of the bands for red, green and blue.
        step: The distance between the pixels that are kept.
    """

    bands: tuple[int, int, int]
    step: int

    @classmethod
    def of(cls, grid: Grid, bands: Sequence[str], shown: Sequence[str] = ()) -> Self:
        """The view in which a grid has at most 1600 pixels a side.

        Arguments:
            grid: The grid of the scene.
            bands: The names of its bands.
            shown: Those that are red, green and blue; see `composite`.

        Raises:
            ValueError: There are not three of them, or one is no band's.
        """
        return cls(composite(bands, shown), -(-max(grid.width, grid.height) // _SIDE))

    def shape(self, grid: Grid) -> tuple[int, int]:
        """Height and width of the picture of a grid."""
        return -(-grid.height // self.step), -(-grid.width // self.step)

    def of_block(self, block: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
        """Red, green, blue and brightness of the pixels that are kept, (4, h, w).

        Arguments:
            block: (bands, H, W).
            window: Where it is in the scene.
        """
        kept = self.kept(block, window)
        return np.concatenate([kept[list(self.bands)], kept.mean(axis=0, keepdims=True)])

    def kept(self, block: NDArray[_Scalar], window: Window) -> NDArray[_Scalar]:
        """The pixels of a block, (..., H, W), that are kept."""
        return block[..., -window.row_off % self.step :: self.step, -window.col_off % self.step :: self.step]

    def place(self, window: Window) -> tuple[slice, slice]:
        """Where the kept pixels of a window are in the picture."""
        return (
            self._range(window.row_off, window.height),
            self._range(window.col_off, window.width),
        )

    def _range(self, start: int, length: int) -> slice:
        return slice(-(-start // self.step), -(-(start + length) // self.step))


class Overview:
    """Small pictures of a scene and of what is drawn of it, put together from those of its tiles.

    Arguments:
        view: Which pixels are kept.
        grid: The grid of the scene.
        nodata: What is drawn where nothing is known, of the type that is drawn.
    """

    def __init__(self, view: View, grid: Grid, nodata: np.generic) -> None:
        self.view = view
        self.picture = np.full((4, *view.shape(grid)), np.nan, np.float32)
        self.drawn = np.full(view.shape(grid), nodata)

    def add(self, window: Window, block: NDArray[Any], picture: NDArray[np.float32]) -> None:
        """Adds what was drawn in a window, :math:`(H, W)`, and what `View.of_block` gave for it."""
        place = self.view.place(window)
        self.picture[:, *place] = picture
        self.drawn[place] = self.view.kept(block, window)


def composite(bands: Sequence[str], shown: Sequence[str] = ()) -> tuple[int, int, int]:
    """The indices of the bands that are shown as red, green and blue.

    Arguments:
        bands: The names of a scene's bands.
        shown: The names of the three; if not given, the composite of the sensor in which rocks differ most, and of an
            unknown sensor bands from the last third, the second and the first, as bands come by wavelength.

    Raises:
        ValueError: There are not three names, or one of them is no band's.

    Example:
        >>> composite(["B2", "B3", "B4", "B8"]), composite(["1", "2", "3"], ["3", "1", "2"])
        ((3, 2, 1), (2, 0, 1))
    """
    places = {name: index for index, name in enumerate(bands)}
    if shown and (len(shown) != 3 or not places.keys() >= set(shown)):
        raise ValueError(f"false colour needs three of the bands {', '.join(places)}, got {', '.join(shown)}")
    own = [_MAPPERS[1]] if places.keys() == _MAPPERS[0] else _COMPOSITES
    chosen = shown or next((names for names in own if places.keys() >= set(names)), ())
    last = len(bands) - 1
    indices = [places[name] for name in chosen] or [last, last - len(bands) // 3, last - 2 * len(bands) // 3]
    red, green, blue = indices
    return red, green, blue
