"""Rasters that lie nowhere, elsewhere than on the Earth, upside down, or in a system that is written in another way."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning

from geo_files import make_grid, numbers, write_raster
from made_up_scenes import shaded_scene
from nflows_geo.anomaly import AnomalyRecipe, anomaly_scene
from nflows_geo.cli import geo
from nflows_geo.labels import Labels
from nflows_geo.mapping import Recipe, map_scene, vectorize
from nflows_geo.raster import Grid, GridMismatchError, degrees, grid_of, open_raster, same_system
from nflows_geo.scene import open_scene
from nflows_geo.steps import examine

_UTM = CRS.from_epsg(32641)
_TRANSVERSE = (
    'PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",63],'
    'PARAMETER["scale_factor",{scale}],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],'
    'UNIT["metre",1]]'
)
_ESRI = (
    'PROJCS["WGS_1984_UTM_Zone_41N",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,'
    '298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",63.0],'
    'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


def transverse(datum: str, ellipsoid: str = '"WGS 84",6378137,298.257223563', scale: float = 0.9996) -> CRS:
    geographic = f'GEOGCS["{datum}",DATUM["{datum}",SPHEROID[{ellipsoid}]],PRIMEM["Greenwich",0],'
    degree = 'UNIT["degree",0.0174532925199433]],'
    return CRS.from_wkt(f'PROJCS["UTM 41",{geographic}{degree}{_TRANSVERSE.format(scale=scale)}')


_UNKNOWN = transverse("Unknown datum based upon the WGS 84 ellipsoid")
_MOON = CRS.from_wkt(
    'GEOGCS["Moon 2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000_IAU_IAG",1737400,0]],'
    'PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]]'
)
_MINE = CRS.from_wkt('LOCAL_CS["mine grid",UNIT["metre",1]]')


# Systems


@pytest.mark.parametrize(
    "crs",
    [
        CRS.from_user_input("EPSG:32641+5773"),
        CRS.from_wkt(_ESRI),
        _UNKNOWN,
        CRS.from_proj4("+proj=tmerc +lat_0=0 +lon_0=63 +k=0.9996 +x_0=500000 +ellps=WGS84"),
    ],
)
def test_the_same_system_written_in_another_way(crs: CRS) -> None:
    assert same_system(crs, _UTM)
    assert same_system(_UTM, crs)
    assert Grid(crs, make_grid().transform, 30, 20).same_as(make_grid())


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        (CRS.from_epsg(32241), "it is in EPSG:32241, not EPSG:32641; `align`"),
        (CRS.from_epsg(32640), "they do not overlap; check that both are of the same place: it is in EPSG:32640, not"),
        (None, "it has no CRS, the other has EPSG:32641; if that is wrong, set it by rio edit-info --crs"),
        (_MINE, "it is in mine grid, not EPSG:32641; if that is wrong"),
        (_MOON, "it is in Moon 2000, not EPSG:32641; if that is wrong"),
    ],
)
def test_other_systems(crs: CRS | None, message: str) -> None:
    other = Grid(crs, make_grid().transform, 30, 20)
    assert not other.same_as(make_grid())
    assert message in str(GridMismatchError("a.tif", other, "b.tif", make_grid()))


@pytest.mark.parametrize(
    ("crs", "difference"),
    [
        (transverse("Pulkovo", '"Krassowsky 1940",6378245,298.3'), "datum Pulkovo, not Unknown datum based upon the"),
        (transverse("Unknown datum", scale=0.9995), "scale factor at natural origin 0.9995, not 0.9996"),
    ],
)
def test_systems_of_one_name_say_how_they_differ(crs: CRS, difference: str) -> None:
    grids = (Grid(one, make_grid().transform, 30, 20) for one in (crs, _UNKNOWN))
    message = str(GridMismatchError("a.tif", next(grids), "b.tif", next(grids)))
    assert "both say UTM 41, but differ: " in message
    assert difference in message


def test_degrees_are_those_of_the_body_and_from_west_to_east() -> None:
    x, y = np.array([190.0]), np.array([10.0])
    assert [values.tolist() for values in degrees(_MOON, x, y)] == [[-170.0], [10.0]]
    assert [values.tolist() for values in degrees(CRS.from_epsg(4326), x, y)] == [[-170.0], [10.0]]
    assert np.isnan(degrees(_MINE, x, y)).all()
    assert np.isnan(degrees(None, x, y)).all()


def test_a_degree_of_the_moon_is_short() -> None:
    grid = Grid(_MOON, Affine(0.01, 0, 10, 0, -0.01, 0.5), 100, 100)
    assert grid.metres == pytest.approx((np.pi * 1_737_400 / 180,) * 2)
    assert grid.unit == "degree"


def test_feet() -> None:
    grid = Grid(CRS.from_epsg(2264), Affine(100, 0, 2e6, 0, -100, 7e5), 160, 120)
    assert (grid.unit, grid.metres[0]) == ("US survey foot", pytest.approx(1200 / 3937))


# Scenes


def write_nowhere(path: Path) -> Path:
    with pytest.warns(NotGeoreferencedWarning):
        return write_raster(path, shaded_scene(0, 30)[0], crs=None, transform=Affine.identity())


def test_a_photograph_is_mapped_in_pixels_whatever_its_labels_are(tmp_path: Path) -> None:
    scene = open_scene(write_nowhere(tmp_path / "core.tif"))
    assert (scene.grid.unit, scene.grid.metres, scene.grid.bounds) == ("pixel", (1, 1), (0, -30, 30, 0))
    assert str(scene.grid) == "no CRS, 30 x 30 pixels"
    one_class = Labels(np.zeros(2, np.int32), np.arange(2, dtype=np.int32), np.ones(2, np.uint8), {1: "tuff"})
    report = map_scene(scene, Recipe(units=3), tmp_path / "out", labels=one_class)
    assert "are of label 1; agreement needs two labels" in report["against_labels"]["problem"]
    assert report["mapped_area_pixels"] == sum(row["area_pixels"] for row in report["tables"]["Units"]) == 900
    assert report["scene"]["crs"] == examine(scene)["crs"] == "none; places and areas are in pixels"
    frame = geopandas.read_file(tmp_path / "out" / "units.gpkg", layer="units")
    assert (frame.crs, frame["area_pixels"].sum(), frame.geometry.area.sum()) == (None, 900, 900)
    with open_raster(tmp_path / "out" / "map.tif") as dataset:
        assert grid_of(dataset).same_as(scene.grid)


def test_anomalies_of_a_photograph_have_no_degrees(tmp_path: Path) -> None:
    scene = open_scene(write_nowhere(tmp_path / "core.tif"))
    report = anomaly_scene(scene, AnomalyRecipe("rx", false_alarm_rate=0.01), tmp_path / "out")
    row = report["tables"]["What to look at first"][0]
    assert row.keys() & {"x", "y", "pixels", "longitude", "latitude", "area_m2"} == {"x", "y", "pixels"}
    assert -30 < float(row["y"]) < 0


@pytest.mark.parametrize(
    ("crs", "size", "area_km2"), [(_MINE, 30, 900 * 900 / 1e6), (_MOON, 1e-3, 900 * (np.pi * 1737.4 / 180 * 1e-3) ** 2)]
)
def test_polygons_on_other_bodies_and_in_local_systems(tmp_path: Path, crs: CRS, size: float, area_km2: float) -> None:
    grid = Grid(crs, Affine(size, 0, 0, 0, -size, 0), 30, 30)
    path = write_raster(tmp_path / "map.tif", np.ones((30, 30), np.uint8), grid)
    (unit,) = vectorize(path, tmp_path / "units.gpkg")
    assert unit["area_km2"] == pytest.approx(area_km2, rel=1e-6)
    written = geopandas.read_file(tmp_path / "units.gpkg", layer="units").crs
    assert written is not None
    assert written.name == pyproj.CRS.from_wkt(crs.to_wkt()).name


def test_every_command_says_once_that_a_scene_lies_nowhere(tmp_path: Path) -> None:
    path = write_nowhere(tmp_path / "core.tif")
    for words in (["info"], ["stack", "-o", str(tmp_path / "s.tif")], ["reduce", "-o", str(tmp_path / "r.tif")]):
        result = CliRunner().invoke(geo, [words[0], str(path), *words[1:]], catch_exceptions=False)
        assert result.stderr.count("core.tif has no CRS: places and areas are in pixels") == 1


def test_a_datum_that_is_assumed_is_told(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / f"{i}.tif", numbers(1), crs=crs) for i, crs in enumerate((_UTM, _UNKNOWN))]
    result = CliRunner().invoke(geo, ["info", *map(str, paths)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stderr.count("a datum that is not said is taken to be World Geodetic System 1984") == 1


def test_a_raster_from_south_to_north_is_read_north_up(tmp_path: Path) -> None:
    values, grid = numbers(2), make_grid()
    upside_down = grid.transform @ Affine.translation(0, 20) @ Affine.scale(1, -1)
    scene = open_scene(write_raster(tmp_path / "a.tif", values[:, ::-1], transform=upside_down, nodata=values[0, 3, 5]))
    assert scene.grid == grid
    read = scene.read(rasterio.windows.Window(2, 1, 7, 6))
    assert np.array_equal(read[:, :2], values[:, 1:3, 2:9])
    assert np.isnan(read[:, 2, 3]).all()


def test_rasters_that_lie_nowhere_are_resampled_onto_each_other(tmp_path: Path) -> None:
    paths = [tmp_path / "fine.tif", tmp_path / "coarse.tif"]
    for path, size in zip(paths, (30, 60), strict=True):
        count = 1800 // size
        grid = Grid(None, Affine(size, 0, 600, 0, -size, 0), count, count)
        write_raster(path, np.full((1, count, count), size, np.float32), grid, crs=None)
    scene = open_scene(paths, align=True, resampling="bilinear")
    assert np.unique(scene.read(scene.grid.window)[1]).tolist() == [60]


def test_what_cannot_be_aligned(tmp_path: Path) -> None:
    here = write_raster(tmp_path / "a.tif", numbers(1))
    there = write_raster(tmp_path / "b.tif", numbers(1), Grid(_MINE, make_grid().transform, 30, 20))
    with pytest.raises(GridMismatchError, match="it is in mine grid, not EPSG:32641"):
        open_scene([here, there], align=True)
