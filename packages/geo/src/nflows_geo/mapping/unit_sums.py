"""What the units of a map are: how large, and of what spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_CHUNK = 4096
"""Pixels at once, few enough for the cache."""


@dataclass(frozen=True)
class UnitSums:
    """Sums over the pixels of each unit, which can be added up block by block in any order.

    They are of the units from 0, which is nodata, to k.

    Arguments:
        pixels: How many pixels each has, (k + 1,).
        sums: The sum of their reflectances, (k + 1, bands).
        squares: The sum of the squares of these, (k + 1, bands).
        areas: The sum of their areas on the ground, (k + 1,); see `PixelAreas`.
    """

    pixels: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    areas: NDArray[np.float64]

    @classmethod
    def none(cls, count: int, bands: int) -> Self:
        """The sums over no pixels."""
        spectra = (count + 1, bands)
        return cls(np.zeros(count + 1, np.int64), np.zeros(spectra), np.zeros(spectra), np.zeros(count + 1))

    @classmethod
    def of_block(
        cls, units: NDArray[np.uint8], block: NDArray[np.float32], count: int, areas: NDArray[np.float64]
    ) -> UnitSums:
        """The sums over a block.

        Arguments:
            units: (H, W), 0 for nodata.
            block: (bands, H, W), NaN for nodata at least where the unit is 0.
            count: How many units there are, k.
            areas: The area of each pixel, (H, W).
        """
        total: UnitSums = cls.none(count, len(block))
        numbers = np.arange(count + 1, dtype=np.uint8)[:, None]
        flat, spectra = units.ravel(), block.reshape(len(block), -1)
        for start in range(0, flat.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            members = (flat[part] == numbers).astype(np.float64)
            values = np.nan_to_num(spectra[:, part]).T.astype(np.float64)
            sums = members @ values, members @ (values * values), members @ areas.reshape(-1)[part]
            total += cls(members.sum(1).astype(np.int64), *sums)
        return total

    def __add__(self, other: UnitSums) -> UnitSums:
        return UnitSums(
            self.pixels + other.pixels,
            self.sums + other.sums,
            self.squares + other.squares,
            self.areas + other.areas,
        )

    def renumbered(self, numbers: NDArray[np.uint8]) -> UnitSums:
        """The same, under the number that each unit gets, (k + 1,)."""
        old = np.argsort(numbers)
        return UnitSums(self.pixels[old], self.sums[old], self.squares[old], self.areas[old])

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean spectrum of each unit, (k, bands); of one without pixels, NaN."""
        return self.sums[1:] / self._counts

    @property
    def deviations(self) -> NDArray[np.float64]:
        """The standard deviation of the spectra of each unit, (k, bands)."""
        variances = self.squares[1:] / self._counts - self.means**2
        return np.asarray(np.sqrt(variances.clip(min=0)))

    @property
    def _counts(self) -> NDArray[np.float64]:
        return np.where(self.pixels[1:] > 0, self.pixels[1:], np.nan)[:, None]
