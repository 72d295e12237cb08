"""Areas on the ellipsoid, against closed forms and against geodesic areas of densified outlines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_bounds

from geo_files import write_raster
from nflows_geo.mapping import open_map
from nflows_geo.mapping.polygons import polygons
from nflows_geo.raster import Grid, pixel_areas
from nflows_geo.steps import score_map

_MARS = (
    'PROJCS["Mars",GEOGCS["Mars 2000",DATUM["D_Mars_2000",SPHEROID["Mars_2000_IAU_IAG",3396190,169.894447223612]],'
    'PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]],PROJECTION["Equirectangular"],'
    'PARAMETER["standard_parallel_1",0],PARAMETER["central_meridian",0],UNIT["metre",1]]'
)
_MOON = (
    'GEOGCS["Moon 2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000_IAU_IAG",1737400,0]],'
    'PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]]'
)
_PARIS_GRADS = "EPSG:4807"
EARTH_KM2 = 510_065_621.724  # of the ellipsoid of WGS 84


def grid_of(crs: str, bounds: tuple[float, float, float, float], width: int, height: int) -> Grid:
    return Grid(CRS.from_user_input(crs), from_bounds(*bounds, width, height), width, height)


def total(grid: Grid) -> float:
    return float(pixel_areas(grid).within(grid.window).sum())


def geodesic(grid: Grid, steps: int = 2000) -> float:
    """The area within the outline of a grid, in km², whose sides are cut into many."""
    along, whole = np.linspace(0, 1, steps, endpoint=False), np.ones(steps)
    columns = np.concatenate([along, whole, 1 - along, 0 * whole]) * grid.width
    rows = np.concatenate([0 * whole, along, whole, 1 - along]) * grid.height
    assert grid.crs is not None
    system = pyproj.CRS.from_wkt(grid.crs.to_wkt())
    degrees = pyproj.Transformer.from_crs(system, system.geodetic_crs, always_xy=True)
    return abs(system.get_geod().polygon_area_perimeter(*degrees.transform(*grid.place(columns, rows)))[0]) / 1e6


@pytest.mark.parametrize(
    "grid",
    [
        grid_of("EPSG:4326", (-180, -90, 180, 90), 360, 180),
        grid_of("EPSG:4326", (-180, -90, 180, 90), 7, 3),
        # Centres of the first and last lines on the poles, and half of these pixels beyond.
        grid_of("EPSG:4326", (-180.5, -90.5, 179.5, 90.5), 360, 181),
    ],
)
def test_the_world_has_the_area_of_the_earth(grid: Grid) -> None:
    assert total(grid) == pytest.approx(EARTH_KM2, rel=1e-9)


def test_the_moon_is_a_sphere_of_its_own_radius() -> None:
    assert total(grid_of(_MOON, (-180, -90, 180, 90), 36, 18)) == pytest.approx(4 * np.pi * 1737.4**2, rel=1e-12)


@pytest.mark.parametrize(
    ("crs", "bounds", "size"),
    [
        ("EPSG:3857", (6e6, 5e6, 8e6, 9e6), (100, 200)),  # scale 1.3 in the south and 2.3 in the north
        ("EPSG:32641", (100_000, 3_000_000, 900_000, 3_800_000), (150, 150)),
        ("EPSG:3031", (-80_000, -60_000, 80_000, 60_000), (160, 120)),  # about the pole
        ("EPSG:2264", (2_000_000, 690_000, 2_016_000, 700_000), (160, 100)),  # feet
        ("EPSG:4326", (179.2, 18.8, 180.8, 20), (160, 120)),  # across the antimeridian
        ("EPSG:3832", (3_200_000, 1_000_000, 3_500_000, 1_300_000), (130, 130)),  # projected across it
        (_PARIS_GRADS, (1, 52, 2, 53), (30, 30)),
        (_MARS, (1_000_000, 100_000, 1_016_000, 112_000), (160, 120)),
        (_MOON, (10, 18.8, 11.6, 20), (160, 120)),
    ],
)
def test_areas_are_those_on_the_ellipsoid_of_the_crs(
    crs: str, bounds: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    grid = grid_of(crs, bounds, *size)
    if crs == _PARIS_GRADS:
        expected = geodesic(grid_of("EPSG:4275", tuple(0.9 * edge for edge in bounds), *size))  # in degrees
    else:
        expected = geodesic(grid)
    assert total(grid) == pytest.approx(expected, rel=1e-7)


def test_a_degree_is_wide_at_the_equator_and_narrow_in_the_north() -> None:
    # A square degree of WGS 84 at 60 and at 0 degrees, by pyproj's Geod with 20,000 steps a side.
    areas = pixel_areas(grid_of("EPSG:4326", (0, 0, 1, 61), 1, 61)).within(rasterio.windows.Window(0, 0, 1, 61))
    assert areas[:, 0][[0, -1]].tolist() == pytest.approx([6123.140878746, 12308.463893976], rel=1e-9)


def test_a_local_system_is_a_plane_and_nowhere_pixels_count() -> None:
    mine = Grid(CRS.from_wkt('LOCAL_CS["mine",UNIT["foot",0.3048]]'), Affine(10, 0, 0, 0, -10, 0), 20, 30)
    assert total(mine) == pytest.approx(600 * 3.048**2 / 1e6)
    nowhere = pixel_areas(Grid(None, Affine(1, 0, 0, 0, -1, 0), 20, 30))
    assert (nowhere.unit, nowhere.column, nowhere.within(rasterio.windows.Window(3, 4, 5, 6)).sum()) == (
        "pixels", "area_pixels", 30
    )  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["EPSG:3857", "EPSG:4326", "EPSG:3031"]),
    st.integers(1, 300),
    st.integers(1, 40),
)
def test_polygons_have_the_areas_of_their_pixels(seed: int, crs: str, width: int, height: int) -> None:
    size = 0.1 if crs == "EPSG:4326" else 20_000
    grid = Grid(CRS.from_user_input(crs), Affine(size, 0, 10 * size, 0, -size, 600 * size), width, height)
    units = np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.uint8)
    frame = polygons(units, grid, [1, 2], {})
    areas = pixel_areas(grid).within(grid.window)
    for unit in (1, 2):
        assert frame.loc[frame["unit"] == unit, "area_km2"].sum() == pytest.approx(areas[units == unit].sum(), rel=1e-9)
    assert (frame["area_km2"] > 0).all()


def test_holes_are_not_part_of_a_polygon() -> None:
    grid = grid_of("EPSG:3857", (6e6, 5e6, 8e6, 9e6), 5, 5)
    units = np.ones((5, 5), np.uint8)
    units[1:4, 1:4], units[2, 2] = 2, 1
    ring, island, hole = polygons(units, grid, [1, 2], {})["area_km2"]
    areas = pixel_areas(grid).within(grid.window)
    assert (ring + island, hole) == pytest.approx((areas[units == 1].sum(), areas[units == 2].sum()), rel=1e-12)
    assert island == pytest.approx(areas[2, 2], rel=1e-12)


def test_areas_of_a_part_are_those_of_the_whole() -> None:
    areas = pixel_areas(grid_of("EPSG:32641", (300_000, 3e6, 309_990, 3_006_000), 333, 200))
    whole = areas.within(rasterio.windows.Window(0, 0, 333, 200))
    assert np.array_equal(areas.within(rasterio.windows.Window(130, 50, 70, 101)), whole[50:151, 130:200])


def test_units_of_a_map_of_the_world_add_up_to_the_earth(tmp_path: Path) -> None:
    units = np.ones((18, 36), np.uint8)
    units[:9] = 2
    path = write_raster(tmp_path / "map.tif", units, grid_of("EPSG:4326", (-180, -90, 180, 90), 36, 18))
    north = {row["unit"]: row for row in score_map(open_map(path))["units"]}[2]
    assert north["area_km2"] == pytest.approx(EARTH_KM2 / 2, rel=1e-9)
    assert north["share_of_map"] == pytest.approx(0.5)
