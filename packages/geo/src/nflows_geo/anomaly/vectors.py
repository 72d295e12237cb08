"""The anomalies of a scene as a GeoPackage: their peaks as points, their outlines as polygons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from nflows_geo.anomaly.listing import AnomalyList, unknown_columns
from nflows_geo.raster import Grid, pixel_areas, whole_geopackage
from nflows_geo.scene import Band
from nflows_geo.spectra import VEGETATION

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries
    from shapely import Polygon

POINTS, OUTLINES, SPECTRA = "anomalies", "outlines", "spectra"
FEW_BANDS = 20
"""Bands of which each has columns of its own; of more, a table holds their spectra: 2,000 columns are the most that a
GeoPackage has, and nobody reads so many."""


def write_anomalies(path: Path, anomalies: AnomalyList, grid: Grid, bands: Sequence[Band]) -> NDArray[np.float64]:
    """Writes the layers, whole or not at all; the same anomalies give the same bytes.

    Two have a row for each anomaly, by rank: ``anomalies`` a point in its most unusual pixel, with its score, area,
    coordinates, what it resembles and how far in degrees it is from that, mean spectrum (``mean_B4``) and how far that
    is from the scene's and from its surroundings', in standard deviations (``scene_B4``, ``around_B4``); ``outlines`` a
    polygon of its pixels. Where the scene has more than 20 bands, the spectra are a table instead, ``spectra``, with a
    row for each anomaly and band.

    Arguments:
        path: The GeoPackage.
        anomalies: What to write.
        grid: The grid of the scene.
        bands: The bands of the scene.

    Returns:
        The area of each on the ellipsoid, in square metres, (N,); meaningless without a CRS.
    """
    polygons = outlines(anomalies, grid)
    areas = pixel_areas(grid).of_outlines(polygons.to_numpy(), grid) * 1e6
    many = len(bands) > FEW_BANDS
    with whole_geopackage(path) as file:
        for layer, frame, kind in (
            (POINTS, _points(anomalies, areas, grid, () if many else bands), "Point"),
            (OUTLINES, _with_ranks(anomalies, areas, polygons), "Polygon"),
        ):
            mode = "a" if file.exists() else "w"
            known = frame.drop(columns=unknown_columns(grid), errors="ignore")
            known.to_file(file, layer=layer, driver="GPKG", engine="pyogrio", mode=mode, geometry_type=kind)
        if many:
            _write_spectra(file, anomalies, bands)
    return areas


def outlines(anomalies: AnomalyList, grid: Grid) -> GeoSeries:
    """The pixels of each anomaly as a polygon, in the scene's CRS."""
    import geopandas

    figures = [_outline(members, grid) for members in anomalies.groups.members]
    return geopandas.GeoSeries(figures, crs=None if grid.crs is None else grid.crs.to_wkt())


def _outline(members: NDArray[np.int64], grid: Grid) -> Polygon:
    import shapely
    from rasterio.features import shapes

    rows, columns = np.divmod(members, grid.width)
    top, left = rows.min(), columns.min()
    pixels = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), np.uint8)
    pixels[rows - top, columns - left] = 1
    place = grid.transform @ Affine.translation(left, top)
    ((shape, _),) = shapes(pixels, mask=pixels > 0, connectivity=4, transform=place)
    return shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:])


def _with_ranks(anomalies: AnomalyList, areas: NDArray[np.float64], geometry: Any) -> GeoDataFrame:
    import geopandas

    columns = {
        "rank": np.arange(1, len(anomalies) + 1),
        "score": anomalies.groups.scores,
        "pixels": np.array([len(members) for members in anomalies.groups.members], np.int64),
        "area_m2": areas,
    }
    return geopandas.GeoDataFrame(columns, geometry=geometry)


def _points(anomalies: AnomalyList, areas: NDArray[np.float64], grid: Grid, bands: Sequence[Band]) -> GeoDataFrame:
    import geopandas
    import pandas

    added: dict[str, NDArray[Any]] = {
        "x": anomalies.x,
        "y": anomalies.y,
        "longitude": anomalies.longitude,
        "latitude": anomalies.latitude,
    }
    if anomalies.ndvi is not None:
        added |= {"ndvi": anomalies.ndvi, "vegetation": anomalies.ndvi > VEGETATION}
    if (likeness := anomalies.likeness) is not None:
        added |= {"resembles": np.array(likeness.named, object)}
        added |= {"nearest": np.array(likeness.nearest, object), "nearest_angle": likeness.angles}
        added |= {"next": np.array(likeness.next_nearest, object), "next_angle": likeness.next_angles}
    spectra = _spectra(anomalies).items()
    added |= {f"{of}_{band.name}": values[:, i] for of, values in spectra for i, band in enumerate(bands)}
    crs = None if grid.crs is None else grid.crs.to_wkt()
    points = geopandas.GeoSeries.from_xy(anomalies.x, anomalies.y, crs=crs)
    frame = _with_ranks(anomalies, areas, points)
    return geopandas.GeoDataFrame(pandas.concat([frame, pandas.DataFrame(added)], axis=1), geometry="geometry")


def _spectra(anomalies: AnomalyList) -> dict[str, NDArray[np.float64]]:
    """Mean spectra and their differences, each (N, bands)."""
    return {
        "mean": anomalies.groups.spectra,
        "scene": anomalies.against_scene,
        "around": anomalies.against_surroundings,
    }


def _write_spectra(file: Path, anomalies: AnomalyList, bands: Sequence[Band]) -> None:
    import pandas
    import pyogrio

    count = len(anomalies)
    columns = {
        "rank": np.arange(1, count + 1).repeat(len(bands)),
        "band": np.tile(np.array([band.name for band in bands], object), count),
        "wavelength_nm": np.tile(np.array([band.wavelength_nm for band in bands], np.float64), count),
        **{of: values.ravel() for of, values in _spectra(anomalies).items()},
    }
    pyogrio.write_dataframe(pandas.DataFrame(columns), file, layer=SPECTRA, driver="GPKG", append=True)
