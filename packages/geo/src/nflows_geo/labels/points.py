"""Points with a class, from vector files and tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

POINT_SUFFIXES = (".csv", ".gpkg", ".geojson", ".json", ".shp")
_LONGITUDE_LATITUDE = (("lon", "lat"), ("longitude", "latitude"))
_WGS84 = "EPSG:4326"


@dataclass(frozen=True)
class Points:
    """Places in one CRS, :math:`(N,)` each, and their classes as words."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    classes: NDArray[np.str_]


def read_points(path: Path, crs: CRS, assume_crs: bool, column: str) -> Points:
    """Reads points and brings them into a CRS.

    Arguments:
        path: GeoPackage, GeoJSON, Shapefile or CSV; columns lon and lat of a CSV are degrees of WGS 84.
        crs: The CRS of the points that are returned.
        assume_crs: Take the points to be in it where the file does not say.
        column: The column with the classes.

    Raises:
        ValueError: No CRS, no such column, no points, or other geometries.
    """
    points, own = (_read_table if path.suffix.lower() == ".csv" else _read_vectors)(path, column)
    if own is None and not assume_crs:
        raise ValueError(f"{path} has no CRS; `assume_crs` takes that of the scene, or name the columns lon and lat")
    return points if own is None else _transformed(points, own, crs)


def _transformed(points: Points, own: CRS, crs: CRS) -> Points:
    from rasterio.warp import transform

    if own == crs:
        return points
    x, y = transform(own, crs, points.x, points.y)
    return Points(np.array(x), np.array(y), points.classes)


def _read_table(path: Path, column: str) -> tuple[Points, CRS | None]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} has no points; it needs a header and a line for each")
    names = {name.strip().lower(): name for name in rows[0] if name}
    pairs = [pair for pair in (("x", "y"), *_LONGITUDE_LATITUDE) if pair[0] in names and pair[1] in names]
    if not pairs or column.lower() not in names:
        raise ValueError(f"{path} has the columns {', '.join(names)}; it needs x and y, or lon and lat, and {column}")
    x, y = (_numbers(path, rows, names[name]) for name in pairs[0])
    classes = np.array([row[names[column.lower()]].strip() for row in rows])
    return Points(x, y, classes), None if pairs[0] == ("x", "y") else CRS.from_string(_WGS84)


def _numbers(path: Path, rows: list[dict[str, str]], name: str) -> NDArray[np.float64]:
    for line, row in enumerate(rows, 2):
        try:
            float(row[name])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {line}: {name} is {row[name]!r}, not a number") from error
    return np.array([float(row[name]) for row in rows])


def _read_vectors(path: Path, column: str) -> tuple[Points, CRS | None]:
    import geopandas
    from pyogrio.errors import DataSourceError

    try:
        frame = geopandas.read_file(path)
    except DataSourceError as error:
        raise ValueError(f"{path} cannot be read as vectors: {error}") from error
    if frame.empty or not (frame.geom_type == "Point").all():
        kinds = ", ".join(sorted(set(frame.geom_type.astype(str)))) or "nothing"
        raise ValueError(f"{path} holds {kinds}; give points, or a raster of classes")
    if column not in frame:
        raise ValueError(f"{path} has no column {column}; it has {', '.join(frame.columns.drop('geometry'))}")
    crs = None if frame.crs is None else CRS.from_wkt(frame.crs.to_wkt())
    classes = frame[column].astype(str).to_numpy(dtype=np.str_)
    return Points(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), classes), crs
