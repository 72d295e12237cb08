"""What a scene is made of: bands and masks, each a layer of a raster file, and how its numbers are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDE_TYPES = ("int32", "uint32", "int64", "uint64", "float64")
"""Types of numbers that have more digits than float32."""


@dataclass(frozen=True)
class Band:
    r"""A spectral band; its values are :math:`\text{scale} \cdot n + \text{offset}` for the number n in the file.

    Arguments:
        name: The sensor's own, as ``B8A``.
        path: The file.
        index: The layer in the file, from 1.
        title: What it is called in words, as "near infrared".
        wavelength_nm: Its centre.
        scale: What numbers are multiplied by.
        offset: What is added after that.
        invalid: Numbers that stand for no data, or for more than the sensor can measure.
        alpha: The layer of the file that is 0 where there is no data, if it has one.
        says_nodata: Whether the file says which of its pixels hold no data.
        bad: Whether the file says that the band is not to be used.
        dtype: The type of the numbers in the file.
    """

    name: str
    path: Path
    index: int = 1
    title: str = ""
    wavelength_nm: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    invalid: tuple[float, ...] = ()
    alpha: int | None = None
    says_nodata: bool = True
    bad: bool = False
    dtype: str = "uint16"

    def decode(self, numbers: NDArray[Any], valid: NDArray[np.uint8] | None) -> NDArray[np.float32]:
        """The values, with NaN where there are none.

        Arguments:
            numbers: What stands in the file, :math:`(H, W)`.
            valid: Its own mask, 0 where there is no data; nothing if it has none.
        """
        with np.errstate(over="ignore"):  # of nodata, in 64 bits often the lowest number there is
            values = self._scaled(numbers)
        self.blank(values, numbers, valid)
        return values

    def _scaled(self, numbers: NDArray[Any]) -> NDArray[np.float32]:
        if (self.scale, self.offset) == (1.0, 0.0):
            return numbers.astype(np.float32)
        if numbers.dtype.name in WIDE_TYPES:
            # An offset may take away what float32 has no digits for, so that it comes before the rounding.
            return np.asarray(numbers * np.float64(self.scale) + self.offset, np.float32)
        values = numbers.astype(np.float32)
        values *= np.float32(self.scale)
        values += np.float32(self.offset)
        return values

    def blank(self, values: NDArray[Any], numbers: NDArray[Any], valid: NDArray[np.uint8] | None) -> None:
        """Makes NaN of values, :math:`(H, W)`, where there are none; see `decode`."""
        for special in self.invalid:
            values[_is(numbers, special)] = np.nan
        if valid is not None:
            values[valid == 0] = np.nan
        if numbers.dtype.kind == "f":
            values[np.isinf(values)] = np.nan


@dataclass(frozen=True)
class Mask:
    """A layer of flags or classes that says which pixels are not to be used.

    Arguments:
        path: The file.
        bits: Pixels with one of these bits are left out.
        classes: So are pixels with one of these values.
        index: The layer in the file, from 1.
    """

    path: Path
    bits: int = 0
    classes: tuple[int, ...] = ()
    index: int = 1

    def decode(self, numbers: NDArray[Any], valid: NDArray[np.uint8] | None) -> NDArray[np.float32]:
        """0 where a pixel may be used and NaN elsewhere; see `Band.decode`."""
        excluded = np.bitwise_and(numbers, self.bits) != 0
        if self.classes:
            excluded |= np.isin(numbers, self.classes)
        return np.where(excluded, np.float32(np.nan), np.float32(0))


Layer = Band | Mask


@dataclass(frozen=True)
class Product:
    """The bands of one acquisition.

    Arguments:
        name: The sensor and the level, as "Landsat 8 Collection 2 Level-2".
        quantity: What the values are, as "surface reflectance".
        bands: One band or more.
        masks: The flags beside them.
        metadata: Files that the scaling was read from.
        registered: Whether whoever made it has registered the bands, so that their grids may differ.
        left_out: The names of bands that it has, or should have, and that were not asked for.
        notices: What was left out or taken for granted, in words.
    """

    name: str
    quantity: str
    bands: Sequence[Band]
    masks: Sequence[Mask] = ()
    metadata: Sequence[Path] = field(default=())
    registered: bool = True
    left_out: Sequence[str] = ()
    notices: Sequence[str] = ()


class ProductError(ValueError):
    """A product folder is incomplete, or of no kind that can be read."""


_HUGE = 1e30
"""Magnitudes from which a number is never a measurement. As nodata they are written with more or fewer digits."""


def _is(numbers: NDArray[Any], special: float) -> NDArray[np.bool_]:
    """Where a number of a file is the special one, however many of its digits were written."""
    if abs(special) < _HUGE or numbers.dtype.kind != "f":
        return np.asarray(numbers == special)
    return np.asarray(numbers.astype(np.float64) / special > 0.999)


def require_files(folder: Path, files: dict[str, Path | None]) -> dict[str, Path]:
    """The files that a product must have, by what they are.

    Raises:
        ProductError: Some are missing; it names all of them.
    """
    present = {name: path for name, path in files.items() if path is not None and path.is_file()}
    if missing := [name for name in files if name not in present]:
        flags = any(name.startswith("QA") for name in missing)
        names = ",".join(name.removeprefix("band ") for name in missing)
        otherwise = "" if flags else f", or leave bands out: `exclude_bands` {names}"
        raise ProductError(
            f"{folder} lacks {', '.join(missing)}; unpack or download the product again, completely{otherwise}"
        )
    return present
