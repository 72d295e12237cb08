r"""Polygons of a map's units, with their areas on the ground."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from nflows_core.runtime.files import atomic_write
from nflows_geo.files import open_raster, reading
from nflows_geo.grid import Grid, grid_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_LAYER = "units"


def polygons(classes: NDArray[np.uint8], grid: Grid, names: Mapping[int, str] | None = None) -> GeoDataFrame:
    """Every connected group of pixels of a class as a polygon, with its area.

    Pixels are connected by their sides. The area is that on the ellipsoid, from an equal-area projection centred on the
    map, to 1e-5: the plane of a UTM zone is up to .1 % off.

    Arguments:
        classes: :math:`(H, W)`; 0 is nodata and has no polygons.
        grid: Of the map.
        names: Of the classes.

    Returns:
        Rows with ``unit``, ``name``, ``area_km2`` and ``geometry``, by unit and then by size, in the map's CRS.
    """
    import geopandas
    import shapely
    from rasterio.features import shapes

    units, figures = [], []
    for shape, unit in shapes(classes, mask=classes > 0, connectivity=4, transform=grid.transform):
        units.append(int(unit))
        figures.append(shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:]))
    frame = geopandas.GeoDataFrame({"unit": np.array(units, np.int32)}, geometry=figures, crs=grid.crs.to_wkt())
    frame["name"] = frame["unit"].map({unit: (names or {}).get(unit, str(unit)) for unit in set(units)}).astype(str)
    frame["area_km2"] = shapely.area(frame.to_crs(equal_area_crs(grid)).geometry.array) / 1e6
    ordered = frame.sort_values(["unit", "area_km2"], ascending=[True, False], kind="stable", ignore_index=True)
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


def vectorize(path: Path, target: Path, *, minimum_pixels: int = 1) -> GeoDataFrame:
    """Writes the polygons of a map as a GeoPackage, whole or not at all; the same map gives the same bytes.

    Arguments:
        path: A map: a raster with one band of bytes, 0 or its nodata meaning no unit.
        target: The GeoPackage.
        minimum_pixels: Smaller groups of pixels become part of their largest neighbour.

    Returns:
        What `polygons` returns.

    Raises:
        ValueError: It is no map, or all of it is nodata.
    """
    from rasterio.features import sieve

    classes, grid, names = read_map(path)
    if minimum_pixels > 1:
        classes = sieve(classes, minimum_pixels, mask=classes > 0)
    if not classes.any():
        raise ValueError(f"{path} is all nodata; there is nothing to draw")
    frame = polygons(classes, grid, names)
    with atomic_write(target) as file, TemporaryDirectory(dir=target.parent, prefix=".nflows-") as folder, _no_date():
        frame.to_file(Path(folder, "units.gpkg"), layer=_LAYER, driver="GPKG", engine="pyogrio")
        with Path(folder, "units.gpkg").open("rb") as written:
            shutil.copyfileobj(written, file, 2**20)
    return frame


def read_map(path: Path) -> tuple[NDArray[np.uint8], Grid, dict[int, str]]:
    """The classes of a map with 0 for nodata, its grid, and the names that its tags ``CLASS_1``, ... give.

    Raises:
        ValueError: It has several bands, or values that are no classes.
    """
    with open_raster(path) as dataset:
        if dataset.count != 1 or dataset.dtypes[0] != "uint8":
            raise ValueError(f"{path} has {dataset.count} bands of {dataset.dtypes[0]}; a map has one band of uint8")
        with reading(path):
            classes: NDArray[np.uint8] = dataset.read(1)
        if dataset.nodata is not None:
            classes[classes == dataset.nodata] = 0
        tags: dict[str, str] = dataset.tags()
        grid = grid_of(dataset)
    numbers = {key.removeprefix("CLASS_"): text for key, text in tags.items() if key.startswith("CLASS_")}
    return classes, grid, {int(number): text for number, text in numbers.items() if number.isdecimal()}


@contextmanager
def _no_date() -> Iterator[None]:
    """A GeoPackage holds the time of its last change; without it the same polygons are the same bytes."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
