from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nflows_core.data import DataError, Images, read_images
from nflows_core.latents import MEASURES, AttributeTable, attribute_values, read_attributes
from nflows_core.runtime.report import write_csv

brightness, contrast, slant, thickness = (MEASURES[name] for name in ("brightness", "contrast", "slant", "thickness"))


def bar(width: int, side: int = 20) -> Tensor:
    """A horizontal stroke from one border to the other."""
    x = torch.zeros(1, 1, side, side)
    x[..., 8 : 8 + width, :] = 1
    return x


# Measures


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_thickness_of_a_bar_is_its_width(width: int) -> None:
    x = bar(width)
    for picture in (x, x.mT, 0.3 * x, 1 - x, 0.2 + 0.5 * x, x.expand(1, 3, -1, -1)):
        assert thickness(picture).item() == pytest.approx(width)


def test_thickness_of_a_disk_is_its_radius() -> None:
    place = torch.arange(200) - 99.5
    distance = torch.hypot(place.unsqueeze(1), place)
    soft = torch.sigmoid(70 - distance).reshape(1, 1, 200, 200)
    assert thickness(soft).item() == pytest.approx(70, rel=0.01)


@pytest.mark.parametrize("tangent", [-0.5, 0.0, 0.75])
def test_slant_of_a_line_is_its_tangent(tangent: float) -> None:
    rows, columns = torch.arange(40).unsqueeze(1) - 19.5, torch.arange(40) - 19.5
    # Rows run downwards: what leans to the right is further right in the upper rows.
    line = torch.exp(-((columns + tangent * rows) ** 2))[None, None]
    assert slant(line).item() == pytest.approx(tangent, abs=1e-3)


def test_without_ink_there_is_no_stroke() -> None:
    blank = torch.full((2, 1, 6, 6), 0.4)
    for measure in (thickness, slant, contrast):
        assert measure(blank).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_brightness_and_contrast() -> None:
    x = torch.zeros(1, 3, 2, 2)
    x[:, :, 0] = torch.tensor([0.3, 0.6, 0.9]).reshape(3, 1)
    assert brightness(x).item() == pytest.approx(0.3)
    assert contrast(x).item() == pytest.approx(0.3)


@pytest.mark.real_data
def test_bold_digits_are_thicker(data_folder: Path) -> None:
    x = read_images(data_folder / "mnist", "test").pixels[:200] / 255
    bolder = torch.nn.functional.max_pool2d(x, 3, 1, 1)
    assert (thickness(bolder) > thickness(x) + 0.5).all()
    assert 2 < thickness(x).mean() < 3


# Values


@pytest.fixture
def images() -> Images:
    pixels = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1).expand(6, 1, 4, 4)
    names = ("train/cats/1.png", "train/cats/2.png", "train/dogs/1.png", "train/dogs/3.png", "x/4.png", "5.png")
    return Images(pixels, 6, torch.tensor([0, 0, 1, 1, 1, 0]), ("cat", "dog"), names)


@pytest.fixture
def table() -> AttributeTable:
    rows = {"cats/1.png": ["-1", "0.5"], "3.png": ["1", ""], "5.png": ["1", "2"], "other.png": ["?", "?"]}
    return AttributeTable(Path("a.csv"), ("smiling", "age"), rows)


def test_values_of_a_measure(images: Images) -> None:
    chosen, values = attribute_values("brightness", images)
    assert len(chosen) == 6
    assert values.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])


def test_values_of_a_class(images: Images) -> None:
    assert attribute_values("dog", images)[1].tolist() == [0, 0, 1, 1, 1, 0]


def test_values_of_a_column(images: Images, table: AttributeTable) -> None:
    chosen, values = attribute_values("smiling", images, table)
    assert chosen.names == ("train/cats/1.png", "train/dogs/3.png", "5.png")
    assert values.tolist() == [-1, 1, 1]
    chosen, values = attribute_values("age", images, table)
    assert chosen.pixels[:, 0, 0, 0].tolist() == [0, 5]
    assert values.tolist() == [0.5, 2]


