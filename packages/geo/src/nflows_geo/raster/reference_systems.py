"""Coordinate reference systems: what they are called, which of them are the same, and how long their units are.

A raster may have none, as a photograph of a core has; of the Moon it has one that no place on the Earth can be brought
into.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError

_EARTH_METRES = 6_378_137.0
_UNKNOWN = re.compile("unknown|not.?specified|unnamed|undefined", re.IGNORECASE)


@lru_cache(maxsize=64)
def horizontal(crs: CRS) -> pyproj.CRS:
    """A system without its heights, and without a transformation that a file gives beside it."""
    system = pyproj.CRS.from_wkt(crs.to_wkt())
    if system.is_compound:
        system = system.sub_crs_list[0]
    return system.source_crs if system.is_bound and system.source_crs else system


@lru_cache(maxsize=256)
def same_system(one: CRS | None, other: CRS | None) -> bool:
    """Whether the same coordinates are the same place in two systems, however they are written.

    Heights do not count, and where one of them does not say its datum, it is taken to be that of the other if they have
    the same ellipsoid.
    """
    if one is None or other is None:
        return one is other
    return (
        one == other or _equal(horizontal(one), _with_datum(one, other)) or _equal(horizontal(one), horizontal(other))
    )


def assumed_datum(one: CRS | None, other: CRS | None) -> str:
    """The datum that `same_system` has assumed for the one that does not say its own; nothing where both do."""
    if one is None or other is None or not same_system(one, other):
        return ""
    names = [_datum(horizontal(crs)) for crs in (one, other)]
    known = [name for name in names if not _UNKNOWN.search(name)]
    return known[0] if len(known) == 1 else ""


def _equal(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    return bool(one.equals(other, ignore_axis_order=True))


def _with_datum(of: CRS, crs: CRS) -> pyproj.CRS:
    """A system whose datum is that of another one, if one of the two is unknown and the ellipsoids are the same."""
    own, others = horizontal(crs), horizontal(of)
    if own.ellipsoid is None or own.ellipsoid != others.ellipsoid or own.prime_meridian != others.prime_meridian:
        return own
    if not any(_UNKNOWN.search(_datum(system)) for system in (own, others)):
        return own
    contents, wanted = own.to_json_dict(), (others.geodetic_crs or others).to_json_dict()
    geographic = contents.get("base_crs", contents)
    for key in ("datum", "datum_ensemble"):
        geographic.pop(key, None)
        if key in wanted:
            geographic[key] = wanted[key]
    return pyproj.CRS.from_json_dict(contents)


def _datum(system: pyproj.CRS) -> str:
    return "" if system.datum is None else str(system.datum.name).removesuffix(" ensemble")


def name_of(crs: CRS | None) -> str:
    """EPSG:32641, or the name of a system that has no number."""
    if crs is None:
        return "no CRS"
    system = horizontal(crs)
    # What it says of itself: a search by likeness takes seconds, and finds too much.
    number = system.to_json_dict().get("id", {})
    return f"EPSG:{number['code']}" if number.get("authority") == "EPSG" else str(system.name)


def difference(one: CRS | None, other: CRS | None) -> str:
    """How two systems differ in words, as "it is in EPSG:32640, not EPSG:32641"."""
    if one is None or other is None:
        return f"it has {name_of(one)}, the other has {name_of(other)}"
    names = name_of(one), name_of(other)
    if names[0] != names[1]:
        return f"it is in {names[0]}, not {names[1]}"
    differing = "; ".join(_differences(horizontal(one), horizontal(other))) or "the axes"
    return f"both say {names[0]}, but differ: {differing}"


def _differences(one: pyproj.CRS, other: pyproj.CRS) -> Iterator[str]:
    mine, theirs = _properties(one), _properties(other)
    for name in mine | theirs:
        if mine.get(name) != theirs.get(name):
            yield f"{name} {mine.get(name, 'none')}, not {theirs.get(name, 'none')}"


def _properties(system: pyproj.CRS) -> dict[str, str]:
    """What tells systems of one name apart, in words."""
    words = {"datum": _datum(system), "unit": system.axis_info[0].unit_name}
    if system.ellipsoid is not None:
        shape = f"{system.ellipsoid.semi_major_metre:.10g} m, 1/{system.ellipsoid.inverse_flattening:.10g}"
        words |= {"ellipsoid": f"{system.ellipsoid.name} ({shape})"}
    if system.prime_meridian is not None:
        words |= {"prime meridian": system.prime_meridian.name}
    operation = system.coordinate_operation
    if operation is not None:
        words |= {"projection": operation.method_name}
        words |= {parameter.name.lower(): f"{parameter.value:.12g}" for parameter in operation.params}
    return words


def unit_of(crs: CRS) -> str:
    """The unit of a system's coordinates: "metre", "degree", or another in words."""
    return str(horizontal(crs).axis_info[0].unit_name)


