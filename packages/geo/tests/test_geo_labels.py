from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.warp import transform

from geo_files import make_grid, write_raster
from nflows_geo.labels import Labels, read_labels
from nflows_geo.raster import GridMismatchError, grid_of, open_raster

GRID = make_grid(30, 20)


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
    path = write_raster(tmp_path / "l.tif", label_array(), GRID, nodata=255, crs=None)
    with pytest.raises(ValueError, match=r"l\.tif has no CRS.*`assume_crs`"):
        read_labels(path, GRID)
    assert len(read_labels(path, GRID, assume_crs=True)) == 3


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
    (a, b), (c, d), (e, f) = points([(3.5, 2.1), (3.9, 2.9), (29.9, 19.9)])
    path = write_csv(tmp_path / "p.csv", "Class,X,Y", [("granite", a, b), ("basalt", c, d), ("granite", e, f)])
    with pytest.raises(ValueError, match=r"p\.csv has no CRS; `assume_crs`"):
        read_labels(path, GRID)
    labels = read_labels(path, GRID, assume_crs=True)
    assert labels.names == {1: "basalt", 2: "granite"}
    assert (labels.rows.tolist(), labels.columns.tolist(), labels.classes.tolist()) == (
        [2, 2, 19],
        [3, 3, 29],
        [2, 1, 2],
    )


@pytest.mark.parametrize("header", ["lon,lat,class", "Longitude,Latitude,class"])
def test_degrees_of_a_table_need_no_crs(tmp_path: Path, header: str) -> None:
    (place,) = points([(7.5, 5.5)])
    (x,), (y,) = transform(GRID.crs, CRS.from_epsg(4326), [place[0]], [place[1]])
    labels = read_labels(write_csv(tmp_path / "p.csv", header, [(x, y, "a")]), GRID)
    assert (labels.rows.tolist(), labels.columns.tolist()) == ([5], [7])


@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson"])
def test_points_of_vector_files(tmp_path: Path, name: str) -> None:
    (place,) = points([(7.5, 5.5)])
    (x,), (y,) = transform(GRID.crs, CRS.from_epsg(4326), [place[0]], [place[1]])
    frame = geopandas.GeoDataFrame({"rock": ["gabbro"]}, geometry=geopandas.points_from_xy([x], [y]), crs="EPSG:4326")
    frame.to_file(tmp_path / name)
    labels = read_labels(tmp_path / name, GRID, column="rock")
    assert (labels.rows.tolist(), labels.columns.tolist(), labels.names) == ([5], [7], {1: "gabbro"})
    with pytest.raises(ValueError, match="has no column class; it has rock"):
        read_labels(tmp_path / name, GRID)


def test_points_outside_the_scene_are_counted_and_shown(tmp_path: Path) -> None:
    rows = [(x, y, "a") for x, y in points([(-0.1, 5), (5, 5), (30.0, 5), (5, 20.1), (5, -3), (1e9, 1e9)])]
    with pytest.raises(ValueError, match=r"5 of 6 points lie outside .* at \(299997, 3199890\)") as raised:
        read_labels(write_csv(tmp_path / "p.csv", "x,y,class", rows), GRID, assume_crs=True)
    assert "the scene: EPSG:32641, 30 x 20 pixels" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("easting,northing,class", (1, 2, 3), "has the columns easting, northing, class; it needs x and y"),
        ("x,y,rock", (1, 2, 3), "it needs x and y, or lon and lat, and class"),
        ("x,y,class", ("west", 2, 3), r"p\.csv, line 2: x is 'west', not a number"),
        ("x,y,class", ("nan", 2, 3), "1 of 1 points lie outside the scene"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, header: str, row: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labels(write_csv(tmp_path / "p.csv", header, [row]), GRID, assume_crs=True)


def test_a_table_without_points(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no points"):
        read_labels(write_csv(tmp_path / "p.csv", "x,y,class", []), GRID, assume_crs=True)


def test_polygons_are_no_points(tmp_path: Path) -> None:
    area = geopandas.points_from_xy([0.0], [0.0]).buffer(1)
    geopandas.GeoDataFrame({"class": [1]}, geometry=area, crs=32641).to_file(tmp_path / "p.gpkg")
    with pytest.raises(ValueError, match="holds Polygon; give points"):
        read_labels(tmp_path / "p.gpkg", GRID)


def test_no_vectors(tmp_path: Path) -> None:
    (tmp_path / "p.gpkg").write_text("hello")
    with pytest.raises(ValueError, match="cannot be read as vectors"):
        read_labels(tmp_path / "p.gpkg", GRID)