@pytest.mark.parametrize(
    ("name", "classes", "meanings"),
    [
        ("dog", ("cat", "dog"), "a column of the table and a class of the images"),
        ("brightness", ("cat", "dog"), "a column of the table and what is measured of their pixels"),
        ("slant", ("cat", "slant"), "a class of the images and what is measured of their pixels"),
    ],
)
def test_a_name_that_stands_for_two_things_is_refused(
    images: Images, name: str, classes: tuple[str, ...], meanings: str
) -> None:
    table = AttributeTable(Path("a.csv"), ("dog", "brightness", "age"), {"5.png": ["7", "8", "9"]})
    images = replace(images, classes=classes)
    with pytest.raises(DataError, match=f"^{name} is {meanings}; give the one that is meant in a column of another"):
        attribute_values(name, images, table)
    assert attribute_values("age", images, table)[1].tolist() == [9], "what nobody asks for stands in nobody's way"


def test_the_largest_value_of_float32_is_one(images: Images) -> None:
    largest = torch.finfo(torch.float32).max
    table = AttributeTable(Path("a.csv"), ("age",), {"5.png": [str(largest)], "3.png": [str(-largest)]})
    assert attribute_values("age", images, table)[1].tolist() == [-largest, largest]


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ""])
def test_a_list_for_another_format_of_the_pictures(images: Images, suffix: str) -> None:
    rows = {f"cats/1{suffix}": ["1"], f"dogs/1{suffix}": ["2"], f"3{suffix}": ["3"], "0": ["4"]}
    chosen, values = attribute_values("age", images, AttributeTable(Path("a.csv"), ("age",), rows))
    assert chosen.names == ("train/cats/1.png", "train/dogs/1.png", "train/dogs/3.png")
    assert values.tolist() == [1, 2, 3]


def test_a_dot_in_a_name_begins_no_suffix() -> None:
    images = Images(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), names=("v1.0.png", "v1.1.png"))
    table = AttributeTable(Path("a.csv"), ("age",), {"v1.0": ["1"], "v1.1": ["2"]})
    assert attribute_values("age", images, table)[1].tolist() == [1, 2]


def test_suffixes_count_where_one_picture_is_there_by_its_own() -> None:
    images = Images(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), names=("1.png", "2.png"))
    table = AttributeTable(Path("a.csv"), ("age",), {"1.png": ["1"], "2.jpg": ["2"]})
    assert attribute_values("age", images, table)[0].names == ("1.png",)


def test_at_most_so_many_images(images: Images, table: AttributeTable) -> None:
    chosen, values = attribute_values("brightness", images, most=3)
    assert chosen.pixels[:, 0, 0, 0].tolist() == [0, 2, 4]
    assert values.tolist() == pytest.approx([0, 0.4, 0.8])
    chosen, values = attribute_values("smiling", images, table, most=2)
    assert (chosen.names, values.tolist()) == (("train/cats/1.png", "train/dogs/3.png"), [-1, 1])


def test_an_unknown_attribute(images: Images, table: AttributeTable) -> None:
    known = "brightness, contrast, slant, thickness, cat, dog, smiling, age"
    with pytest.raises(DataError, match=f"no attribute 'hat'; known here: {known}$"):
        attribute_values("hat", images, table)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"other.png": ["1"]},
            "has other.png, but none of the training images, such as train/cats/1.png; those held out for tests do not",
        ),
        ({}, "has nothing, but none of the training images"),
        ({"4.jpg": ["1"], "4.webp": ["2"]}, "has 4.jpg, but none of the training images"),
        ({"1.jpg": ["1"]}, "1.jpg is both train/cats/1.png and train/dogs/1.png; give their paths"),
        ({"1.png": ["1"]}, "1.png is both train/cats/1.png and train/dogs/1.png; give their paths"),
        ({"5.png": ["old"]}, "5.png has 'old', which is no number"),
        ({"5.png": ["nan"]}, "5.png has 'nan', which is no number, in the column age; write one"),
        (
            {"5.png": ["-1e300"]},
            "5.png has '-1e300', which is more than 3.4e.38, in the column age; give it in",
        ),
        ({"5.png": ["3.41e38"]}, "5.png has '3.41e38', which is more than"),
    ],
)
def test_a_table_of_other_images(images: Images, rows: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DataError, match=f"^a.csv: {message}"):
        attribute_values("age", images, AttributeTable(Path("a.csv"), ("age",), rows))


def test_a_table_for_images_without_names(table: AttributeTable) -> None:
    with pytest.raises(DataError, match="have no names"):
        attribute_values("age", Images(torch.zeros(6, 1, 4, 4, dtype=torch.uint8)), table)


# Files


