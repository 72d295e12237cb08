"""A map made into polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nflows_core.runtime.report import digested
from nflows_geo.mapping import UnitNames, vectorize
from nflows_geo.raster import digest


def vectorize_map(
    source: Path, target: Path, *, minimum_pixels: int = 1, names: UnitNames | None = None
) -> dict[str, Any]:
    """Writes the polygons of a map, and says how many there are, as `vectorize` does of each unit.

    Arguments:
        source: A map.
        target: A GeoPackage.
        minimum_pixels: Smaller groups of pixels become part of their largest neighbour.
        names: Names and colours of units, before those that the map has itself.

    Returns:
        Number and area of all polygons and of those of each unit, and the digests of both files.

    Raises:
        ValueError: It is no map, all of it is nodata, or a unit is named that it does not have.
    """
    units = vectorize(source, target, minimum_pixels=minimum_pixels, names=names)
    area = next(name for name in units[0] if name.startswith("area_"))
    return {
        "polygons": sum(unit["polygons"] for unit in units),
        area: sum(unit[area] for unit in units),
        "min_pixels": minimum_pixels,
        "units": units,
        "inputs": digested(
            {names.file.name: names.file} if names and names.file else {}, {source.name: digest(source)}
        ),
        "outputs": digested({target.name: target}),
    }
