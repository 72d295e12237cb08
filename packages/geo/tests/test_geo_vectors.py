from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform

from geo_files import make_grid, write_raster
from nflows_geo.mapping.polygons import polygons, vectorize
from nflows_geo.raster import Grid, pixel_areas, write_cog


def two_units() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    values = np.ones((20, 30), np.uint8)
    values[:5], values[10:, 20:], values[12, 3] = 0, 2, 2
    return values


def write_map(path: Path, values: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Path:
    grid = make_grid(*values.shape[::-1])
    blocks = [(tile.core, values[tile.core.toslices()]) for tile in grid.tiles(8)]
    write_cog(path, grid, blocks, dtype="uint8", nodata=0, tags={"CLASS_1": "granite", "CLASS_2": "basalt"})
    return path


def test_polygons_are_the_groups_of_pixels(tmp_path: Path) -> None:
    units = vectorize(write_map(tmp_path / "map.tif", two_units()), tmp_path / "units.gpkg")
    frame = geopandas.read_file(tmp_path / "units.gpkg", layer="units")
    assert frame.crs.to_epsg() == 32641
    assert frame["unit"].tolist() == [1, 2, 2]
    assert frame["name"].tolist() == ["granite", "basalt", "basalt"]
    assert (frame.geometry.area / 900).round(6).tolist() == [349, 100, 1]
    # On the ellipsoid the pixels are smaller or larger by the square of the projection's scale.
    np.testing.assert_allclose(
        frame["area_km2"], np.array([349, 100, 1]) * pixel_areas(make_grid()).of_cells[0, 0], rtol=1e-5
    )
    assert [(unit["unit"], unit["name"], unit["polygons"]) for unit in units] == [(1, "granite", 1), (2, "basalt", 2)]
    assert [unit["area_km2"] for unit in units] == frame.groupby("unit")["area_km2"].sum().tolist()


@pytest.mark.parametrize("zone_edge", [True, False])
def test_areas_are_those_on_the_ellipsoid(zone_edge: bool) -> None:
    # A square of 60 km in a UTM zone, against the geodesic area of its densified outline.
    west = 200_000.0 if zone_edge else 470_000.0
    grid = Grid(CRS.from_epsg(32641), from_origin(west, 3_300_000, 300, 300), 200, 200)
    frame = polygons(np.ones((200, 200), np.uint8), grid, [1], {})
    outline = frame.geometry.iloc[0].segmentize(300).exterior.coords
    longitudes, latitudes = transform(grid.crs, CRS.from_epsg(4326), *zip(*outline, strict=True))
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(longitudes, latitudes)[0]) / 1e6
    assert frame["area_km2"].sum() == pytest.approx(expected, rel=1e-5)
    assert abs(expected / 3600 - 1) > 5e-4


def test_degrees_have_areas_too() -> None:
    grid = Grid(CRS.from_epsg(4326), from_origin(61, 29, 1e-3, 1e-3), 10, 10)
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter([61, 61.01, 61.01, 61], [29, 29, 28.99, 28.99])[0]) / 1e6
    assert polygons(np.ones((10, 10), np.uint8), grid, [1], {})["area_km2"].sum() == pytest.approx(expected, rel=1e-6)
    assert pixel_areas(grid).within(grid.window)[0, 0] == pytest.approx(expected / 100, rel=1e-3)


def test_small_patches_join_their_largest_neighbour(tmp_path: Path) -> None:
    vectorize(write_map(tmp_path / "map.tif", two_units()), tmp_path / "units.gpkg", minimum_pixels=2)
    frame = geopandas.read_file(tmp_path / "units.gpkg", layer="units")
    assert (frame.geometry.area / 900).round(6).tolist() == [350, 100]


def test_the_same_map_gives_the_same_bytes(tmp_path: Path) -> None:
    write_map(tmp_path / "map.tif", two_units())
    for name in ("a.gpkg", "b.gpkg"):
        vectorize(tmp_path / "map.tif", tmp_path / name)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gpkg", "b.gpkg", "map.tif"]


def test_a_map_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is all nodata"):
        vectorize(write_map(tmp_path / "map.tif", np.zeros((20, 30), np.uint8)), tmp_path / "units.gpkg")
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]


@pytest.mark.parametrize("values", [np.ones((2, 20, 30), np.uint8), np.ones((20, 30), np.float32)])
def test_what_is_no_map(tmp_path: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path = write_raster(tmp_path / "a.tif", values)
    with pytest.raises(ValueError, match="a map has one band of whole numbers, 1 to 255"):
        vectorize(path, tmp_path / "units.gpkg")