def metres_per_unit(crs: CRS | None, latitude: float) -> tuple[float, float]:
    """Metres in one unit of a system, eastwards and northwards; for degrees, at a latitude. Without a system one."""
    if crs is None:
        return 1.0, 1.0
    system = horizontal(crs)
    factor = float(system.axis_info[0].unit_conversion_factor)
    ellipsoid = system.ellipsoid
    if ellipsoid is None or not system.is_geographic:
        return factor, factor
    # The radius of a sphere that is about as large as the ellipsoid.
    metres = factor * (2 * ellipsoid.semi_major_metre + ellipsoid.semi_minor_metre) / 3
    return metres * math.cos(math.radians(latitude)), metres


def is_of_the_earth(crs: CRS) -> bool:
    """Whether a system is of the Earth, by the size of its ellipsoid."""
    ellipsoid = horizontal(crs).ellipsoid
    return ellipsoid is not None and abs(ellipsoid.semi_major_metre / _EARTH_METRES - 1) < 0.01


def geographic(crs: CRS | None) -> pyproj.CRS | None:
    """The system in which places of another are given in degrees: WGS 84, elsewhere than on the Earth its own.

    Returns:
        Nothing for a system, as that of a mine, that does not say where it lies.
    """
    if crs is None or horizontal(crs).geodetic_crs is None:
        return None
    return pyproj.CRS.from_epsg(4326) if is_of_the_earth(crs) else horizontal(crs).geodetic_crs


def is_reachable(one: CRS | None, other: CRS | None) -> bool:
    """Whether places in one system can be brought into another: not from nowhere, nor from the Moon to the Earth."""
    if same_system(one, other):
        return True
    if one is None or other is None:
        return False
    try:
        moved(np.zeros(1), np.zeros(1), horizontal(one), horizontal(other))
    except ValueError:
        return False
    return True


def full_turn(crs: CRS | None) -> float | None:
    """The whole way round, 360 degrees, in units of a geographic system; nothing in others."""
    if crs is None or not horizontal(crs).is_geographic:
        return None
    return 2 * math.pi / float(horizontal(crs).axis_info[0].unit_conversion_factor)


def bounds_in(
    source: CRS | None, target: CRS | None, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """The box of a box in another system: left, bottom, right, top; across the antimeridian left is beyond right.

    Returns:
        Infinities if it has no place there.
    """
    from rasterio.warp import transform_bounds

    if source is None or target is None or same_system(source, target):
        return bounds
    try:
        left, bottom, right, top = transform_bounds(source, target, *bounds)
    except RasterioError:
        return math.inf, math.inf, math.inf, math.inf
    return left, bottom, right, top


def degrees(
    crs: CRS | None, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitudes from -180 to 180 and latitudes of places, in the system of `geographic`; NaN where there is none."""
    target = geographic(crs)
    if crs is None or target is None:
        return np.full(np.shape(x), np.nan), np.full(np.shape(y), np.nan)
    longitude, latitude = moved(x, y, horizontal(crs), target)
    return (longitude + 180) % 360 - 180, latitude


def moved(
    x: NDArray[np.float64], y: NDArray[np.float64], source: pyproj.CRS, target: pyproj.CRS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in another system; NaN where they have none in it.

    Raises:
        ValueError: There is no way from the one to the other, as from the Moon to the Earth.
    """
    try:
        transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise ValueError(
            f"places in {source.name} have none in {target.name}: one is of another body, or says not where it lies"
        ) from error
    east, north = transformer.transform(x, y)
    east, north = np.asarray(east, np.float64), np.asarray(north, np.float64)
    outside = ~(np.isfinite(east) & np.isfinite(north))
    return np.where(outside, np.nan, east), np.where(outside, np.nan, north)
