r"""Polygons of a map's units, with their areas on the ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.ownership import refuse_overwriting, refuse_results
from nflows_geo.figures import LegendUnit
from nflows_geo.mapping.map_file import open_map
from nflows_geo.mapping.names import UnitNames
from nflows_geo.mapping.patches import without_small_patches
from nflows_geo.mapping.styles import polygon_style
from nflows_geo.raster import Grid, companions, files_of, pixel_areas, require_place, whole_geopackage

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_LAYER = "units"
_GEOMETRY = "geom"
"""How GDAL calls the column of geometries."""
_STYLES = "layer_styles"
"""The table in which QGIS looks for the styles of a GeoPackage's layers."""
_STYLED = "2000-01-01T00:00:00Z"
"""When the style was made, as the rest of the file: no date, so that the same map is the same bytes."""
_LONGEST_OUTLINE = 2_000_000
"""Pixels of outlines in memory at once; they are what takes most of the memory of a large map's polygons, part of the
peak that ``benchmarks/bench_map.py`` measures."""


def polygons(classes: NDArray[np.uint8], grid: Grid, units: Sequence[int], names: Mapping[int, str]) -> GeoDataFrame:
    """Every connected group of pixels of some units as a polygon, with its area.

    Pixels are connected by their sides. The area is that of the pixels on the ellipsoid, so that all polygons together
    have that of the map; see `PixelAreas`.

    Arguments:
        classes: :math:`(H, W)`.
        grid: The grid of the map.
        units: The classes whose polygons are wanted.
        names: The names of units; the others are called by their number.

    Returns:
        Rows with ``unit``, ``name``, ``area_km2`` and ``geometry``, by unit and the largest first, in the map's CRS; of
        a map without one the area is ``area_pixels``.
    """
    import geopandas
    import shapely
    from rasterio.features import shapes

    drawn = _only(classes, units)
    numbers, figures = [], []
    for shape, unit in shapes(drawn, mask=drawn, connectivity=4, transform=grid.transform):
        numbers.append(int(unit))
        figures.append(shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:]))
    frame = geopandas.GeoDataFrame(
        {"unit": numbers, "name": [names.get(unit, str(unit)) for unit in numbers]},
        geometry=figures,
        crs=None if grid.crs is None else grid.crs.to_wkt(),
    )
    areas = pixel_areas(grid)
    frame[areas.column] = areas.of_outlines(frame.geometry.to_numpy(), grid)
    ordered = frame.sort_values(["unit", areas.column], ascending=[True, False], kind="stable", ignore_index=True)
    return ordered[["unit", "name", areas.column, "geometry"]]


def _only(classes: NDArray[np.uint8], units: Sequence[int]) -> NDArray[np.uint8]:
    """The map with these units alone; itself where it has no others, since a copy takes as much as the map."""
    if _units(classes) <= set(units):
        return classes
    numbers = np.zeros(256, np.uint8)
    numbers[list(units)] = units
    return numbers[classes]


