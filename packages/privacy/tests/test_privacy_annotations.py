"""Annotations of others: read, written and read again, and refused where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.annotated import SHARES, Annotations, Marked, kind_of
from nflows_privacy.annotations.coco import write_coco
from nflows_privacy.annotations.faults import NO_NUMBERS, Faults
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.annotations.yolo import write_yolo
from nflows_privacy.regions import Box, Region

WIDTH, HEIGHT = 640, 480

hundredth = st.integers(0, 40000).map(lambda n: n / 100)
side = st.integers(101, 8000).map(lambda n: n / 100)
boxes = st.tuples(hundredth, hundredth, side, side).map(lambda n: Box(n[0], n[1], n[0] + n[2], n[1] + n[3]))
kinds = st.sampled_from(["face", "plate", "no entry", "=cmd()"])
scores = st.integers(1, 10000).map(lambda n: n / 10000)
marks = st.lists(st.builds(Region, boxes, kinds, scores), max_size=4).map(
    lambda found: Marked(tuple(found), (WIDTH, HEIGHT))
)
stems = st.text("abc-= .", min_size=1, max_size=4).map(lambda text: f"x{text}x")
names = st.tuples(st.sampled_from(["", "left/", "left/deep/"]), stems).map("".join)
sets = st.dictionaries(names, marks, min_size=1, max_size=3).map(
    lambda found: Annotations("memory", {f"{name}.jpg": one for name, one in found.items()}, ("plate", "face"))
)


def same(one: list[Region], other: list[Region], tolerance: float) -> None:
    assert [region.kind for region in one] == [region.kind for region in other]
    for first, second in zip(one, other, strict=True):
        assert first.box == pytest.approx(second.box, abs=tolerance)
        assert first.score == pytest.approx(second.score, abs=1e-6)


def has_all(read: Annotations, written: Annotations, tolerance: float) -> None:
    assert len(read.pictures) == len(written.pictures)
    for name, one in written.pictures.items():
        same(read.regions(name, WIDTH, HEIGHT), list(one.regions), tolerance)


@given(sets)
@settings(max_examples=20)
def test_what_is_written_as_coco_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, annotations: Annotations
) -> None:
    path = tmp_path_factory.getbasetemp() / "coco.json"
    write_coco(path, annotations)
    read = read_boxes(path)
    has_all(read, annotations, 0.0151)
    assert read.classes[:2] == ("plate", "face")
    write_coco(path, read)
    has_all(read_boxes(path), read, 0.0151)


@given(sets)
@settings(max_examples=20)
def test_what_is_written_as_yolo_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, annotations: Annotations
) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    write_yolo(folder, annotations)
    has_all(read_boxes(folder / "data.yaml"), annotations, 1e-4)
    has_all(read_boxes(folder / "labels"), annotations, 1e-4)


@given(sets)
@settings(max_examples=20)
def test_what_is_written_as_a_table_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, annotations: Annotations
) -> None:
    path = tmp_path_factory.getbasetemp() / "boxes.csv"
    rows = [row for name, one in annotations.pictures.items() for row in rows_of(name, list(one.regions))]
    write_csv(path, rows)
    has_all(read_boxes(path), annotations, 0.0151)


def coco(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 3, "name": "License_Plate"}],
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40]}],
        **changes,
    }


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_cocos_boxes_are_left_top_width_and_height(tmp_path: Path) -> None:
    found = read_boxes(write(tmp_path / "c.json", coco()))
    assert found.regions("a.jpg", WIDTH, HEIGHT) == [Region(Box(10, 20, 40, 60), "plate")]
    empty = coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [10, 20, 0, 40]}])
    found = read_boxes(write(tmp_path / "c.json", empty))
    assert (found.empty, found.regions("a.jpg", WIDTH, HEIGHT)) == (1, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": [{"image_id": 8, "category_id": 3, "bbox": [0, 0, 1, 1]}]}, r"annotations\[0\]"),
        ({"annotations": [{"image_id": 7, "category_id": 4, "bbox": [0, 0, 1, 1]}]}, r"annotations\[0\]"),
        ({"annotations": [{"image_id": 7, "category_id": 3, "bbox": [0, 0, 1]}]}, r"annotations\[0\]: no annotation"),
        ({"annotations": [{"image_id": 7, "category_id": 3, "bbox": [0, 0, -1, 1]}]}, r"annotations\[0\]: box: .*left"),
        ({"annotations": {"7": []}}, "`annotations` is no list"),
        ({"images": [{"id": 7}]}, r"images\[0\]: no image"),
        ({"images": [{"id": 7, "file_name": "a"}, {"id": 7, "file_name": "b"}]}, r"images\[1\]: its `id` 7 or"),
        ({"categories": ["plate"]}, r"categories\[0\]"),
    ],
)
def test_a_wrong_entry_of_coco_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "c.json", coco(**changes))
    with pytest.raises(ValueError, match=r"c\.json: " + message):
        read_boxes(path)


def test_yolos_boxes_are_shares_of_the_sides(tmp_path: Path) -> None:
    write(tmp_path / "labels" / "a.txt", "1 0.5 0.25 0.1 0.2\n\n0 0.5 0.5 1 1 0.75\n0 0.5 0.5 0 1\n")
    write(tmp_path / "classes.txt", "face\nnumber plate\n")
    found = read_boxes(tmp_path)
    assert found.empty == 1
    same(
        found.regions("a.png", 200, 100),
        [Region(Box(90, 15, 110, 35), "plate"), Region(Box(0, 0, 200, 100), "face", 0.75)],
        1e-9,
    )
    one = read_boxes(tmp_path / "labels" / "a.txt", ["one", "two"])
    assert [region.kind for region in one.regions("a.png", 200, 100)] == ["two", "one"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.1", "expected a class"),
        ("face 0.5 0.5 0.1 0.1", "expected a class"),
        ("2 0.5 0.5 0.1 0.1", "class 2 has no name among 2"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 has no name"),
        ("0.5 0.5 0.5 0.1 0.1", "class 0.5 has no name"),
        ("0 320 240 10 10", "from 0 to 1"),
        ("0 0.5 nan 0.1 0.1", "from 0 to 1"),
        ("0 .1 .1 .1 .1 .1 .1 .1", "four shares"),
        ("0 .1 .1 .2 .1 1.2 .1", "from 0 to 1"),
        # A face with five marks, as YOLO5Face writes it, is no polygon.
        ("0 .2 .3 .5 .6 .19 .29 .21 .29 .2 .3 .19 .31 .21 .31", "or a polygon"),
    ],
)
def test_a_wrong_line_of_yolo_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path / "classes.txt", "face\nplate\n")
    write(tmp_path / "a.txt", f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(ValueError, match=rf"a\.txt, line 2: .*{message}"):
        read_boxes(tmp_path)


@given(
    st.lists(st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8)), min_size=4, max_size=8),
    st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)),
    st.floats(0.05, 0.1),
)
def test_of_a_polygon_of_yolo_the_box_about_it_counts(
    tmp_path_factory: pytest.TempPathFactory, rays: list[tuple[float, float]], middle: tuple[float, float], side: float
) -> None:
    folder, turn = tmp_path_factory.mktemp("yolo"), 2 * np.pi / len(rays)
    radii = [side * (0.5 + ray / 2) for ray, _ in rays]
    across = [middle[0] + radius * np.cos(turn * number) for number, radius in enumerate(radii)]
    down = [middle[1] + radius * np.sin(turn * number) for number, radius in enumerate(radii)]
    corners = " ".join(f"{x:.9f} {y:.9f}" for x, y in zip(across, down, strict=True))
    write(folder / "classes.txt", "face\nplate\n")
    write(folder / "a.txt", f"1 {corners}\n0 0.5 0.5 0.1 0.1 0.9\n")
    expected = Box(100 * min(across), 50 * min(down), 100 * max(across), 50 * max(down))
    same(
        read_boxes(folder).regions("a.png", 100, 50),
        [Region(expected, "plate"), Region(Box(45, 22.5, 55, 27.5), "face", 0.9)],
        1e-6,
    )


TABLE = "image,left,top,right,bottom,name"
SHARED = {
    "t.csv": f"{TABLE}\na.jpg,.46,.45,.54,.55,stop\nb.jpg,0,0,1,1,stop\n",
    "gt.txt": "a.jpg;.46;.45;.54;.55;11\n",
    "a.json": {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "stop"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0.46, 0.45, 0.08, 0.1]}],
    },
    "a.xml": "<annotation><filename>a.jpg</filename><object><name>stop</name><bndbox><xmin>.46</xmin><ymin>.45</ymin>"
    "<xmax>.54</xmax><ymax>.55</ymax></bndbox></object></annotation>",
}


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("faults", [None, Faults()])
def test_boxes_in_shares_where_pixels_are_meant_are_refused(tmp_path: Path, name: str, faults: Faults | None) -> None:
    with pytest.raises(
        ValueError, match="all boxes lie within 0 to 1, and are counted in pixels here: are they shares"
    ):
        read_boxes(write(tmp_path / name, SHARED[name]), faults=faults)


def test_one_box_that_is_larger_says_that_pixels_are_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"{TABLE}\na.jpg,0,0,1,1,stop\na.jpg,0,0,2,1,stop\n")
    assert len(read_boxes(path).regions("a.jpg", 9, 9)) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "image;left;top;right;bottom;name\na.jpg;1;2;3;4;stop\n"),
        ("t.csv", "image\tleft\ttop\tright\tbottom\tname\na.jpg\t1\t2\t3\t4\tstop\n"),
        ("t.csv", "filename,xmin,ymin,xmax,ymax,class\na.jpg,1,2,3,4,stop\n"),
        ("t.csv", "Image,Left,Top,Right,Bottom,Name\na.jpg,1,2,3,4,stop\n"),
        ("gt.txt", "00000.ppm,774,411,815,446,11\n"),
        ("gt.txt", "00000.ppm 774 411 815 446 11\n"),
        ("gt.txt", "Filename;Left;Top;Right;Bottom;ClassId\n00000.ppm;774;411;815;446;11\n"),
    ],
)
def test_what_is_nearly_a_table_is_told_what_one_looks_like(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ValueError, match="no annotations that are known") as error:
        read_boxes(write(tmp_path / name, content))
    told = str(error.value)
    assert repr(content.partition("\n")[0])[1:50] in told
    assert "00000.ppm;774;411;815;446;11" in told
    assert "the columns image,left,top,right,bottom and name or class, in small letters" in told


def test_a_table_in_utf_16_is_told_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{TABLE}\na.jpg,1,2,3,4,stop\n", encoding="utf-16")
    with pytest.raises(ValueError, match=r"t\.csv: is in UTF-16; save it in UTF-8"):
        read_boxes(path)


def test_an_annotation_of_coco_without_a_box_is_told_and_stops_nothing(tmp_path: Path) -> None:
    content: Any = SHARED["a.json"]
    marked = [{"image_id": 1, "category_id": 1, "bbox": box} for box in ([1, 2, 3, 4], [], None)]
    content = {**content, "annotations": [*marked, {"image_id": 1, "category_id": 1}]}
    faults, path = Faults(), write(tmp_path / "a.json", content)
    assert read_boxes(path, faults=faults).regions("a.jpg", 9, 9) == [Region(Box(1, 2, 4, 6), "stop")]
    assert faults.counts == {NO_NUMBERS: 3}
    assert "annotations[1]" in next(faults.lines())
    with pytest.raises(ValueError, match=r"annotations\[1\]: no annotation with `bbox`"):
        read_boxes(path)


def test_classes_without_names_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "street" / "a.txt", "0 0.5 0.5 0.1 0.1")
    with pytest.raises(ValueError, match="no names of the classes"):
        read_boxes(tmp_path)
    write(tmp_path / "data.yaml", "names: {0: face, 2: plate}")
    with pytest.raises(ValueError, match="`names` is no list"):
        read_boxes(tmp_path)


def test_pp4av_is_known_by_its_folders(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "paris" / "1.txt", "1 0.5 0.5 0.1 0.1")
    write(tmp_path / "annotations" / "fisheye" / "1.txt", "0 0.25 0.5 0.1 0.1")
    found = read_boxes(tmp_path / "annotations")
    same(found.regions("images/paris/1.png", 100, 100), [Region(Box(45, 45, 55, 55), "plate")], 1e-9)
    same(found.regions(tmp_path / "images/fisheye/1.png", 100, 100), [Region(Box(20, 45, 30, 55), "face")], 1e-9)


def test_polygons_become_boxes(tmp_path: Path) -> None:
    objects = [
        {"label": "license plate", "polygon": [[10, 20], [30, 22], [28, 27]]},
        {"label": "road", "polygon": [[0, 0], [9, 9]], "deleted": 1},
    ]
    street = {"imgWidth": 100, "imgHeight": 50, "objects": objects}
    path = write(tmp_path / "gtFine" / "train" / "zurich" / "zurich_000001_gtFine_polygons.json", street)
    for source in (path, tmp_path / "gtFine", tmp_path):
        found = read_boxes(source)
        regions = found.regions("leftImg8bit/train/zurich/zurich_000001_leftImg8bit.png", 100, 50)
        assert regions == [Region(Box(10, 20, 31, 28), "plate")]
    write(path, {**street, "objects": [{"label": "road", "polygon": []}]})
    with pytest.raises(ValueError, match=r"zurich_000001_gtFine_polygons\.json: objects\[0\]: no object"):
        read_boxes(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.jpg,0,0,1", "line 2: could not convert"),
        ("a.jpg,0,0,0,1,face", "line 2: box: expected left < right"),
        (",0,0,1,1,face", "line 2: names no picture"),
    ],
)
def test_a_wrong_row_of_a_table_is_named(tmp_path: Path, rows: str, message: str) -> None:
    path = write(tmp_path / "t.csv", f"image,left,top,right,bottom,name\n{rows}\n")
    with pytest.raises(ValueError, match=r"t\.csv, " + message):
        read_boxes(path)


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", "[1]"), ("a.json", "{"), ("a.csv", "a,b\n1,2\n"), ("a.yaml", "1"), ("a.bin", "")]
)
def test_what_is_no_annotation_is_refused_by_name(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        read_boxes(write(tmp_path / name, content))


def test_a_picture_is_found_by_its_folders_as_far_as_both_have_some() -> None:
    one = Marked((Region(Box(0, 0, 1, 1), "face"),))
    found = Annotations("boxes", {"left/1.jpg": one, "right/1.jpg": one, "2.jpg": one, "2.png": one})
    assert found.find("/data/left/1.jpg") == "left/1.jpg"
    assert found.find("right/1.png") == "right/1.jpg"
    assert found.find("middle/1.jpg") is None
    assert found.find("2.png") == "2.png"
    assert found.find("left/2.jpg") == "2.jpg"
    assert Annotations("boxes", {r"left\1.JPG": one}).find("left/1.jpg") == r"left\1.JPG"
    for picture in ("1.jpg", "2.webp"):
        with pytest.raises(ValueError, match="may be"):
            found.find(picture)
    with pytest.raises(ValueError, match=r"2\.jpg may be a/2\.jpg and b/2\.jpg"):
        found.check(["a/2.jpg", "b/2.jpg"])
    with pytest.raises(ValueError, match=r"says nothing of 3\.jpg"):
        found.check(["2.jpg", "3.jpg"])


def test_boxes_of_another_size_are_refused() -> None:
    found = Annotations("boxes", {"a.jpg": Marked((), (10, 20))})
    with pytest.raises(
        ValueError, match=r"a\.jpg: its boxes are counted in 10 x 20 pixels, and it has 20 x 10, upright"
    ):
        found.regions("a.jpg", 20, 10)


def test_boxes_are_not_written_where_the_format_has_none_for_them(tmp_path: Path) -> None:
    region = Region(Box(0, 0, 1, 1), "face")
    with pytest.raises(ValueError, match="in shares of its sides"):
        write_coco(tmp_path / "c.json", Annotations("boxes", {"a": Marked((region,), SHARES)}))
    with pytest.raises(ValueError, match="size of a is not known"):
        write_yolo(tmp_path, Annotations("boxes", {"a": Marked((region,))}))
    with pytest.raises(ValueError, match="two pictures would be"):
        write_yolo(tmp_path, Annotations("boxes", {"a.png": Marked((), SHARES), "a.jpg": Marked((), SHARES)}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
def test_the_signs_are_read(data_folder: Path) -> None:
    found = read_boxes(data_folder / "privacy" / "signs" / "boxes.csv")
    assert sum(len(one.regions) for one in found.pictures.values()) == 316


def test_kinds_of_things_keep_their_names() -> None:
    assert [kind_of(name) for name in ("LP", "human face", "person", "Face")] == ["plate", "face", "person", "face"]
