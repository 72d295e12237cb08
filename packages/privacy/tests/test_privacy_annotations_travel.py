"""Annotations beside pictures travel into the results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.travel import carry_annotations

COCO = b"""{ "images": [ {"id": 1,  "file_name" :"day\\u002f1.gif", "width": 4, "height": 3},
  {"file_name": "2.png", "id": 2, "date": "\xc3\xa9 1.gif"} ],\r\n "annotations":
  [{"caption": "\\"file_name\\": day/1.gif"}], "categories": []}
"""


def filled(folder: Path) -> Path:
    files = {
        "labels/1.txt": b"0 0.5 0.5 0.1 0.1\r\n",
        "labels/2.txt": b"",
        "classes.txt": b"face\nplate\n",
        "data.yaml": b"names: [face, plate]\n",
        "coco.json": COCO,
        "city/a_gtFine_polygons.json": b'{"imgWidth": 4, "imgHeight": 3, "objects": []}',
        "voc/1.xml": b'<?xml version="1.0"?>\n<annotation><filename>1.gif</filename></annotation>',
        "notes.txt": b"Mrs Smith, 52.1 N 4.3 E",
        "track.json": b'{"lat": 52.1}',
        "broken.json": b"{",
        "track.xml": b"<gpx></gpx>",
        "report.json": b"{}",
        "1.gif": b"no annotation",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_annotations_travel_byte_for_byte_but_for_the_suffix_of_a_picture_that_changed(tmp_path: Path) -> None:
    source, output = filled(tmp_path / "in"), tmp_path / "out"
    told = carry_annotations([source, source / "1.gif"], output, [("day/1.gif", "day/1.png")])
    assert told == {"copied": 7, "not copied": 4}
    carried = {path.relative_to(output).as_posix(): path for path in output.rglob("*") if path.is_file()}
    labels = {"labels/1.txt", "labels/2.txt", "classes.txt", "data.yaml"}
    assert carried.keys() == {*labels, "coco.json", "city/a_gtFine_polygons.json", "voc/1.xml"}
    for name, path in carried.items():
        if name not in ("coco.json", "voc/1.xml"):
            assert path.read_bytes() == (source / name).read_bytes()
    assert b"<filename>1.png</filename>" in carried["voc/1.xml"].read_bytes()
    assert carried["coco.json"].read_bytes() == COCO.replace(b'"day\\u002f1.gif"', b'"day/1.png"')


def voc(name: str, path: str) -> str:
    return f"""<annotation verified="no">\r\n\t<folder>day</folder>\t<filename>{name}</filename>
  <path>{path}</path><object><name>1.gif</name></object></annotation>"""


@pytest.mark.parametrize(
    ("path", "carried"),
    [
        ("/home/smith/day/1 &amp; 2.gif", "1 &amp; 2.png"),
        ("C:\\Users\\smith\\1 &amp; 2.gif", "1 &amp; 2.png"),
        ("", ""),
    ],
)
def test_pascal_voc_names_the_new_picture_and_no_folder_of_whoever_marked_it(
    tmp_path: Path, path: str, carried: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.xml").write_bytes(voc("1 &amp; 2.gif", path).encode())
    carry_annotations([tmp_path / "in"], tmp_path / "out", [("1 & 2.gif", "1 & 2.png")])
    assert (tmp_path / "out" / "1.xml").read_bytes() == voc("1 &amp; 2.png", carried).encode()


def test_pascal_voc_of_a_picture_that_kept_its_name_loses_folders_only(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.xml").write_bytes(voc("1.gif", "/home/smith/1.gif").encode())
    carry_annotations([tmp_path / "in"], tmp_path / "out", [("2.gif", "2.png")])
    assert (tmp_path / "out" / "1.xml").read_bytes() == voc("1.gif", "1.gif").encode()


@pytest.mark.parametrize(
    ("root", "stays"),
    [("/home/smith/d", False), ('"C:\\d"', False), ("~/d # mine", False), ("../d", True), ("images", True)],
)
def test_a_root_of_yolo_that_is_on_the_disk_of_somebody_is_left_out(tmp_path: Path, root: str, stays: bool) -> None:
    (tmp_path / "in").mkdir()
    line, rest = f"path: {root}\r\n", "train: images\nnames:\n  0: path\n"
    (tmp_path / "in" / "data.yaml").write_bytes(f"{line}{rest}".encode())
    carry_annotations([tmp_path / "in"], tmp_path / "out", [])
    assert (tmp_path / "out" / "data.yaml").read_bytes() == (line * stays + rest).encode()


def test_what_is_there_and_another_file_is_not_replaced(tmp_path: Path) -> None:
    source, output = filled(tmp_path / "in"), tmp_path / "out"
    carry_annotations([source], output, [])
    assert (output / "coco.json").read_bytes() == COCO
    carry_annotations([source], output, [])
    (output / "labels" / "1.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not the annotation that belongs there"):
        carry_annotations([source], output, [])
    assert (output / "labels" / "1.txt").read_text() == "mine"


def test_a_name_that_may_mean_pictures_of_several_suffixes_is_refused(tmp_path: Path) -> None:
    source = filled(tmp_path / "in")
    with pytest.raises(ValueError, match=r"coco\.json: day/1\.gif may be .*\.jpg and \.png"):
        carry_annotations([source], tmp_path / "out", [("a/day/1.gif", "1.png"), ("b/day/1.gif", "1.jpg")])


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(lambda text: text.strip("./\0") == text)


@given(st.lists(words, min_size=1, max_size=4, unique=True), st.booleans())
@settings(max_examples=30)
def test_whatever_the_names_are_they_are_found_after_they_changed(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], ascii_only: bool
) -> None:
    folder = tmp_path_factory.mktemp("in")
    images = [{"id": index, "file_name": f"{name}.gif"} for index, name in enumerate(names)]
    content = {"images": images, "annotations": [], "categories": []}
    (folder / "c.json").write_text(json.dumps(content, ensure_ascii=ascii_only), encoding="utf-8")
    carry_annotations([folder], folder / "out", [(f"{name}.gif", f"{name}.png") for name in names[:-1]])
    assert list(read_boxes(folder / "out" / "c.json").pictures) == [
        *(f"{name}.png" for name in names[:-1]),
        f"{names[-1]}.gif",
    ]