def vectorize(
    path: Path,
    target: Path,
    *,
    minimum_pixels: int = 1,
    names: UnitNames | None = None,
    suggestions: Mapping[int, str] | None = None,
) -> list[dict[str, Any]]:
    """Writes the polygons of a map as a GeoPackage, whole or not at all; the same map gives the same bytes.

    The file has a style in which QGIS draws the units in their colours and under their names.

    Few units are drawn at once where their outlines are long, so that memory holds the polygons of few.

    Arguments:
        path: A map: a raster with one band of bytes, 0 or its nodata meaning no unit.
        target: The GeoPackage, with the columns that `polygons` has.
        minimum_pixels: Smaller groups of pixels become part of their largest neighbour, so that no ground is without a
            unit; those that nothing but nodata surrounds stay. See `without_small_patches`.
        names: Names and colours of units, before those that the map has itself.
        suggestions: What units may be; if they are given, a column ``suggestion`` has them.

    Returns:
        Of each unit its number, its name, how many polygons it has and their area, in km² or pixels.

    Raises:
        FileExistsError: The target is read, part of the results of another command, or beside what belongs to a file
            that is gone.
        ValueError: It is no map, all of it is nodata, or a unit is named that it does not have.

    Example:
        >>> from nflows_geo import vectorize
        >>> units = vectorize(Path("labels.tif"), Path("labels.gpkg"))
        >>> [(unit["unit"], unit["polygons"], round(unit["area_km2"], 2)) for unit in units]
        [(1, 1, 0.36), (2, 1, 0.36), (3, 1, 0.36)]
    """
    source = open_map(path)
    read = [*files_of(path), *([] if names is None or names.file is None else [names.file])]
    refuse_overwriting([target, *companions(target)], read)
    refuse_results([target])
    require_place([target])
    classes, grid = without_small_patches(source.read(), minimum_pixels), source.grid
    if not classes.any():
        raise ValueError(f"{path} is all nodata; there is nothing to draw")
    if names is not None:
        names.require(_units(classes) | source.names.keys())
        source = source.named(names)
    rows: list[dict[str, Any]] = []
    with whole_geopackage(target) as path:
        for units in _batches(classes):
            frame = polygons(classes, grid, units, source.names)
            if suggestions is not None:
                frame.insert(2, "suggestion", frame["unit"].map(suggestions))
            rows += _append(path, frame, pixel_areas(grid).column)
        _append_style(path, source.legend([row["unit"] for row in rows], suggestions or {}))
    return rows


def _units(classes: NDArray[np.uint8]) -> set[int]:
    """The units that there are; as numbers of a pixel each they would be eight times as large, so line by line."""
    return set(np.flatnonzero(_outlines(classes)))


def _append_style(path: Path, legend: Sequence[LegendUnit]) -> None:
    """Writes the style that QGIS takes by itself, in the columns that it looks for."""
    import pandas
    from pyogrio import write_dataframe

    row = {
        "f_table_catalog": "", "f_table_schema": "", "f_table_name": _LAYER, "f_geometry_column": _GEOMETRY,
        "styleName": _LAYER, "styleQML": polygon_style(legend), "styleSLD": "", "useAsDefault": True,
        "description": "Units in the colours of the map", "owner": "", "ui": "",
        "update_time": pandas.Timestamp(_STYLED),
    }  # fmt: skip
    write_dataframe(
        pandas.DataFrame([row]), path, layer=_STYLES, driver="GPKG", append=True, layer_options={"FID": "id"}
    )


def _batches(classes: NDArray[np.uint8]) -> Iterator[list[int]]:
    """The units that there are, as many at once as have outlines of at most ``_LONGEST_OUTLINE`` pixels together."""
    lengths = _outlines(classes)
    batch: list[int] = []
    for unit in np.flatnonzero(lengths).tolist():
        if batch and lengths[[*batch, unit]].sum() > _LONGEST_OUTLINE:
            yield batch
            batch = []
        batch.append(unit)
    yield batch


def _outlines(classes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each unit begins along the lines of a map, (256,): about half the length of its outline."""
    lengths = np.bincount(classes[:, 0], minlength=256)
    for line in classes:
        lengths += np.bincount(line[1:][line[1:] != line[:-1]], minlength=256)
    lengths[0] = 0
    return lengths


def _append(path: Path, frame: GeoDataFrame, area: str) -> list[dict[str, Any]]:
    """Writes polygons and says of each unit how many there are."""
    frame.to_file(path, layer=_LAYER, driver="GPKG", engine="pyogrio", mode="a" if path.exists() else "w")
    groups = frame.groupby(["unit", "name"], as_index=False)
    counted = groups.agg(polygons=(area, "size"), area=(area, "sum"))
    return [
        {"unit": int(unit), "name": name, "polygons": int(count), area: float(total)}
        for unit, name, count, total in counted.itertuples(index=False)
    ]
