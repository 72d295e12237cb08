"""What a raster does not say of itself: a collar without data along its edge, and bands that hold nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nflows_geo.raster import Grid, finest
from nflows_geo.scene.bands import Band
from nflows_geo.scene.layers import Placed
from nflows_geo.scene.precision import require_precision
from nflows_geo.scene.scene import Scene
from nflows_geo.scene.stretches import Stretches, numbers_of, stretches_of

_FILLS = (0.0, -999.0, -9999.0, -99999.0, -32768.0, -2147483648.0)
_HUGE = 1e15
"""Numbers, and the magnitude of others, that programs write where they have no data. No spectrum has one in all bands;
another number may be a measurement, such as 255, and so may one of these where a file says itself what is no data."""
_FEWEST_BANDS = 3
"""Bands that must share a number before it is certain that it is no measurement."""

_SHORTEST = 8
"""Pixels of a stretch that must share a number before it is a collar: a few dark pixels are none."""


@dataclass(frozen=True)
class Unsaid:
    """What was found out about the bands of a raster.

    Arguments:
        number: The number that all bands have along the edge; nothing if there is none.
        certain: Whether it can only be fill.
        empty: The number of each band that has no other anywhere, by its place; nothing for one without any value.
    """

    number: float | None
    certain: bool
    empty: dict[int, float | None]


def without_unsaid(scene: Scene) -> Scene:
    """A scene of rasters without bands that hold nothing, and without a collar that can only be fill; it says so.

    Raises:
        ValueError: There is such a collar, and the bands are to be interpolated, which would mix it in; or the numbers
            have more digits than values, see `require_precision`.
    """
    stretches, names = stretches_of(scene.placed_bands), [band.name for band in scene.bands]
    require_precision(scene.bands, stretches.all)
    unsaid = find_unsaid(scene.placed_bands, stretches)
    notices = [*scene.notices]
    for number in dict.fromkeys(unsaid.empty.values()):
        held = "no value in the scene" if number is None else f"nothing but {_shown(number)}"
        those = ", ".join(names[place] for place, one in unsaid.empty.items() if one == number)
        notices.append(f"left out, holding {held}: {those}")
    if unsaid.number is not None:
        notices.append(_collar(unsaid.number, unsaid.certain))
    fill = unsaid.number if unsaid.certain else None
    if fill is not None and any(one.resampling != "nearest" for one in scene.placed_bands):
        shown = _shown(fill)
        raise ValueError(
            f"{scene.name} is {shown} in all bands along its edge, which no file calls no data, so that it would be "
            f"mixed into the pixels beside it; declare it (rio edit-info --nodata {shown}), or resample by the nearest"
        )
    placed = tuple(one for place, one in enumerate(scene.placed_bands) if place not in unsaid.empty)
    return replace(scene, placed_bands=placed, fill=fill, notices=tuple(notices))


def _collar(number: float, certain: bool) -> str:
    shown = _shown(number)
    seen = f"all bands are {shown} along the edge"
    if certain:
        return (
            f"{seen}, and no file says what is no data: pixels that are {shown} in all bands are left out; if they "
            "are measurements, declare another number as nodata"
        )
    return f"{seen}, which is taken for data; if it is none, declare it (rio edit-info --nodata {shown})"


def _shown(number: float) -> str:
    """A number with the digits that tell it from others of its type: --nodata needs them all."""
    with np.errstate(over="ignore"):
        narrow = np.float32(number)
    return f"{float(str(narrow)) if narrow == number else number:.15g}"


def find_unsaid(bands: Sequence[Placed], stretches: Stretches) -> Unsaid:
    """Looks at a few stretches along the edge and within, and at all of a band only if it seems to hold nothing.

    Bands that hold nothing have no part in the collar; if there are fewer than two others, none counts as empty.
    """
    grid = finest([placed.grid for placed in bands])
    empty = _empty(bands, stretches.all, grid)
    kept = [place for place in range(len(bands)) if place not in empty]
    number = _shared([stretch[kept] for stretch in stretches.edge]) if len(kept) > 1 else None
    layers = [bands[place].layer for place in kept]
    says = any(band.says_nodata for band in layers if isinstance(band, Band))
    fill = number is not None and (number in _FILLS or abs(number) >= _HUGE)
    return Unsaid(number, fill and len(kept) >= _FEWEST_BANDS and not says, empty)


def _shared(stretches: Sequence[NDArray[np.float64]]) -> float | None:
    """The number that all bands have in half of a stretch or more; that of most stretches, if there are several."""
    found: Counter[float] = Counter()
    for stretch in stretches:
        numbers, counts = np.unique(stretch[0][(stretch == stretch[0]).all(0)], return_counts=True)
        if len(counts) and counts.max() >= max(_SHORTEST, stretch.shape[1] / 2):
            found[float(numbers[counts.argmax()])] += 1
    return found.most_common(1)[0][0] if found else None


def _empty(bands: Sequence[Placed], seen: NDArray[np.float64], grid: Grid) -> dict[int, float | None]:
    suspects = [place for place, numbers in enumerate(seen) if len(_different(numbers)) < 2]
    if len(bands) - len(suspects) < 2:
        return {}
    numbers = {place: _all_numbers(bands[place], grid) for place in suspects}
    return {place: next(iter(few), None) for place, few in numbers.items() if len(few) < 2}


def _all_numbers(band: Placed, grid: Grid) -> set[float]:
    """The numbers of a whole band, as far as two of them."""
    found: set[float] = set()
    for block in numbers_of(band, grid):
        found |= set(_different(block)[:2].tolist())
        if len(found) > 1:
            break
    return found


def _different(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least and the greatest of the numbers, which are one if all are the same."""
    valid = numbers[~np.isnan(numbers)]
    return np.unique([valid.min(), valid.max()]) if len(valid) else valid
