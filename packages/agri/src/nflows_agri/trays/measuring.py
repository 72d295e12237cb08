"""What is measured of each seed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from skimage.measure import regionprops

from nflows_agri.trays.colours import Pixels, lab
from nflows_agri.trays.splitting import Labels
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import as_cell

_LENGTHS = ("major_axis", "minor_axis", "perimeter")


def columns(*, is_scaled: bool) -> list[str]:
    """The columns of the table of a tray, in their order; with a scale, those in millimetres besides."""
    lengths = [f"{name}_px" for name in _LENGTHS]
    scaled = ["area_mm2", *(f"{name}_mm" for name in _LENGTHS)] if is_scaled else []
    place = ["id", "crop", "x", "y", "left", "top", "width", "height", "at_edge"]
    shape = ["area_px", *lengths, "solidity", "orientation_deg", *scaled]
    return [*place, *shape, "red", "green", "blue", "lightness", "a", "b"]


def measured(pixels: Pixels, labels: Labels, tray: str, px_per_mm: float | None = None) -> Iterator[dict[str, Any]]:
    """A row for each seed, with the keys of `columns`.

    Places are of pixels' middles, from 0 at the upper left. The axes are those of the ellipse with the seed's second
    moments; the orientation is the angle of the major axis to the right, counter-clockwise in [0, 180) degrees; the
    perimeter is that of Crofton's formula by four directions (Legland et al. 2011); colours are means in sRGB and in
    CIELAB (D65) over the seed. At an edge of the photograph a seed is cut off, and so are its numbers.

    Arguments:
        pixels: The photograph, sRGB, (H, W, 3).
        labels: The number of the seed at each pixel.
        tray: The name of the tray, by which crops are called.
        px_per_mm: The pixels a millimetre, for lengths in millimetres besides.
    """
    for seed in regionprops(labels):
        yield {
            "id": int(seed.label),
            "crop": crop_name(tray, seed.label),
            **_place(seed, labels.shape),
            **_shape(seed, px_per_mm),
            **_colours(pixels[seed.slice][seed.image]),
        }


def _place(seed: Any, size: tuple[int, ...]) -> dict[str, float]:
    top, left, bottom, right = seed.bbox
    is_cut = top == 0 or left == 0 or bottom == size[0] or right == size[1]
    box = {"left": left, "top": top, "width": right - left, "height": bottom - top}
    return {"x": _short(seed.centroid[1]), "y": _short(seed.centroid[0]), **box, "at_edge": int(is_cut)}


def _shape(seed: Any, px_per_mm: float | None) -> dict[str, float]:
    values = (seed.axis_major_length, seed.axis_minor_length, seed.perimeter_crofton)
    lengths = dict(zip(_LENGTHS, map(float, values), strict=True))
    shape = {"area_px": int(seed.area), **{f"{name}_px": _short(one) for name, one in lengths.items()}}
    shape |= {"solidity": _short(seed.solidity, 4)}
    shape |= {"orientation_deg": _short((90 + np.degrees(seed.orientation)) % 180)}
    if px_per_mm:
        shape |= {"area_mm2": _short(seed.area / px_per_mm**2, 4)}
        shape |= {f"{name}_mm": _short(one / px_per_mm, 4) for name, one in lengths.items()}
    return shape


def _colours(inside: Pixels) -> dict[str, float]:
    """The mean colours of pixels (N, 3)."""
    means = *inside.mean(0), *lab(inside[:, None]).mean((1, 2), dtype=np.float64)
    return dict(zip(("red", "green", "blue", "lightness", "a", "b"), map(_short, means), strict=True))


def crop_name(tray: str, number: int) -> str:
    """The name of a crop: without its last number it is the tray, the group of `nflows_core.data.labelled`."""
    return f"{tray}_{number:04d}.png"


def write_table(path: Path, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a table that may have no row, so that programs find its columns."""
    with atomic_write(path, "w") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        cells = ([row[name] for name in names] for row in rows)
        table.writerows([as_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in cells)


def _short(value: float, digits: int = 2) -> float:
    return round(float(value), digits)
