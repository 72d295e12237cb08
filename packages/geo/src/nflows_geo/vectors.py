r"""Polygons of a map's units, with their areas on the ground."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from nflows_core.runtime.files import atomic_write
from nflows_geo.grid import Grid
from nflows_geo.maps import open_map

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_LAYER = "units"


def polygons(classes: NDArray[np.uint8], grid: Grid, unit: int, name: str = "") -> GeoDataFrame:
    """Every connected group of pixels of a unit as a polygon, with its area.

    Pixels are connected by their sides. The area is that on the ellipsoid, from an equal-area projection centred on the
    map, to 1e-5: the plane of a UTM zone is up to .1 % off.

    Arguments:
        classes: :math:`(H, W)`.
        grid: Of the map.
        unit: The class whose polygons are wanted.
        name: Of the unit.

    Returns:
        Rows with ``unit``, ``name``, ``area_km2`` and ``geometry``, the largest first, in the map's CRS.
    """
    import geopandas
    import shapely
    from rasterio.features import shapes

    found = shapes(classes, mask=classes == unit, connectivity=4, transform=grid.transform)
    figures = [shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:]) for shape, _ in found]
    frame = geopandas.GeoDataFrame(
        {"unit": unit, "name": name}, geometry=figures, crs=grid.crs.to_wkt(), index=range(len(figures))
    )
    frame["area_km2"] = shapely.area(frame.to_crs(equal_area_crs(grid)).geometry.array) / 1e6
    ordered = frame.sort_values("area_km2", ascending=False, kind="stable", ignore_index=True)
    return ordered[["unit", "name", "area_km2", "geometry"]]


def equal_area_crs(grid: Grid) -> str:
    """Lambert's azimuthal equal-area projection about the middle of a grid, in metres.

    Source: Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395, 1987), section 24.
    """
    from rasterio.warp import transform

    x, y = grid.place(grid.width / 2, grid.height / 2)
    (longitude,), (latitude,) = transform(grid.crs, CRS.from_epsg(4326), [x], [y])
    return f"+proj=laea +lat_0={latitude:.9f} +lon_0={longitude:.9f} +datum=WGS84 +units=m"


def pixel_area_km2(grid: Grid) -> float:
    """The area on the ground of the pixel in the middle of a grid."""
    import shapely
    from pyproj import Transformer

    column, row = grid.width // 2, grid.height // 2
    corners = [grid.place(column + i, row + j) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    project = Transformer.from_crs(grid.crs.to_wkt(), equal_area_crs(grid), always_xy=True).transform
    return float(shapely.Polygon([project(*corner) for corner in corners]).area / 1e6)


def vectorize(path: Path, target: Path, *, minimum_pixels: int = 1) -> list[dict[str, Any]]:
    """Writes the polygons of a map as a GeoPackage, whole or not at all; the same map gives the same bytes.

    One unit after the other is drawn and written, so that only the polygons of one are in memory.

    Arguments:
        path: A map: a raster with one band of bytes, 0 or its nodata meaning no unit.
        target: The GeoPackage, with the columns that `polygons` has.
        minimum_pixels: Smaller groups of pixels become part of their largest neighbour.

    Returns:
        Of each unit its number, its name, how many polygons it has and their area in square kilometres.

    Raises:
        ValueError: It is no map, or all of it is nodata.
    """
    from rasterio.features import sieve

    found = open_map(path)
    classes, grid, names = found.read(), found.grid, found.names
    if minimum_pixels > 1:
        classes = sieve(classes, minimum_pixels, mask=classes > 0)
    units = (np.flatnonzero(np.bincount(classes.ravel(), minlength=2)[1:]) + 1).tolist()
    if not units:
        raise ValueError(f"{path} is all nodata; there is nothing to draw")
    with atomic_write(target) as file, TemporaryDirectory(dir=target.parent, prefix=".nflows-") as folder, _no_date():
        written = Path(folder, "units.gpkg")
        rows = [_append(written, polygons(classes, grid, unit, names.get(unit, str(unit)))) for unit in units]
        with written.open("rb") as source:
            shutil.copyfileobj(source, file, 2**20)
    return rows


def _append(path: Path, frame: GeoDataFrame) -> dict[str, Any]:
    frame.to_file(path, layer=_LAYER, driver="GPKG", engine="pyogrio", mode="a" if path.exists() else "w")
    unit, name = frame.loc[0, ["unit", "name"]]
    return {"unit": int(unit), "name": name, "polygons": len(frame), "area_km2": float(frame["area_km2"].sum())}


@contextmanager
def _no_date() -> Iterator[None]:
    """A GeoPackage holds the time of its last change; without it the same polygons are the same bytes."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
