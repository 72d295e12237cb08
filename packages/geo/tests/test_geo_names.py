"""Names of units: as a person gives them in a file, and as labels and spectra suggest them."""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import numpy as np
import pytest
import rasterio

from geo_files import write_raster
from made_up_scenes import shaded_scene
from nflows_core.testing import call_command
from nflows_geo import UnitNames, read_names
from nflows_geo.cli import geo
from nflows_geo.figures import unit_colour
from nflows_geo.mapping.suggestions import suggested_by_labels, suggested_by_spectra

call = partial(call_command, geo)
NAMES = 'Unit;Name;Colour\n1;"Granite $x$ & <gneiss>";#ff8000\n\n3; "玄武岩\nbasalt" ;\n'


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of three units with labels, of which the first and the third are named."""
    folder = tmp_path_factory.mktemp("named")
    pixels, rocks = shaded_scene(0, 48)
    write_raster(folder / "scene.tif", pixels)
    write_raster(folder / "labels.tif", (rocks + 5).astype(np.uint8), nodata=0)
    (folder / "units.csv").write_text(NAMES, encoding="utf-8-sig")
    scene, labels, names = folder / "scene.tif", folder / "labels.tif", folder / "units.csv"
    assert call("map", scene, "-o", folder / "out", "-k", 3, "--labels", labels, "--names", names) == 0
    return folder / "out"


def expected_names() -> list[str]:
    return ["Granite $x$ & <gneiss>", "unit 2", "玄武岩 basalt"]


def test_names_and_colours_are_those_of_the_raster(named: Path) -> None:
    with rasterio.open(named / "map.tif") as dataset:
        assert [dataset.tags()[f"CLASS_{unit}"] for unit in (1, 2, 3)] == expected_names()
        colours = dataset.colormap(1)
    assert [colours[unit][:3] for unit in (1, 2, 3)] == [(255, 128, 0), unit_colour(2), unit_colour(3)]


def test_units_without_a_name_have_a_suggestion_and_others_none(named: Path) -> None:
    frame = geopandas.read_file(named / "units.gpkg", layer="units").drop_duplicates("unit")
    assert frame["name"].tolist() == expected_names()
    suggestions = frame["suggestion"].fillna("").tolist()
    assert suggestions[0] == suggestions[2] == ""
    report = json.loads((named / "report.json").read_text())
    rows = report["tables"]["Units"]
    assert [row["name"] for row in rows] == [expected_names()[0], None, expected_names()[2]]
    assert [row["suggestion"] for row in rows] == [None, suggestions[1], None]
    confusion = np.array(report["against_labels"]["confusion"])
    most = int(confusion[:, 1].argmax())
    share = confusion[most, 1] / confusion[:, 1].sum()
    assert (
        suggestions[1]
        == f"label {report['against_labels']['labels'][most]}? {100 if share == 1 else f'{100 * share:.0f}'} %"
    )
    assert "units.csv" in report["inputs"]


def test_qgis_draws_the_raster_in_these_colours_and_names(named: Path) -> None:
    text = (named / "map.qml").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE qgis PUBLIC")
    renderer = ElementTree.fromstring(text).find("pipe/rasterrenderer")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    entries = renderer.findall("colorPalette/paletteEntry")
    assert [entry.get("value") for entry in entries] == ["1", "2", "3"]
    assert entries[0].get("color") == "#ff8000"
    assert [entry.get("label") for entry in entries][::2] == expected_names()[::2]
    assert str(entries[1].get("label")).startswith("unit 2 (label ")


def test_qgis_draws_the_polygons_by_the_default_style_of_their_layer(named: Path) -> None:
    with sqlite3.connect(named / "units.gpkg") as database:
        columns = "f_table_name, f_geometry_column, useAsDefault, f_table_catalog, f_table_schema, styleQML"
        rows = database.execute(f"SELECT {columns} FROM layer_styles").fetchall()
        geometry = database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchone()
    database.close()
    assert len(rows) == 1
    assert (rows[0][:2], rows[0][2:5]) == (geometry, (1, "", ""))
    renderer = ElementTree.fromstring(rows[0][5]).find("renderer-v2")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "unit")
    categories = renderer.findall("categories/category")
    assert [category.get("label") for category in categories][::2] == expected_names()[::2]
    fills = {
        symbol.get("name"): option.get("value")
        for symbol in renderer.findall("symbols/symbol")
        for option in symbol.findall("layer/Option/Option")
        if option.get("name") == "color"
    }
    assert [fills[category.get("symbol")] for category in categories] == [
        ",".join(map(str, (*colour, 255))) for colour in ((255, 128, 0), unit_colour(2), unit_colour(3))
    ]


def test_a_map_is_vectorized_under_its_own_names_or_others(named: Path, tmp_path: Path) -> None:
    assert call("vectorize", named / "map.tif", "-o", tmp_path / "own.gpkg") == 0
    own = geopandas.read_file(tmp_path / "own.gpkg", layer="units")
    assert own["name"].drop_duplicates().tolist() == expected_names()
    assert "suggestion" not in own
    (tmp_path / "names.csv").write_text("unit,name\n2,schist\n")
    assert call("vectorize", named / "map.tif", "-o", tmp_path / "a.gpkg", "--names", tmp_path / "names.csv") == 0
    names = geopandas.read_file(tmp_path / "a.gpkg", layer="units")["name"].drop_duplicates().tolist()
    assert names == [expected_names()[0], "schist", expected_names()[2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column unit; it needs unit and name, and it has none"),
        (b"unit,rock\n1,granite", "has no column name; it needs unit and name, and it has unit, rock"),
        (b"unit,name\n", "names no unit"),
        (b"unit,name\n1,a\n1,b", "line 3: unit 1 has a name already, 'a'"),
        (b"unit,name\n1,", "line 2: unit 1 has no name"),
        (b"unit,name\none,a", "line 2: 'one' is no unit; units are whole numbers from 1 to 255"),
        (b"unit,name\n0,a", "'0' is no unit"),
        (b"unit,name\n256,a", "'256' is no unit"),
        (b"unit,name\n\xc2\xb2,a", "is no unit"),
        (b"unit,name,colour\n1,a,red", "line 2: 'red' is no colour; write it as #c8685a"),
        (b"unit,name\n1,Gr\xfcn", "is no text in UTF-8"),
        (b'unit,name\n1,"' + 200_000 * b"a", "is no table in CSV"),
        (2**20 * b"unit,name\n", "is too large"),
        (b"unit,name\n9,a", "names unit 9, which the map does not have: its units are 1 to 3"),
    ],
)
def test_bad_tables_of_names(
    named: Path, tmp_path: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.csv").write_bytes(content)
    assert call("vectorize", named / "map.tif", "-o", tmp_path / "a.gpkg", "--names", tmp_path / "names.csv") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.gpkg").exists()


def test_a_unit_that_the_map_does_not_have_is_refused_before_anything_is_written(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.csv").write_text("unit,name\n4,granite\n")
    scene, folder = named.parent / "scene.tif", tmp_path / "out"
    assert call("map", scene, "-o", folder, "-k", 3, "--names", tmp_path / "names.csv") == 2
    assert "names unit 4, which the map does not have: its units are 1 to 3" in capsys.readouterr().err
    assert not folder.exists()


def test_tables_by_tabs_and_with_further_columns_are_read(tmp_path: Path) -> None:
    (tmp_path / "names.tsv").write_text("name\tarea\tUNIT\ngranite\t3\t12\n")
    assert read_names(tmp_path / "names.tsv").names == {12: "granite"}
    assert UnitNames().of(3) == "unit 3"


def test_a_label_that_is_a_number_is_called_a_label_and_all_is_only_all() -> None:
    confusion = np.array([[999, 5, 0], [10, 5, 0]])
    assert suggested_by_labels(confusion, ["granite", "7"], [1, 2, 5]) == {1: "granite? 99 %", 2: "granite? 50 %"}
    assert suggested_by_labels(confusion[:, :1] * [[0], [1]], ["granite", "7"], [4]) == {4: "label 7? 100 %"}


def test_few_labelled_pixels_and_minorities_suggest_nothing() -> None:
    confusion = np.array([[9, 45, 46], [0, 55, 30], [0, 0, 24]])
    assert suggested_by_labels(confusion, ["a", "b", "c"], [1, 2, 3]) == {2: "b? 55 %"}


def test_no_two_units_have_one_colour_where_a_person_gave_that_of_another() -> None:
    names = UnitNames({1: "a"}, {1: unit_colour(2)})
    assert len({names.colour(unit) for unit in range(1, 21)}) == 20


def test_spectra_suggest_what_is_high_on_this_map() -> None:
    wavelengths = [482.0, 655.0, 865.0, 1609.0, 2201.0]
    means = np.array(
        [
            [0.10, 0.15, 0.20, 0.25, 0.25],
            [0.10, 0.15, 0.20, 0.25, 0.25],
            [0.10, 0.30, 0.32, 0.35, 0.35],  # red over blue is 3, elsewhere 1.5
            [0.05, 0.05, 0.40, 0.25, 0.25],  # green plants: the NDVI is 0.78
            [0.06, 0.04, 0.03, 0.01, 0.01],  # dark in the infrared
            [np.nan] * 5,
        ]
    )
    pixels = np.array([500, 400, 100, 50, 50, 0])
    assert suggested_by_spectra(means, pixels, wavelengths) == {
        3: "iron oxide high?",
        4: "vegetation?",
        5: "water or shade?",
    }
    assert suggested_by_spectra(means, pixels, [None] * 5) == {}


def test_units_alike_have_no_suggestion() -> None:
    means = np.array([[0.10, 0.150], [0.10, 0.151]])
    assert suggested_by_spectra(means, np.array([9, 9]), [482.0, 655.0]) == {}


@pytest.mark.parametrize("spelling", ["colour", "color", "Color"])
def test_colours_are_read_in_both_spellings(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "n.csv").write_text(f"unit,name,{spelling}\n1,granite,#c8685a\n")
    names = read_names(tmp_path / "n.csv")
    assert (names.colours, names.notes) == ({1: (0xC8, 0x68, 0x5A)}, ())


@pytest.mark.parametrize("row", ["1,granite,red,", "1,granite,#12345,"])
def test_a_colour_in_the_other_spelling_is_checked_too(tmp_path: Path, row: str) -> None:
    (tmp_path / "n.csv").write_text(f"unit,name,color\n{row}\n")
    with pytest.raises(ValueError, match="is no colour; write it as #c8685a"):
        read_names(tmp_path / "n.csv")


def test_a_column_in_two_spellings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("unit,name,colour,color\n1,granite,#c8685a,#000000\n")
    with pytest.raises(ValueError, match="has the column colour twice, in one spelling or two"):
        read_names(tmp_path / "n.csv")


def test_columns_that_are_not_used_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "n.csv").write_text("unit,name,farbe,age\n1,granite,#c8685a,old\n")
    write_raster(tmp_path / "map.tif", np.ones((5, 5), np.uint8))
    assert call("vectorize", tmp_path / "map.tif", "--output", tmp_path / "u.gpkg", "--names", tmp_path / "n.csv") == 0
    shown = capsys.readouterr()
    assert "note: n.csv: not used: farbe, age; the columns are unit, name and colour" in shown.err
    assert "u.gpkg: 1 polygon, " in shown.out


@pytest.mark.parametrize(("factor", "why"), [(1.0, ""), (255.0, "the values are no reflectances from 0 to 1")])
def test_ratios_of_bands_and_suggestions_need_reflectances(tmp_path: Path, factor: float, why: str) -> None:
    scene, _ = shaded_scene(0, 60)
    scene[2, :20] *= 1.6  # red over blue
    path = write_raster(tmp_path / "a.tif", scene * np.float32(factor))
    bands = ("--sensor", "landsat-8", "--bands", "B2,B3,B4,B5")
    assert call("map", path, *bands, "--units", 3, "--output", tmp_path / "m") == 0
    report = json.loads((tmp_path / "m/report.json").read_text())
    assert report.get("no_ratios_of_bands", "").startswith(why)
    assert ("no_ratios_of_bands" in report) == bool(why)
    rows = report["tables"]["Units"]
    assert all(("ferric_iron_red_over_blue" in row) == (not why) for row in rows)
    assert any("iron oxide" in (row.get("suggestion") or "") for row in rows) == (not why)


def test_bands_of_unknown_wavelengths_have_no_ratios_and_the_report_says_why(named: Path) -> None:
    report = json.loads((named / "report.json").read_text())
    assert report["no_ratios_of_bands"].startswith("the wavelengths of the bands are not known")


def test_letters_that_the_pictures_lack_are_told_once(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads((named / "report.json").read_text())["letters_shown_as_boxes"] == "玄武岩"
    path = write_raster(tmp_path / "a.tif", shaded_scene(0, 48)[0])
    names = tmp_path / "n.csv"
    names.write_text("unit,name\n1,玄武\n2,武 é\n", encoding="utf-8")
    assert call("map", path, "--units", 3, "--names", names, "--output", tmp_path / "m") == 0
    assert capsys.readouterr().err.count("玄武: the pictures and map.pdf show boxes") == 1