def test_a_table_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffimage,smiling,"is, old"\r\na.png,-1,0.5\r\n\r\n"b, c.png", 1 ,\r\n'.encode())
    table = read_attributes(path)
    assert table.columns == ("smiling", "is, old")
    assert table.rows == {"a.png": ["-1", "0.5"], "b, c.png": [" 1 ", ""]}


def test_columns_without_a_name_are_none(images: Images, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,age,,\n5.png,1,,\n")
    table = read_attributes(tmp_path / "a.csv")
    assert attribute_values("age", images, table)[1].tolist() == [1]
    with pytest.raises(DataError, match=r"known here: brightness, contrast, slant, thickness, cat, dog, age$"):
        attribute_values("hat", images, table)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "needs a first line such as image,smiling"),
        (b"image\na.png\n", "needs a first line"),
        (b"image,age\na.png,1\nb.png\n", "line 3: b.png has 1 cells of 2"),
        (b"\x89PNG\r\n", "not a CSV file .*save the table as CSV in UTF-8"),
        (b"image,age\na.png,1\na.png,2\n", "line 3: a.png is there twice"),
        (b"image,age,hat, age\na.png,1,0,2\n", "line 1: has two columns age; give each a name of its own"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_attributes(tmp_path / "a.csv")


def test_infinite_values_are_no_numbers(images: Images) -> None:
    table = AttributeTable(Path("a.csv"), ("age",), {"5.png": [str(math.inf)]})
    with pytest.raises(DataError, match="'inf'"):
        attribute_values("age", images, table)


def test_names_come_back_from_a_table_that_we_wrote(tmp_path: Path) -> None:
    names = ["=1+1.png", "caf\udce9.png", '"a".png', "plain.png"]
    write_csv(tmp_path / "scores.csv", [{"image": name, "=score": -1.5} for name in names])
    table = read_attributes(tmp_path / "scores.csv")
    assert (table.columns, list(table.rows)) == (("=score",), names)


CELEBA = """3
Smiling Wearing_Hat  Young
000001.jpg -1  1  1
000002.jpg  1 -1 -1
000003.jpg -1 -1  1
"""


def test_a_list_as_celeba_has_it_is_its_csv(tmp_path: Path) -> None:
    path, other = tmp_path / "list_attr_celeba.txt", tmp_path / "list_attr_celeba.csv"
    path.write_text(CELEBA)
    lines = [",".join(line.split()) for line in CELEBA.splitlines()[1:]]
    other.write_text("\n".join(["image_id," + lines[0], *lines[1:]]))
    table = read_attributes(path)
    assert table.columns == read_attributes(other).columns == ("Smiling", "Wearing_Hat", "Young")
    assert table.rows == read_attributes(other).rows
    names = ("img_align_celeba/000003.jpg", "img_align_celeba/000001.jpg")
    images = Images(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), names=names)
    assert attribute_values("Young", images, table)[1].tolist() == [1, 1]
    assert attribute_values("Wearing_Hat", images, table)[1].tolist() == [-1, 1]


@pytest.mark.parametrize(
    "text", [CELEBA.replace("\n", "\r\n"), "\ufeff" + CELEBA, CELEBA + "\n\n", CELEBA.replace(" ", "\t")]
)
def test_a_list_as_editors_leave_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.txt").write_bytes(text.encode())
    assert read_attributes(tmp_path / "list.txt").rows["000002.jpg"] == ["1", "-1", "-1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CELEBA.replace("3", "4", 1), "says that it has 4 images, and has 3; was it cut off"),
        (CELEBA[: CELEBA.index("000003")], "says that it has 3 images, and has 2; was it cut off"),
        (CELEBA.replace("1  1  1", "1  1"), "line 3: 000001.jpg has 2 values of 3; repair the line"),
        (CELEBA.replace("000002", "000001"), "line 4: 000001.jpg is there twice"),
        (CELEBA.replace("Young", "Smiling"), "line 2: has two columns Smiling; give each a name of its own"),
        ("3\n", "line 2: needs a name for each attribute"),
    ],
)
def test_a_list_that_was_damaged(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_attributes(tmp_path / "list.txt")


def test_a_value_of_a_list_that_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(CELEBA.replace("-1 -1  1", "-1 yes  1"))
    images = Images(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), names=("000003.jpg",))
    with pytest.raises(DataError, match=r"000003.jpg has 'yes', which is no number"):
        attribute_values("Wearing_Hat", images, read_attributes(tmp_path / "list.txt"))
