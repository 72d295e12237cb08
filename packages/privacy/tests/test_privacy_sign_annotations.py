"""Boxes of traffic signs: the benchmark's lines, Pascal VOC, attributes and groups, and what is wrong, by name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.runtime.images.orientation import upright, upright_size
from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations import faults as wrong
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.annotations.groups import GROUPS, GTSDB_CLASSES, group_of, word_of
from nflows_privacy.annotations.placing import placed, upright_box
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.regions import Box, Region

WIDTH, HEIGHT = 64, 48

corners = st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(1, 20), st.integers(1, 15))
signs = st.lists(st.tuples(corners, st.integers(0, 42)), max_size=4, unique_by=lambda sign: sign[0])
scenes = st.dictionaries(st.integers(0, 99).map(lambda n: f"{n:05}"), signs, min_size=1, max_size=3)
words = st.text("abc =1\n\"',;é", min_size=1, max_size=6)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def voc(name: str, objects: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    width, height = size
    sides = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f'<?xml version="1.0"?>\n<annotation><filename>{name}</filename>{sides}{objects}</annotation>'


def voc_object(kind: str, box: tuple[object, ...], more: str = "") -> str:
    bounds = "".join(f"<{c}>{v}</{c}>" for c, v in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
    return f"<object><name>{kind}</name>{more}<bndbox>{bounds}</bndbox></object>"


def corner_box(corner: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    left, top, width, height = corner
    return left, top, left + width, top + height


@given(scenes)
@settings(max_examples=25)
def test_lines_of_the_benchmark_a_table_and_pascal_voc_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, scene: dict[str, list[tuple[tuple[int, int, int, int], int]]]
) -> None:
    folder = tmp_path_factory.mktemp("signs")
    lines, rows = [], ["image,left,top,right,bottom,class,name"]
    for name, found in scene.items():
        objects = "".join(voc_object(GTSDB_CLASSES[number], corner_box(corner)) for corner, number in found)
        write(folder / "voc" / f"{name}.xml", voc(f"{name}.ppm", objects))
        for corner, number in found:
            numbers = corner_box(corner)
            lines.append(";".join(map(str, (f"{name}.ppm", *numbers, number))))
            rows.append(",".join(map(str, (f"{name}.ppm", *numbers, number, GTSDB_CLASSES[number]))))
    read = {"voc": read_boxes(folder / "voc", faults=Faults())}
    if lines:
        read["gt"] = read_boxes(write(folder / "gt.txt", "\n".join(lines)), faults=Faults())
        read["csv"] = read_boxes(write(folder / "boxes.csv", "\n".join(rows)), faults=Faults())
    for name, found in scene.items():
        expected = [(Box(*corner_box(corner)), GTSDB_CLASSES[number]) for corner, number in found]
        for one in read.values():
            if found or one is read["voc"]:
                regions = one.regions(f"{name}.jpg", WIDTH, HEIGHT)
                assert [(region.box, region.kind) for region in regions] == expected


def test_the_benchmark_has_43_classes_in_four_groups() -> None:
    groups = Counter(group_of(Region(Box(0, 0, 1, 1), kind)) for kind in GTSDB_CLASSES)
    assert groups == {"prohibitory": 12, "danger": 15, "mandatory": 8, "other": 8}
    assert set(groups) == set(GROUPS)
    assert len({word_of(kind) for kind in GTSDB_CLASSES}) == 43
    assert GTSDB_CLASSES[38] == "keep right (mandatory)"
    assert GTSDB_CLASSES[13] == "give way (other)"


def test_the_group_of_a_box_is_what_its_table_says_else_what_its_class_does(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv",
        "image,left,top,right,bottom,name,group,track,tilted\n"
        "a.jpg,0,0,9,9,gap-in-median,median,7,yes\na.jpg,9,0,19,9,keep right (mandatory),,,\nb.jpg,,,,,,,,\n",
    )
    found = read_boxes(table)
    first, second = found.regions("a.jpg", WIDTH, HEIGHT)
    assert first.attributes == (("group", "median"), ("track", "7"), ("tilted", "yes"))
    assert [group_of(first), group_of(second)] == ["median", "mandatory"]
    grouped = found.grouped()
    assert grouped.classes == ("mandatory", "median")
    assert [one.kind for one in grouped.regions("a.jpg", WIDTH, HEIGHT)] == ["median", "mandatory"]
    assert grouped.regions("b.jpg", WIDTH, HEIGHT) == []
    alone = Annotations("boxes", {"a": Marked((Region(Box(0, 0, 1, 1), "cone"),))})
    with pytest.raises(ValueError, match="boxes: cone: classes of no group; give the table a column `group`"):
        alone.grouped()


@given(st.lists(st.dictionaries(st.sampled_from(["track", "tilted", "group"]), words), min_size=1, max_size=4))
@settings(max_examples=25)
def test_attributes_travel_through_a_table_and_a_log(
    tmp_path_factory: pytest.TempPathFactory, found: list[dict[str, str]]
) -> None:
    regions = [
        Region(Box(n, 0, n + 2, 2), "cone", attributes=tuple(sorted(one.items()))) for n, one in enumerate(found)
    ]
    path = tmp_path_factory.getbasetemp() / "attributes.csv"
    names = ("group", "tilted", "track")
    write_csv(path, rows_of("a.jpg", regions, names))
    assert read_boxes(path).regions("a.jpg", WIDTH, HEIGHT) == regions
    assert [Region.from_json(json.loads(json.dumps(one.to_json()))) for one in regions] == regions


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>', "declares a document"),
        ("<annotation><object>", "is no XML"),
        (voc("a.jpg", "", (-1, 4)), "expected whole numbers in `size`"),
        (voc("a.jpg", "<object><name>cone</name></object>"), "object 1: has no `bndbox` of four numbers"),
        (voc("a.jpg", voc_object("cone", (9, 0, 1, 4))), "object 1: box: expected left < right"),
        (voc("a.jpg", voc_object("cone", (0, 0, "nan", 4))), "object 1: box: expected left < right"),
        (voc("a.jpg", voc_object("", (0, 0, 1, 4))), "object 1: has no `name`"),
        ("<annotation>" + " " * 2**24 + "</annotation>", "larger than"),
    ],
)
def test_a_wrong_file_of_pascal_voc_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"a\.xml: {message}"):
        read_boxes(write(tmp_path / "a.xml", content))


def test_pascal_voc_names_its_picture_without_folders_and_keeps_attributes(tmp_path: Path) -> None:
    more = "<occluded>1</occluded><difficult>0</difficult>"
    write(tmp_path / "day" / "x.xml", voc(r"C:\Users\somebody\1.png", voc_object("stop", (1, 2, 3, 4), more)))
    found = read_boxes(tmp_path)
    assert list(found.pictures) == ["day/1.png"]
    (region,) = found.regions("pictures/day/1.png", WIDTH, HEIGHT)
    assert dict(region.attributes) == {"occluded": "1", "difficult": "0"}
    with pytest.raises(ValueError, match="64 x 48 pixels, and it has 48 x 64"):
        found.regions("day/1.png", HEIGHT, WIDTH)


WRONG_TABLE = (
    "image,left,top,right,bottom,class,name\n"
    "a.jpg,5,5,5,9,1,cone\na.jpg,9,5,5,9,1,cone\na.jpg,0,0,inf,9,1,cone\na.jpg,0,0,x,9,1,cone\n"
    "a.jpg,0,0,9,9,7,\na.jpg,1,1,9,9,1,cone\na.jpg,1,1,9,9,1,cone\nimages/a.jpg,2,2,9,9,1,cone\nb.jpg,,,,,,\nb.jpg,,,,,,\n"
)


def test_what_is_wrong_in_a_table_is_named_with_its_number_and_the_rest_goes_on(tmp_path: Path) -> None:
    path, faults = write(tmp_path / "t.csv", WRONG_TABLE), Faults()
    found = read_boxes(path, faults=faults)
    assert faults.counts == {
        wrong.NO_AREA: 1,
        wrong.REVERSED: 1,
        wrong.NO_NUMBERS: 2,
        wrong.UNNAMED: 1,
        wrong.TWICE: 3,
    }
    told = "\n".join(faults.lines())
    for place in ("line 2", "line 3", "line 4", "line 5", r"class 7 (", "line 8", "a.jpg as images/a.jpg", "b.jpg ("):
        assert place in told
    kinds = [region.kind for region in found.regions("a.jpg", WIDTH, HEIGHT)]
    assert kinds == ["class 7", "cone", "cone"]
    assert found.regions("b.jpg", WIDTH, HEIGHT) == []
    with pytest.raises(ValueError, match=r"t\.csv, line 2: box: expected left < right"):
        read_boxes(path)


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        ("gt.txt", "a.ppm;5;5;5;9;1\na.ppm;9;5;5;9;1\na.ppm;0;0;9;9;43\na.ppm;0;0;9;x;1", (1, 1, 1, 1, 0)),
        ("a.txt", "0 .5 .5 0 .1\n0 .5 .5 -.1 .1\n7 .5 .5 .1 .1\n0 .1 .1 .2 .2\n0 .1 .1 .2 .2", (1, 0, 1, 0, 1)),
        (
            "c.json",
            json.dumps(
                {
                    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}],
                    "categories": [{"id": 1, "name": "cone"}],
                    "annotations": [
                        {"image_id": 1, "category_id": 1, "bbox": [0, 0, 0, 5]},
                        {"image_id": 1, "category_id": 1, "bbox": [9, 0, -5, 5]},
                        {"image_id": 2, "category_id": 4, "bbox": [0, 0, 5, 5]},
                    ],
                }
            ),
            (1, 1, 1, 0, 1),
        ),
    ],
)
def test_what_is_wrong_in_other_formats_is_counted(
    tmp_path: Path, name: str, content: str, counts: tuple[int, ...]
) -> None:
    faults = Faults()
    write(tmp_path / "classes.txt", "cone")
    found = read_boxes(write(tmp_path / name, content), faults=faults)
    kinds = (wrong.NO_AREA, wrong.REVERSED, wrong.UNNAMED, wrong.NO_NUMBERS, wrong.TWICE)
    assert tuple(faults.counts.get(kind, 0) for kind in kinds) == counts
    assert [region.kind for one in found.pictures.values() for region in one.regions if "class" in region.kind]
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        read_boxes(tmp_path / name) if name != "a.txt" else read_boxes(tmp_path / name, ["cone"])


@given(corners, st.integers(1, 8))
def test_a_box_turns_as_its_picture_does(corner: tuple[int, int, int, int], orientation: int) -> None:
    left, top, right, bottom = corner_box(corner)
    stored = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    stored[top:bottom, left:right] = 1
    shown = upright(stored, orientation)
    height, width = upright_size(HEIGHT, WIDTH, orientation)
    turned = upright_box(Box(left, top, right, bottom), orientation, width, height)
    rows, columns = np.nonzero(shown[..., 0])
    assert turned == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_boxes_that_count_in_the_pixels_as_stored_turn_and_are_told() -> None:
    region = Region(Box(50, 0, 60, 10), "cone")
    for marked in (Marked((region,), (WIDTH, HEIGHT)), Marked((region,))):
        found = placed(marked, HEIGHT, WIDTH, 6)
        assert found.regions[0].box == upright_box(region.box, 6, HEIGHT, WIDTH)
        assert found.faults == ((wrong.TURNED, ""),)
    inside = Region(Box(0, 0, 10, 10), "cone")
    for marked in (Marked((inside,), (HEIGHT, WIDTH)), Marked((inside,))):
        found = placed(marked, HEIGHT, WIDTH, 6)
        assert (found.regions, found.faults) == ((inside,), ((wrong.UPRIGHT, ""),))
    with pytest.raises(ValueError, match="10 x 10 pixels"):
        placed(Marked((inside,), (10, 10)), HEIGHT, WIDTH, 6)


def test_boxes_outside_are_left_out_and_those_that_reach_out_stay() -> None:
    boxes = [Box(0, 0, 9, 9), Box(60, 40, 70, 50), Box(64, 0, 70, 9), Box(-9, 0, 0, 9)]
    found = placed(Marked(tuple(Region(box, "cone") for box in boxes)), WIDTH, HEIGHT)
    assert [region.box for region in found.regions] == boxes[:2]
    assert Counter(what for what, _ in found.faults) == {wrong.OUTSIDE: 2, wrong.CUT: 1}


@pytest.mark.real_data
def test_the_signs_at_hand_are_read_without_a_warning(data_folder: Path) -> None:
    faults = Faults()
    folder = data_folder / "privacy" / "signs"
    found = read_boxes(folder / "boxes.csv", faults=faults)
    assert faults.counts == {}
    assert all(placed(one, 1360, 800).faults == () for one in found.pictures.values())
    pictures = [path.name for path in (folder / "images").iterdir()]
    assert sum(found.find(name) is None for name in pictures) == 15
    counts = Counter(group_of(region) for one in found.pictures.values() for region in one.regions)
    assert set(counts) == set(GROUPS)
    assert counts.total() == 316
