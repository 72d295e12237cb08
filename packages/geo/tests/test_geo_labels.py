from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio.features
import shapely
import shapely.geometry
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform

from geo_files import make_grid, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.labels import Labels, read_labels
from nflows_geo.labels.drawn import drawn
from nflows_geo.labels.features import Features
from nflows_geo.raster import Grid, GridMismatchError, grid_of, open_raster

GRID = make_grid(30, 20)
WGS84 = CRS.from_epsg(4326)
UNKNOWN_DATUM = CRS.from_proj4("+proj=utm +zone=41 +ellps=WGS84")


def label_array() -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    values = np.zeros((20, 30), np.uint8)
    values[2, 3], values[5, 7], values[19, 29], values[0, 0] = 1, 4, 4, 255
    return values


def as_map(labels: Labels) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    values = np.zeros((20, 30), np.uint8)
    values[labels.rows, labels.columns] = labels.classes
    return values


def points(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The ground of (column, row)."""
    return [GRID.place(column, row) for column, row in places]


def write_csv(path: Path, header: str, rows: list[tuple[object, ...]]) -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


# Rasters


def test_zero_and_nodata_are_unlabelled(tmp_path: Path) -> None:
    labels = read_labels(write_raster(tmp_path / "l.tif", label_array(), GRID, nodata=255), GRID)
    assert len(labels) == 3
    assert labels.names == {1: "1", 4: "4"}
    assert np.array_equal(as_map(labels), np.where(label_array() == 255, 0, label_array()))
    assert labels.at(np.arange(600).reshape(20, 30)).tolist() == [63, 157, 599]


def test_numbers_that_no_byte_holds_are_renumbered(tmp_path: Path) -> None:
    values = label_array().astype(np.int16)
    values[5, 7], values[0, 0] = -3, 1000
    labels = read_labels(write_raster(tmp_path / "l.tif", values, GRID), GRID)
    assert labels.names == {1: "-3", 2: "1", 3: "4", 4: "1000"}
    assert labels.classes.tolist() == [4, 2, 1, 3]


def test_labels_metres_off_are_refused_unless_aligned(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "l.tif", label_array(), make_grid(30, 20, 30, 2.283, -2.844), nodata=255)
    with pytest.raises(GridMismatchError, match=r"l\.tif does not lie .*2\.28 m east, 2\.84 m north"):
        read_labels(path, GRID)
    assert np.array_equal(as_map(read_labels(path, GRID, align=True)), np.where(label_array() == 255, 0, label_array()))


def test_a_label_raster_without_a_crs_is_refused_unless_assumed(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "l.tif", label_array()[:10], make_grid(30, 10), nodata=255, crs=None)
    with pytest.raises(ValueError, match=r"l\.tif has no CRS.*`assume_crs`"):
        read_labels(path, GRID)
    labels = read_labels(path, GRID, assume_crs=True, align=True)
    assert (labels.rows.tolist(), labels.columns.tolist()) == ([2, 5], [3, 7])


@pytest.mark.parametrize("transform", [GRID.transform, Affine.identity()])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_of_the_scenes_size_without_a_crs_lies_on_the_scene(tmp_path: Path, transform: Affine) -> None:
    path = write_raster(tmp_path / "l.tif", label_array(), transform=transform, nodata=255, crs=None)
    labels = read_labels(path, GRID)
    assert np.array_equal(as_map(labels), np.where(label_array() == 255, 0, label_array()))
    assert "l.tif: the file has no CRS; its 30 x 20 pixels are taken to be those of the scene" in labels.notes
    unnamed = Grid(None, GRID.transform, 30, 20)
    assert np.array_equal(as_map(read_labels(path, unnamed)), as_map(labels))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_of_another_size_that_lies_nowhere(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "l.tif", label_array()[:9], transform=Affine.identity(), crs=None)
    with pytest.raises(ValueError, match="has 30 x 9 pixels that lie nowhere, and the scene 30 x 20; give it a CRS"):
        read_labels(path, GRID, assume_crs=True)


@pytest.mark.parametrize(("dtype", "first"), [(np.int32, 16_777_216), (np.uint32, 3_000_000_000), (np.int64, 2**53)])
def test_large_numbers_stay_apart(tmp_path: Path, dtype: type, first: int) -> None:
    values = np.where(label_array() > 0, label_array().astype(np.int64) + first, 0).astype(dtype)
    labels = read_labels(write_raster(tmp_path / "l.tif", values, GRID), GRID)
    assert labels.names == {1: str(first + 1), 2: str(first + 4), 3: str(first + 255)}
    assert labels.classes.tolist() == [3, 1, 2, 2]


def test_fractions_are_no_labels(tmp_path: Path) -> None:
    values = label_array().astype(np.float32)
    assert read_labels(write_raster(tmp_path / "l.tif", values, GRID), GRID).names == {1: "1", 4: "4", 255: "255"}
    values[5, 7] = 1.8
    with pytest.raises(ValueError, match=r"has the label 1\.8, no whole number; give classes, not measurements"):
        read_labels(write_raster(tmp_path / "l.tif", values, GRID), GRID)


def test_a_picture_of_a_map_is_no_label(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "l.tif", np.stack([label_array()] * 3), GRID)
    with pytest.raises(ValueError, match="has 3 bands; labels are one band of classes, not a picture of a map"):
        read_labels(path, GRID)


def test_a_zero_that_may_be_a_class_is_told(tmp_path: Path) -> None:
    labels = read_labels(write_raster(tmp_path / "l.tif", label_array(), GRID, nodata=255), GRID)
    assert labels.notes == (
        "l.tif: 0 is taken for unlabelled, though the file's nodata is 255; if it is a class, count classes from 1",
    )
    unsaid = read_labels(write_raster(tmp_path / "m.tif", label_array(), GRID), GRID)
    assert unsaid.notes[0].startswith("m.tif: 0 is taken for unlabelled, and the file says no nodata")


def test_one_class_is_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "l.tif", (label_array() == 4).astype(np.uint8), GRID)
    with pytest.raises(ValueError, match="has one class on the scene, 1; nothing can be compared with fewer than two"):
        read_labels(path, GRID)


@pytest.mark.parametrize("crs", [CRS.from_user_input("EPSG:32641+5773"), UNKNOWN_DATUM])
def test_a_system_written_in_another_way_is_no_other(tmp_path: Path, crs: CRS) -> None:
    labels = read_labels(write_raster(tmp_path / "l.tif", label_array(), GRID, crs=crs), GRID)
    assert len(labels) == 4
    assumed = "l.tif: a datum that is not said is taken to be World Geodetic System 1984"
    assert (assumed in labels.notes) == (crs == UNKNOWN_DATUM)


def test_labels_in_another_crs(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "l.tif", label_array(), GRID, crs=CRS.from_epsg(32640))
    with pytest.raises(GridMismatchError, match="it is in EPSG:32640, not EPSG:32641"):
        read_labels(path, GRID)


def test_no_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no label on the scene"):
        read_labels(write_raster(tmp_path / "l.tif", np.zeros((20, 30), np.uint8), GRID), GRID)


def test_measurements_are_no_labels(tmp_path: Path) -> None:
    values = np.arange(600).reshape(20, 30).astype(np.int16)
    with pytest.raises(ValueError, match="has 599 classes, more than 255"):
        read_labels(write_raster(tmp_path / "l.tif", values, GRID), GRID)


@pytest.mark.real_data
def test_sistan(data_folder: Path) -> None:
    folder = data_folder / "geo" / "sistan"
    with open_raster(folder / "Sistan_Landsat8.tif") as dataset:
        grid = grid_of(dataset)
    path = folder / "Sistan_Landsat8_Training.tif"
    with pytest.raises(GridMismatchError, match=r"2\.28 m east, 2\.84 m north"):
        read_labels(path, grid)
    labels = read_labels(path, grid, align=True)
    assert len(labels) == 4305
    assert np.bincount(labels.classes).tolist() == [0, 256, 547, 94, 1242, 1250, 463, 260, 66, 127]


# Points


def test_points_of_a_table(tmp_path: Path) -> None:
    (a, b), (c, d), (e, f) = points([(3.5, 2.1), (4.9, 2.9), (29.9, 19.9)])
    path = write_csv(tmp_path / "p.csv", "Class,X,Y", [("granite", a, b), ("basalt", c, d), ("granite", e, f)])
    with pytest.raises(ValueError, match=r"p\.csv has no CRS; `assume_crs`"):
        read_labels(path, GRID)
    labels = read_labels(path, GRID, assume_crs=True)
    assert labels.names == {1: "basalt", 2: "granite"}
    assert (labels.rows.tolist(), labels.columns.tolist(), labels.classes.tolist()) == (
        [2, 2, 19],
        [3, 4, 29],
        [2, 1, 2],
    )


@pytest.mark.parametrize(
    ("header", "separator", "comma", "encoding"),
    [
        ("lon,lat,class", ",", False, "utf-8"),
        ("Longitude;LATITUDE;Class", ";", True, "cp1252"),
        ("class\tlat\tlong", "\t", True, "utf-16"),
        ("x;class;y", ";", False, "utf-8-sig"),
        ("Easting,Northing,class", ",", False, "utf-8"),
    ],
)
def test_tables_as_others_write_them(tmp_path: Path, header: str, separator: str, comma: bool, encoding: str) -> None:
    lines = [header]
    for (x, y), name in zip(points([(7.5, 5.5), (1.2, 0.3)]), ("gneiß", "schist"), strict=True):
        (east,), (north,) = ([x], [y]) if "ast" in header or "x" in header else transform(GRID.crs, WGS84, [x], [y])
        words = [name if "lass" in column else east if column.lower()[:1] in "xe" or "ong" in column.lower() else north
                 for column in header.replace("lon,", "Long,").split(separator)]  # fmt: skip
        lines.append(separator.join(str(word).replace(".", "," if comma else ".") for word in words))
    (tmp_path / "p.csv").write_bytes("\n".join([*lines, "", separator * 2]).encode(encoding))
    labels = read_labels(tmp_path / "p.csv", GRID, assume_crs="ast" in header or "x" in header)
    assert (labels.rows.tolist(), labels.columns.tolist(), labels.names) == ([5, 0], [7, 1], {1: "gneiß", 2: "schist"})
    assert any("Windows-1252" in note for note in labels.notes) == (encoding == "cp1252")


def test_what_is_left_out_of_a_table_is_counted(tmp_path: Path) -> None:
    (a, b), (c, d), (e, f) = points([(3.5, 2.1), (4.9, 2.9), (30.1, 5)])
    rows = [(a, b, "granite"), (c, d, "basalt"), (a, b, ""), (c, d, "nan"), (a, b), ("", "", "tuff"), (e, f, "tuff")]
    labels = read_labels(write_csv(tmp_path / "p.csv", "x,y,class", rows), GRID, assume_crs=True)
    assert (len(labels), labels.names) == (2, {1: "basalt", 2: "granite"})
    assert labels.notes == (
        "p.csv: 1 of 7 features have no place and are left out",
        "p.csv: 3 of 7 features have no class and are left out",
        "p.csv: 1 of 3 points lie outside the scene and are left out",
    )


def test_a_pixel_with_points_of_several_classes_has_none_as_with_polygons(tmp_path: Path) -> None:
    places = points([(3.5, 2.1), (3.9, 2.9), (5.2, 7.1), (5.8, 7.9), (9.5, 9.5)])
    rows = [(*place, name) for place, name in zip(places, ("a", "b", "a", "a", "b"), strict=True)]
    labels = read_labels(write_csv(tmp_path / "p.csv", "x,y,class", rows), GRID, assume_crs=True)
    assert (labels.rows.tolist(), labels.columns.tolist(), labels.classes.tolist()) == ([7, 7, 9], [5, 5, 9], [1, 1, 2])
    assert labels.notes == ("p.csv: 1 pixels have points of several classes and are left out",)
    assert (labels.polygons.max() + 1, labels.called) == (2, "groups of points")


def test_scores_against_points_call_them_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(*place, name) for place, name in zip(points([(3.5, 2.1), (20.5, 2.1)]), "ab", strict=True)]
    path = write_csv(tmp_path / "p.csv", "x,y,class", rows)
    units = write_raster(tmp_path / "map.tif", np.repeat([1, 2], 15).astype(np.uint8)[None].repeat(20, axis=0), GRID)
    assert call_command(geo, "score", units, "--labels", path, "--assume-crs") == 0
    shown = capsys.readouterr().out
    assert "interval 95 by groups of points" in shown
    assert "polygons" not in shown


def test_points_of_a_photograph_are_pixels(tmp_path: Path) -> None:
    grid = Grid(None, Affine(1, 0, 0, 0, -1, 0), 30, 20)
    labels = read_labels(write_csv(tmp_path / "p.csv", "x,y,class", [(3.5, -2.1, "a"), (29, -19.9, "b")]), grid)
    assert (labels.rows.tolist(), labels.columns.tolist()) == ([2, 19], [3, 29])
    with pytest.raises(ValueError, match="the scene does not say where it lies; give columns x and y"):
        read_labels(write_csv(tmp_path / "d.csv", "lon,lat,class", [(3, 4, "a")]), grid)


def test_points_beyond_the_antimeridian(tmp_path: Path) -> None:
    grid = Grid(WGS84, Affine(0.1, 0, 179, 0, -0.1, 20), 20, 10)
    rows = [(179.05, 19.95, "a"), (-179.05, 19.05, "b"), (180.95, 19.05, "b")]
    labels = read_labels(write_csv(tmp_path / "p.csv", "lon,lat,class", rows), grid)
    assert (labels.rows.tolist(), labels.columns.tolist()) == ([0, 9, 9], [0, 19, 19])


def test_points_outside_the_scene_are_counted_and_shown(tmp_path: Path) -> None:
    rows = [(x, y, "a") for x, y in points([(-0.1, 5), (30.0, 5), (5, 20.1), (5, -3), (1e9, 1e9)])]
    with pytest.raises(ValueError, match=r"5 of 5 points lie outside .* at \(299997, 3199890\)") as raised:
        read_labels(write_csv(tmp_path / "p.csv", "x,y,class", rows), GRID, assume_crs=True)
    assert "the scene: EPSG:32641, 30 x 20 pixels" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("a,b,class", (1, 2, 3), "has the columns a, b, class; it needs x and y"),
        ("x,y,rock", (1, 2, 3), r"or lon and lat, and class \(`column` names another\)"),
        ("x,y,class", ("west", 2, 3), r"p\.csv, line 2: x is 'west', not a number"),
        ("x,y,class", ("nan", 2, 3), "has no points or polygons with a class"),
        ("x,y,class", (1, 2, "granite", "red"), "line 2: 4 words for 3 columns; quote what has commas"),
        ("x;y;class", ("300,123;3200,456;tuff",), "300,123 in x may be a thousand or a part of one"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, header: str, row: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labels(write_csv(tmp_path / "p.csv", header, [row]), GRID, assume_crs=True)


def test_a_table_without_points(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no points"):
        read_labels(write_csv(tmp_path / "p.csv", "x,y,class", []), GRID, assume_crs=True)


# Vectors


def write_vectors(
    path: Path, classes: list[object], figures: list[object], crs: object = GRID.crs, **more: str
) -> Path:
    frame = geopandas.GeoDataFrame({"Rock": classes}, geometry=figures, crs=crs)
    frame.to_file(path, engine="pyogrio", **more)
    return path


@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson", "p.fgb", "p.shp"])
def test_points_of_vector_files(tmp_path: Path, name: str) -> None:
    places = points([(7.5, 5.5), (1.5, 0.5)])
    x, y = transform(GRID.crs, WGS84, *zip(*places, strict=True))
    path = write_vectors(tmp_path / name, ["gabbro", "tuff"], list(shapely.points(x, y)), WGS84)
    labels = read_labels(path, GRID, column="rock")
    found = {(row, column, labels.names[number])
             for row, column, number in zip(labels.rows, labels.columns, labels.classes, strict=True)}  # fmt: skip
    assert found == {(5, 7, "gabbro"), (0, 1, "tuff")}
    with pytest.raises(ValueError, match=r"has no column class; it has Rock \(`column` names one\)"):
        read_labels(path, GRID)


def test_what_is_left_out_of_vectors_is_counted(tmp_path: Path) -> None:
    one, two, three = (shapely.Point(place) for place in points([(3.5, 2.1), (3.9, 7.9), (8, 8)]))
    path = write_vectors(tmp_path / "p.gpkg", [1, None, 7, 7], [one, two, None, three])
    labels = read_labels(path, GRID, column="Rock")
    assert (len(labels), labels.names) == (2, {1: "1", 2: "7"})
    assert labels.notes == (
        "p.gpkg: 1 of 4 features have no place and are left out",
        "p.gpkg: 1 of 4 features have no class and are left out",
    )


def test_several_points_of_one_class(tmp_path: Path) -> None:
    places = points([(3.5, 2.1), (9.9, 7.9), (8, 8)])
    path = write_vectors(tmp_path / "p.gpkg", ["a", "b"], [shapely.MultiPoint(places[:2]), shapely.Point(places[2])])
    labels = read_labels(path, GRID, column="Rock")
    assert (labels.rows.tolist(), labels.classes.tolist()) == ([2, 7, 8], [1, 1, 2])


def test_one_of_several_layers(tmp_path: Path) -> None:
    figures = [shapely.Point(place) for place in points([(3.5, 2.1), (9.9, 7.9)])]
    write_vectors(tmp_path / "p.gpkg", ["a", "b"], figures, layer="samples")
    path = write_vectors(
        tmp_path / "p.gpkg", ["c", "d"], [figure.buffer(99) for figure in figures], layer="units", mode="a"
    )
    with pytest.raises(ValueError, match=r"layers: samples \(Point\), units \(Polygon\); `labels_layer` names one"):
        read_labels(path, GRID, column="Rock")
    with pytest.raises(ValueError, match=r"has no layer unit; its layers are: samples"):
        read_labels(path, GRID, column="Rock", labels_layer="unit")
    assert read_labels(path, GRID, column="Rock", labels_layer="units").names == {1: "c", 2: "d"}


def box(left: float, top: float, right: float, bottom: float) -> shapely.Polygon:
    (a, b), (c, d) = points([(left, top), (right, bottom)])
    return shapely.box(a, d, c, b)


@pytest.mark.parametrize("degrees", [False, True])
def test_polygons_label_the_pixels_whose_middles_they_hold(tmp_path: Path, degrees: bool) -> None:
    figures = [box(2.4, 3.4, 5.6, 6.6), shapely.MultiPolygon([box(10, 10, 13, 12), box(20, 10, 21, 11)])]
    frame = geopandas.GeoDataFrame({"class": ["schist", "tuff"]}, geometry=figures, crs=GRID.crs)
    frame = frame.set_geometry(frame.segmentize(30)).to_crs(4326) if degrees else frame
    frame.to_file(tmp_path / "map.gpkg")
    expected = np.zeros((20, 30), np.uint8)
    expected[3:7, 2:6], expected[10:12, 10:13], expected[10, 20] = 1, 2, 2
    labels = read_labels(tmp_path / "map.gpkg", GRID)
    assert np.array_equal(as_map(labels), expected)
    assert labels.names == {1: "schist", 2: "tuff"}


def test_each_polygon_is_a_group_of_its_own(tmp_path: Path) -> None:
    # The two of schist touch; from pixels alone they would be one.
    figures = [box(0, 0, 2, 2), box(2, 0, 4, 2), shapely.MultiPolygon([box(10, 10, 13, 12), box(20, 10, 21, 11)])]
    labels = read_labels(write_vectors(tmp_path / "m.gpkg", ["schist", "schist", "tuff"], figures), GRID, column="rock")
    assert np.bincount(labels.polygons).tolist() == [4, 4, 6, 1]


def test_pixels_in_polygons_of_several_classes_are_left_out(tmp_path: Path) -> None:
    figures = [box(0, 0, 4, 4), box(2, 2, 6, 6), box(1, 1, 3, 3), box(40, 0, 41, 1), box(8.1, 8.1, 8.4, 8.4)]
    path = write_vectors(tmp_path / "m.shp", ["schist", "tuff", "schist", "tuff", "tuff"], figures)
    labels = read_labels(path, GRID, column="Rock")
    expected = np.zeros((20, 30), np.uint8)
    expected[:4, :4], expected[2:6, 2:6], expected[2:4, 2:4] = 1, 2, 0
    assert np.array_equal(as_map(labels), expected)
    assert labels.notes == (
        "m.shp: 2 of 5 polygons have no pixel: outside the scene, too small or overlaid",
        "m.shp: 4 pixels lie in polygons of several classes and are left out",
    )


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 15), st.integers(1, 9), st.integers(0, 2)), min_size=2))
@settings(deadline=None, max_examples=25)
def test_polygons_are_where_their_pixels_are_counted_by_hand(boxes: list[tuple[int, int, int, int]]) -> None:
    covered = np.zeros((3, 20, 30), bool)
    for left, top, size, number in boxes:
        covered[number, top : top + size, left : left + size] = True
    figures = np.array([box(left, top, left + size, top + size) for left, top, size, _ in boxes])
    classes = np.array([str(number) for *_, number in boxes], np.str_)
    pixels = drawn(Features(Path("m.gpkg"), figures, classes, GRID.crs), GRID)
    found = np.full((20, 30), "")
    found[pixels.rows, pixels.columns] = pixels.names[pixels.classes]
    assert np.array_equal(found, np.where(covered.sum(0) == 1, covered.argmax(0).astype(str), ""))


def test_lines_are_refused(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "p.gpkg", ["fault"], [shapely.LineString(points([(0, 0), (5, 5)]))])
    with pytest.raises(ValueError, match="holds LineString; give points, or polygons, or a raster"):
        read_labels(path, GRID, column="Rock")


def test_no_vectors(tmp_path: Path) -> None:
    (tmp_path / "p.gpkg").write_text("hello")
    with pytest.raises(ValueError, match="cannot be read as vectors"):
        read_labels(tmp_path / "p.gpkg", GRID)


@pytest.mark.real_data
def test_polygons_of_the_sistan_labels_are_its_groups(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "geo" / "sistan"
    with open_raster(folder / "Sistan_Landsat8.tif") as dataset:
        grid = grid_of(dataset)
    labels = read_labels(folder / "Sistan_Landsat8_Training.tif", grid, align=True)
    values = np.zeros((grid.height, grid.width), np.uint8)
    values[labels.rows, labels.columns] = labels.classes
    shapes = rasterio.features.shapes(values, mask=values > 0, connectivity=8, transform=grid.transform)
    figures, classes = zip(
        *((shapely.geometry.shape(figure), str(int(value))) for figure, value in shapes), strict=True
    )
    write_vectors(tmp_path / "map.gpkg", list(classes), [figure.buffer(0) for figure in figures], grid.crs)
    again = read_labels(tmp_path / "map.gpkg", grid, column="Rock")
    assert len(again) == 4305
    assert np.array_equal(np.bincount(again.classes), np.bincount(labels.classes))
