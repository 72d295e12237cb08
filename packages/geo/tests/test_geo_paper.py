"""The map as one prints it: scale, bars, north, coordinates, boundaries, and the files that hold it."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.transform import from_bounds, from_origin

from geo_files import make_grid, numbers, write_landsat, write_raster, write_sentinel2
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.figures import Frame, LegendUnit, Sheet, printed_map, shaded_map, unit_colour
from nflows_geo.figures.boundaries import boundaries
from nflows_geo.figures.edges import round_places
from nflows_geo.figures.page import ROW, TALL_ROW, page_for
from nflows_geo.figures.scale import bars, round_scale
from nflows_geo.mapping.pictures import area_words
from nflows_geo.raster import Grid
from nflows_geo.scene import open_scene
from nflows_geo.scene.acquisition import acquired

call = partial(call_command, geo)
SVG = "{http://www.w3.org/2000/svg}"
A4_POINTS = (595.28, 841.89)


def grid_in(crs: int | None, bounds: tuple[float, float, float, float], width: int = 100, height: int = 100) -> Grid:
    return Grid(None if crs is None else CRS.from_epsg(crs), from_bounds(*bounds, width, height), width, height)


def texts(svg: bytes) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def draw(grid: Grid, units: NDArray[np.uint8], names: list[str] | None = None) -> tuple[list[str], float | None]:
    """The words on the page of a map, and its scale."""
    names = names or ["granite"]
    legend = [LegendUnit(unit, name, unit_colour(unit), "1 km²") for unit, name in enumerate(names, 1)]
    picture = shaded_map(units, np.ones(units.shape, np.float32))
    printed = printed_map(picture, units, Frame.of(grid), "A title", legend, ["a note"])
    return texts(printed.svg), printed.scale


@given(st.floats(0.01, 1e8), st.floats(0.5, 30))
def test_a_scale_is_round_and_fits_the_paper(metres: float, centimetres: float) -> None:
    scale = round_scale(metres, centimetres)
    assert metres / scale * 100 <= centimetres * (1 + 1e-6)
    assert float(f"{scale:.2g}") == pytest.approx(scale)
    # The next larger scale that is round is at most half as large again.
    assert metres / scale * 100 >= centimetres / 1.5 * (1 - 1e-6)


@given(st.floats(-1e7, 1e7), st.floats(1e-3, 1e6), st.integers(1, 9))
def test_coordinates_are_within_and_no_more_than_have_room(low: float, span: float, most: int) -> None:
    places = round_places(low, low + span, most)
    assert 1 <= len(places) <= most
    assert all(low - 1e-6 * span <= place <= low + span * (1 + 1e-6) for place in places)


def test_full_circles_are_divided_as_a_compass_is() -> None:
    assert round_places(-180, 180, 6, degrees=True) == [-180, -90, 0, 90, 180]
    assert round_places(-90, 90, 9, degrees=True) == [-90, -60, -30, 0, 30, 60, 90]


@pytest.mark.parametrize(("width", "height"), [(257, 289), (3, 500), (500, 3), (2, 2)])
def test_a_centimetre_on_the_page_is_the_scale_on_the_ground(width: int, height: int) -> None:
    page = page_for(Frame.of(make_grid(width, height)), 7)
    assert page.scale is not None
    # The grid's metres are those of UTM, which are up to a thousandth longer or shorter than those on the ground.
    assert page.map.width * page.scale / 100 == pytest.approx(30 * width, rel=1e-3)
    assert page.map.height * page.scale / 100 == pytest.approx(30 * height, rel=1e-3)
    assert 0 < page.map.left < page.map.left + page.map.width < page.width
    assert 0 < page.notes.bottom < page.map.bottom < page.map.top < page.title.bottom + 1e-9 < page.height


@pytest.mark.parametrize(("units", "row"), [(1, ROW), (11, ROW), (30, ROW), (30, TALL_ROW), (255, ROW)])
def test_a_legend_leaves_room_for_the_map(units: int, row: float) -> None:
    page = page_for(Frame.of(make_grid(100, 100)), units, row)
    rows = -(-page.shown // page.columns)
    assert rows * row <= page.legend.height + 1e-9
    assert page.map.height > 6
    assert page.legend.bottom > page.bars.bottom


def test_a_bar_has_its_length_on_the_ground() -> None:
    frame = Frame.of(grid_in(32641, (313_725, 3_202_545, 321_435, 3_211_215)))
    (bar,) = bars(frame, 15.42, 5.0)
    # 7,710 m are 15.42 cm: 1:50,000, on which 2 km are 4 cm.
    assert (bar.text, bar.centimetres) == ("2 km", pytest.approx(4.0, rel=1e-3))


def test_feet_have_a_bar_in_feet_or_miles() -> None:
    small = Frame.of(grid_in(2264, (2_000_000, 690_000, 2_010_000, 700_000)))
    (bar,) = bars(small, 10.0, 5.0)
    assert (bar.text, bar.centimetres) == ("5,000 ft", pytest.approx(5.0, rel=1e-3))
    large = Frame.of(grid_in(2264, (2_000_000, 600_000, 2_105_600, 700_000)))
    (bar,) = bars(large, 20.0, 5.0)
    assert (bar.text, bar.centimetres) == ("5 mi", pytest.approx(5.0, rel=1e-3))


def test_degrees_have_a_bar_in_kilometres_and_one_in_degrees() -> None:
    frame = Frame.of(grid_in(4326, (60, 58, 62, 60)))
    kilometres, degrees = bars(frame, 10.0, 5.0)
    assert degrees.text == "1° of longitude"
    assert degrees.centimetres == pytest.approx(5.0)
    # A degree of longitude at 59 degrees north is 57.5 km (on WGS 84), so that 50 km are 4.35 cm of 10 for two degrees.
    assert kilometres.text == "50 km"
    assert kilometres.centimetres == pytest.approx(50 / (2 * 57.48) * 10, rel=1e-3)


def test_web_mercator_is_measured_on_the_ground() -> None:
    # At 60 degrees north its metre is half a metre, to the third of a per cent that the ellipsoid is flat.
    y = 8_399_737.9
    frame = Frame.of(grid_in(3857, (0, y - 1000, 2000, y + 1000)))
    assert frame.metres == pytest.approx((0.5, 0.5), rel=5e-3)


def test_without_a_reference_system_the_bar_is_in_pixels_and_there_is_no_arrow() -> None:
    grid = grid_in(None, (0, -50, 100, 0), 100, 50)
    frame = Frame.of(grid)
    (bar,) = bars(frame, 10.0, 5.0)
    assert (bar.text, bar.centimetres) == ("50 pixels", pytest.approx(5.0))
    words, scale = draw(grid, np.ones((50, 100), np.uint8))
    assert scale is None
    assert "N" not in words
    assert "column, pixels" in words
    assert "No scale, since the size of a pixel is not known" in " ".join(words)


def test_the_arrow_points_to_the_north_and_is_missing_where_that_is_everywhere() -> None:
    # West of the middle of a UTM zone meridians lean to the right, by their distance times the sine of the latitude.
    longitude, latitude = Transformer.from_crs(32641, 4326, always_xy=True).transform(200_450, 3_199_740)
    west = Frame.of(make_grid(30, 20, east=-100_000))
    assert west.north == pytest.approx((63 - longitude) * np.sin(np.radians(latitude)), abs=0.01)
    assert Frame.of(grid_in(4326, (60, 58, 62, 60))).north == pytest.approx(0)
    pole = Frame.of(grid_in(3031, (-80_000, -60_000, 80_000, 60_000)))
    assert pole.north is None
    # Beside the pole it is the same over a small map: on this projection, up at longitude 0.
    assert Frame.of(grid_in(3031, (-1000, 1_500_000, 1000, 1_502_000))).north == pytest.approx(0, abs=0.1)
    # East of the pole, at longitude 90, away from it is to the right.
    assert Frame.of(grid_in(3031, (1_500_000, -1000, 1_502_000, 1000))).north == pytest.approx(90, abs=0.1)


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        (32641, "WGS 84 / UTM zone 41N (EPSG:32641), datum World Geodetic System 1984"),
        (2264, "NAD83 / North Carolina (ftUS) (EPSG:2264), datum North American Datum 1983"),
        (4326, "WGS 84 (EPSG:4326), datum World Geodetic System 1984"),
    ],
)
def test_the_reference_system_is_named_with_its_datum(crs: int, words: str) -> None:
    bounds = (10, 50, 11, 51) if crs == 4326 else (2_000_000, 690_000, 2_010_000, 700_000)
    assert Frame.of(grid_in(crs, bounds)).reference == words


def test_a_page_says_what_a_map_must_say() -> None:
    grid = Grid(CRS.from_epsg(4326), from_origin(179.2, 20, 0.01, 0.01), 160, 120)
    words, scale = draw(grid, np.ones((120, 160), np.uint8), ["Granite $x$", "unit 2 (chalk? 62 %)"])
    assert scale == 1_000_000
    assert {"A title", "Granite $x$", "unit 2 (chalk? 62 %)", "1 km²", "N", "a note", "longitude", "latitude"} <= {
        *words
    }
    assert "Scale 1:1,000,000 on A4 in the middle of the map" in words
    # Beyond the antimeridian it is west again.
    assert {"179.5° E", "180°", "179.5° W", "19.5° N"} <= {*words}


def test_a_map_of_three_columns_has_coordinates_that_do_not_meet() -> None:
    words, _ = draw(make_grid(3, 120), np.ones((120, 3), np.uint8))
    assert len([word for word in words if re.fullmatch(r"3000\d\d", word)]) == 1


def test_many_units_end_in_a_line_that_counts_the_rest() -> None:
    words, _ = draw(make_grid(30, 20), np.ones((20, 30), np.uint8), [f"unit {unit}" for unit in range(1, 61)])
    shown = sum(word.startswith("unit ") for word in words)
    assert shown < 60
    assert f"and {60 - shown} smaller units" in words


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_boundaries_are_all_sides_between_pixels_that_differ(units: NDArray[np.uint8]) -> None:
    lines = boundaries(units)
    sides = {
        (*sorted([(x0, y0), (x0 + dx, y0 + dy)]),)
        for (x0, y0), (x1, y1) in lines.tolist()
        for dx, dy in [(int(x1 > x0), int(y1 > y0))]
    }
    expected = int((units[1:] != units[:-1]).sum() + (units[:, 1:] != units[:, :-1]).sum())
    assert np.abs(lines[:, 1] - lines[:, 0]).sum() == expected
    assert len(sides) == len(lines)


@pytest.mark.parametrize("brightest", [1, 2, 12])
def test_the_map_has_the_colours_of_its_legend_and_shading_keeps_their_hue(brightest: int) -> None:
    """The median ground of a unit is its colour, whichever unit lies on bright ground."""
    units = np.repeat(np.array([1, 2, 12], np.uint8), 50)[:, None].repeat(60, axis=1)
    brightness = np.random.default_rng(0).uniform(0.1, 0.2, units.shape) + 0.6 * (units == brightest)
    picture = shaded_map(units, brightness.astype(np.float32))
    for unit in (1, 2, 12):
        shown, colour = picture[units == unit].astype(float), np.array(unit_colour(unit), float)
        assert np.abs(np.median(shown, axis=0) - colour).max() <= 2
        factors = shown / colour
        assert np.ptp(factors, axis=1).max() <= 1.01 / colour.min()
        assert factors.min() < 0.98
        assert factors.max() > 1.01


def test_a_white_unit_stays_white_or_becomes_grey() -> None:
    units = np.ones((20, 20), np.uint8)
    brightness = np.random.default_rng(0).uniform(0.1, 0.6, units.shape).astype(np.float32)
    picture = shaded_map(units, brightness, lambda _: (255, 255, 255))
    assert (picture.min(axis=2) == picture.max(axis=2)).all()
    assert picture.max() == 255
    assert picture.min() < 220


def test_a_shaded_map_has_few_colours_and_white_where_nothing_is_known() -> None:
    random = np.random.default_rng(0)
    units = random.integers(0, 8, (90, 90)).astype(np.uint8)
    picture = shaded_map(units, random.random((90, 90)).astype(np.float32))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) <= 256
    assert (picture[units == 0] == 255).all()


@pytest.mark.parametrize(
    ("area", "unit", "words"),
    [
        (510e6, "km²", "510,000,000 km²"),
        (1.0, "km²", "1.00 km²"),
        (0.00999, "km²", "9,990 m²"),
        (5e-7, "km²", "0.500 m²"),
        (0.0, "km²", "0 m²"),
        (19200.0, "pixels", "19,200 pixels"),
    ],
)
def test_areas_have_three_digits_however_small(area: float, unit: str, words: str) -> None:
    assert area_words(area, unit) == words


@pytest.fixture(scope="module")
def landsat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    write_landsat(folder / "product", numbers(7, 40, 40, high=40_000), DATE_ACQUIRED="2020-01-31")
    return folder


def mapped(landsat: Path, name: str, monkeypatch: pytest.MonkeyPatch, epoch: str = "1700000000") -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert call("map", landsat / "product", "-o", landsat / name, "-k", 2) == 0
    return landsat / name


def test_the_same_map_is_printed_in_the_same_bytes(landsat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (mapped(landsat, name, monkeypatch) for name in ("first", "second"))
    for name in ("map.pdf", "map.svg", "map.qml", "units.gpkg"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    pdf = (first / "map.pdf").read_bytes()
    assert b"/CreationDate" not in pdf
    media = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    assert media is not None
    assert sorted(float(side) for side in media.groups()) == pytest.approx(A4_POINTS, abs=0.1)
    words = texts((first / "map.svg").read_bytes())
    assert "Map made on 2023-11-14; scene taken on 2020-01-31" in words
    # The map is pixels, and everything else is not.
    root = ElementTree.fromstring((first / "map.svg").read_bytes())
    assert len(list(root.iter(f"{SVG}image"))) == 1


def test_a_second_run_replaces_every_file_of_the_first(landsat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mapped(landsat, "twice", monkeypatch)
    before = {path.name for path in folder.iterdir()}
    mapped(landsat, "twice", monkeypatch, epoch="0")
    assert {path.name for path in folder.iterdir()} == before
    assert "Map made on 1970-01-01; scene taken on 2020-01-31" in texts((folder / "map.svg").read_bytes())


def test_a_day_that_is_none(landsat: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert call("map", landsat / "product", "-o", landsat / "none", "-k", 2) == 2
    assert "SOURCE_DATE_EPOCH is 'yesterday'" in capsys.readouterr().err


def test_a_scene_of_many_bands_has_tables_that_fit_a_page(tmp_path: Path) -> None:
    write_raster(tmp_path / "scene.tif", numbers(60, 24, 24))
    assert call("map", tmp_path / "scene.tif", "-o", tmp_path / "out", "-k", 20, "--reduction", "local-whitening") == 0
    page = (tmp_path / "out" / "report.html").read_text()
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    assert max(len(re.findall(r"<th ", table)) for table in tables) <= 10
    assert "Mean spectra: unit 1 to unit 8" in page
    assert "3,600 values, in report.json" in page


def test_the_days_of_a_scene_are_those_of_its_metadata_and_tags(tmp_path: Path) -> None:
    write_sentinel2(tmp_path / "sentinel")
    with (tmp_path / "sentinel" / "MTD_MSIL2A.xml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write(
            text.replace("<Datatake>", "<PRODUCT_START_TIME>2020-01-02T06:38:01.024Z</PRODUCT_START_TIME><Datatake>")
        )
    assert acquired(open_scene(tmp_path / "sentinel")) == [date(2020, 1, 2)]
    days = {"a": "2021-05-06T10:00:00Z", "b": "20210507", "c": "no day", "d": "2021-13-01"}
    for name, day in days.items():
        write_raster(tmp_path / f"{name}.tif", numbers(1))
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as dataset:
            dataset.update_tags(ACQUISITION_DATE=day, TIFFTAG_DATETIME="2024:01:01 00:00:00")
    scene = open_scene([tmp_path / f"{name}.tif" for name in days])
    assert acquired(scene) == [date(2021, 5, 6), date(2021, 5, 7)]


def test_a_picture_is_as_wide_under_a_title_of_many_letters() -> None:
    grid = make_grid(60, 40)
    sheet, picture = Sheet.of(grid), np.zeros((40, 60, 3), np.uint8)
    names = ", ".join(f"Band {number} of a long file name (Resize, Layer stacking)" for number in (1, 2, 3))
    titles = ("short", names, "a long name of a band, " * 50)
    widths = [int.from_bytes(sheet.of_scene(picture, title)[16:20], "big") for title in titles]
    assert max(widths) <= widths[0] * 1.02
