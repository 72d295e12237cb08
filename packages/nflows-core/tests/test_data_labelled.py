"""Labelled files: what folders, tables and names say of pictures, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nflows_core.data import DataError, LabelledFile, LabelledFiles, images_of, read_labelled
from nflows_core.data.labelled_images import whole
from nflows_core.runtime.report import write_csv

SIGNS = r"(?P<item>(?P<class>.+)-\d+)"


def save(path: Path, colour: tuple[int, int, int] = (9, 8, 7), size: tuple[int, int] = (4, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    for name in ("whole/tray1_1", "whole/tray1_2", "broken/tray1_3", "broken/tray2_1"):
        save(tmp_path / "crops" / f"{name}.png")
    return tmp_path / "crops"


@pytest.fixture
def table(crops: Path) -> Callable[[str | bytes], Path]:
    """Writes a table beside the crops."""

    def write(text: str | bytes) -> Path:
        path = crops / "table.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


# Folders


def test_the_folder_is_the_class_and_the_stem_without_its_last_number_the_group(crops: Path) -> None:
    files = read_labelled(crops)
    assert files.classes == ("broken", "whole")
    assert files.files[0] == LabelledFile("broken/tray1_3.png", "broken", "tray1", "broken/tray1_3.png")
    assert files.labels.tolist() == [0, 0, 1, 1]
    assert files.labels.dtype == np.int64
    assert files.groups.tolist() == ["tray1", "tray2", "tray1", "tray1"]
    assert files.path(files.files[0]) == crops / "broken/tray1_3.png"


@pytest.mark.parametrize(
    ("stem", "group"),
    [
        ("IMG_20161016_124705064_395", "IMG_20161016_124705064"),
        ("tray 2 (17)", "tray 2"),
        ("a-b-007", "a-b"),
        ("0395", "0395"),
        ("IMG12", "IMG12"),
        ("_12", "_12"),
        ("a_1_2", "a_1"),
        ("a" + "_" * 200 + "x", "a" + "_" * 200 + "x"),
        ("seed", "seed"),
    ],
)
def test_a_number_goes_only_where_it_stands_apart(tmp_path: Path, stem: str, group: str) -> None:
    save(tmp_path / "seeds" / f"{stem}.png")
    assert read_labelled(tmp_path).groups.tolist() == [group]


def test_folders_in_a_class_and_files_of_one_name_in_two_classes_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/x/1.png", "a/y/1.png", "b/x/1.png"):
        save(tmp_path / name)
    files = read_labelled(tmp_path, group="([^/]+)/[^/]+$")
    assert [file.item for file in files.files] == ["a/x/1.png", "a/y/1.png", "b/x/1.png"]
    assert files.groups.tolist() == ["x", "y", "x"]


def test_folders_of_a_split_are_parts_and_no_classes(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        save(tmp_path / part / "whole" / f"{part}.png")
    files = read_labelled(tmp_path)
    assert files.classes == ("whole",)
    assert sorted(files.parts.tolist()) == ["test", "train", "val"]


def test_views_of_one_thing_are_read_without_folders_of_classes(tmp_path: Path) -> None:
    for name in ("far/stop-017.png", "near/stop-017.png", "near/give_way-3.png"):
        save(tmp_path / name)
    files = read_labelled(tmp_path, group=SIGNS)
    assert files.classes == ("give_way", "stop")
    assert files.items.tolist() == files.groups.tolist() == ["stop-017", "give_way-3", "stop-017"]


def test_a_class_alone_is_no_group(tmp_path: Path) -> None:
    save(tmp_path / "stop_2-017.png")
    assert read_labelled(tmp_path, group=r"(?P<class>[a-z]+)_\d").groups.tolist() == ["stop_2"]


def test_what_is_no_picture_is_listed_and_what_systems_leave_is_not(crops: Path) -> None:
    for name in ("notes.txt", "whole/Thumbs.db", ".hidden.png"):
        (crops / name).write_text("x")
    assert read_labelled(crops).others == ("notes.txt",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loose.png", "loose.png has no class \\(1 such\\); move it into the folder of its class"),
        ("empty/", "the folder empty holds no pictures; fill or remove it"),
        ("val/a.png", "the folders val may be splits or classes"),
    ],
)
def test_folders_that_make_no_sense_are_refused(crops: Path, name: str, message: str) -> None:
    (crops / name).mkdir(parents=True) if name.endswith("/") else save(crops / name)
    with pytest.raises(DataError, match=message):
        read_labelled(crops)


def test_a_folder_without_pictures_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures; is it the right folder"):
        read_labelled(tmp_path)
    with pytest.raises(DataError, match="no such file or folder; give a folder with one folder a class, or a CSV"):
        read_labelled(tmp_path / "missing")


def test_a_folder_that_a_link_leads_to_again_is_refused(crops: Path) -> None:
    (crops / "whole_again").symlink_to(crops / "whole")
    with pytest.raises(DataError, match="a link leads to a folder that is read already"):
        read_labelled(crops)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("(", "`group` is no regular expression: "),
        ("tray", "`group` needs a parenthesis around what the group is"),
        ("(?P<tray>.*)", "`group` has a parenthesis named tray, and knows class, group, item"),
        ("^(tray1)", "1 files are not called as `group` says, such as broken/tray2_1.png"),
    ],
)
def test_an_expression_that_names_no_group_is_refused(crops: Path, group: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labelled(crops, group=group)


# Tables


@pytest.mark.parametrize(
    "text",
    [
        "file,class\nwhole/tray1_1.png,whole\nbroken/tray1_3.png,broken\n",
        "\ufefffile;class\r\nwhole/tray1_1.png;whole\r\n\r\nbroken/tray1_3.png;broken\r\n",
        'Class\tFile\nwhole\t"whole/tray1_1.png"\nbroken\t./broken/tray1_3.png\n',
        "class,file,seen\nwhole,whole\\tray1_1.png,\nbroken,broken\\tray1_3.png,5\n",
    ],
)
def test_tables_as_programs_write_them_say_the_same(table: Callable[[str], Path], text: str) -> None:
    files = read_labelled(table(text))
    assert [file[:3] for file in files.files] == [
        ("whole/tray1_1.png", "whole", "tray1"),
        ("broken/tray1_3.png", "broken", "tray1"),
    ]


def test_columns_say_group_item_and_part_under_their_own_names(table: Callable[[str], Path]) -> None:
    path = table("file,class,tile,part\nwhole/tray1_1.png,whole,7,train\nwhole/tray1_2.png,whole,,test\n")
    files = read_labelled(path, columns={"item": "tile"})
    assert files.files[0] == LabelledFile("whole/tray1_1.png", "whole", "7", "7", "train")
    assert files.files[1] == LabelledFile("whole/tray1_2.png", "whole", "tray1", "whole/tray1_2.png", "test")


def test_masks_beside_the_pictures_of_a_table_are_no_pictures(crops: Path, table: Callable[[str], Path]) -> None:
    save(crops / "whole" / "tray1_1_mask.png")
    assert len(read_labelled(table("file,class\nwhole/tray1_1.png,whole\n"))) == 1


def test_a_root_is_found_from_the_table_or_said(crops: Path, tmp_path: Path) -> None:
    path = tmp_path / "splits" / "split.csv"
    path.parent.mkdir()
    write_csv(path, [{"file": "whole/tray1_1.png", "class": "whole", "root": "../crops"}])
    assert read_labelled(path).root.resolve() == crops
    path.write_text("file,class,root\nwhole/tray1_1.png,whole,gone\n")
    with pytest.raises(DataError, match="its root gone is no folder as seen from the table; say where by `root`"):
        read_labelled(path)
    assert read_labelled(path, root=crops).root == crops


def test_files_of_any_name_are_found_in_a_table_that_was_written(tmp_path: Path) -> None:
    names = ["=1+1_1", " a ", 'b,"c"', "d\ne", "f\\g", "\x1b[31m", "\udce9", "@x", "ä", "-1", "h;i", "'"]
    names = [f"{name}.png" for name in names]
    for name in names:
        save(tmp_path / "grain" / "x.png").rename(tmp_path / "grain" / name)
    write_csv(tmp_path / "table.csv", [{"file": f"grain/{name}", "class": "grain"} for name in names])
    assert [file.name for file in read_labelled(tmp_path / "table.csv").files] == [f"grain/{name}" for name in names]
    assert {file.name for file in read_labelled(tmp_path).files} == {f"grain/{name}" for name in names}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a table has a line with the names of its columns"),
        ("name,class\na,b\n", "has no column file, but name,? class; name it so, or say by `columns`"),
        ("file,class\n", "has a header and no rows"),
        ("file,class,class\na,b,c\n", "has 2 columns class"),
        ("file,class\nwhole/tray1_1.png\n", "line 2: has 1 cells, fewer than the header"),
        ("file,class\nwhole/tray1_1.png, \n", "line 2: the class is empty"),
        (
            "file,class\n../crops/whole/tray1_1.png,a\n",
            r"line 2: \.\./crops/whole/.* is no path below the root",
        ),
        ("file,class\n/etc/passwd,a\n", "line 2: /etc/passwd is no path below the root"),
        ("file,class\nC:\\seeds\\a.png,a\n", "line 2: C:/seeds/a.png is no path below the root"),
        ("file,class\nwhole/a.png,a\nwhole/b.png,a\n", "2 of its files are not in .*: whole/a.png, whole/b.png"),
        (
            "file,class\nwhole/tray1_1.png,a\n./whole/tray1_1.png,b\n",
            "whole/tray1_1.png stands in the lines 2 and 3; leave one of them",
        ),
        ('file,class\n"whole/tray1_1.png"x,a\n', "is no CSV that can be read"),
        ("file,class,root\nwhole/tray1_1.png,a,.\nwhole/tray1_2.png,a,..\n", r"names several roots, such as \. and"),
        ("file,class\nwhole,a\n", "1 of its files are not in"),
        (b"file,class\nwhole/caf\xe9.png,a\n", "is no text in UTF-8"),
        ("file,class\n".encode("utf-16"), "is no text in UTF-8"),
    ],
)
def test_tables_that_cannot_be_are_refused(
    table: Callable[[str | bytes], Path], text: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_labelled(table(text))


def test_arguments_that_do_not_fit_the_source_are_refused(crops: Path, table: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match=r"`root` is of a table, and .* is a folder"):
        read_labelled(crops, root=crops)
    with pytest.raises(ValueError, match="`columns` has tile, and a table has file, class"):
        read_labelled(table("file,class\n"), columns={"tile": "group"})


@given(text=st.text())
def test_no_table_of_any_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(DataError):
        read_labelled(path)


# What is selected


def test_a_selection_keeps_the_classes_of_the_whole(crops: Path) -> None:
    files = read_labelled(crops)
    some = files.select(files.groups == "tray2")
    assert [file.name for file in some.files] == ["broken/tray2_1.png"]
    assert some.classes == ("broken", "whole")
    assert [file.name for file in files.select([2, 0]).files] == ["whole/tray1_1.png", "broken/tray1_3.png"]
    assert len(files.select([])) == 0


def test_a_file_of_a_class_that_is_not_listed_is_refused() -> None:
    with pytest.raises(DataError, match="a is none of the classes b"):
        LabelledFiles(Path("x"), (LabelledFile("a/1.png", "a", "1", "1"),), ("b",))


# Pictures


def test_a_picture_keeps_its_shape_on_the_colour_of_its_border() -> None:
    pixels = np.full((4, 8, 3), (10, 20, 30), np.uint8)
    pixels[1:3, 2:6] = 200
    square = whole(pixels, 4)
    assert square[0].tolist() == square[3].tolist() == [[10, 20, 30]] * 4
    assert np.abs(square[1:3].mean((0, 1)) - pixels.mean((0, 1))).max() <= 3  # the border weighs less or more


@given(height=st.integers(1, 40), width=st.integers(1, 40), side=st.integers(1, 16), value=st.integers(0, 255))
def test_a_plain_picture_of_any_size_is_a_plain_square(height: int, width: int, side: int, value: int) -> None:
    assert (whole(np.full((height, width, 3), value, np.uint8), side) == value).all()


@given(height=st.integers(1, 40), width=st.integers(1, 40), side=st.integers(1, 16), seed=st.integers(0, 99))
def test_a_picture_that_is_turned_becomes_a_square_that_is_turned(
    height: int, width: int, side: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    difference = whole(np.rot90(pixels).copy(), side).astype(int) - np.rot90(whole(pixels, side))
    assert np.abs(difference).max() <= 1  # one pass is rounded before the other


def test_pictures_of_any_size_become_images_with_labels(tmp_path: Path) -> None:
    save(tmp_path / "a" / "1.png", (1, 2, 3), (5, 9))
    Image.new("L", (30, 2), 7).save(save(tmp_path / "b" / "2.png"))
    images = images_of(read_labelled(tmp_path), 6)
    assert images.shape == (3, 6, 6)
    assert images.pixels[:, :, 3, 3].tolist() == [[1, 2, 3], [7, 7, 7]]
    assert images.labels is not None
    assert (images.labels.tolist(), images.classes, images.names) == ([0, 1], ("a", "b"), ("a/1.png", "b/2.png"))


def test_bad_files_are_named_together(crops: Path) -> None:
    (crops / "whole" / "tray1_1.png").write_bytes(b"")
    (crops / "broken" / "tray1_3.png").write_text("no picture")
    with pytest.raises(DataError, match=r"2 pictures cannot be used.*1_3.png: not a picture.*1_1.png: is empty"):
        images_of(read_labelled(crops), 8)


def test_no_pictures_and_no_side_are_refused(crops: Path) -> None:
    files = read_labelled(crops)
    with pytest.raises(DataError, match="none of its pictures was chosen"):
        images_of(files.select([]), 8)
    with pytest.raises(ValueError, match="`side` must be at least 1, got 0"):
        images_of(files, 0)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("source", "arguments", "counts"),
    [
        ("wheat-crops", {}, (7139, 5, 62, 7139)),
        ("tiles/tiles.csv", {"columns": {"group": "tile", "item": "tile"}}, (353, 4, 65, 65)),
        ("tracks", {"group": SIGNS}, (600, 30, 300, 300)),
    ],
)
def test_real_sets_are_read(
    data_folder: Path, source: str, arguments: dict[str, object], counts: tuple[int, ...]
) -> None:
    files = read_labelled(data_folder / "agri" / source, **arguments)  # type: ignore[arg-type]
    assert (len(files), len(files.classes), len(set(files.groups)), len(set(files.items))) == counts
