"""``nflows agri check`` and ``nflows agri split``: codes, tables, pages and messages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crop_folders import crops, save
from nflows_agri.cli import agri
from nflows_agri.crops.parts import parts_of
from nflows_core.data import DataError, read_labelled
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command
from nflows_core.testing.blots import blot

CLEAN = {"broken": {"a": 3, "b": 3, "c": 2}, "whole": {"a": 2, "d": 4, "e": 3}}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clean() -> Path:
    return crops(Path("data"), CLEAN)


@pytest.fixture
def disputed(clean: Path) -> Path:
    """The first crop stands in the other class too."""
    save(clean / "whole" / "a_90.png", blot(1))
    return clean


# check


def test_a_clean_set_is_checked_with_exit_code_0(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(agri, "check", clean) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Classes:"
    assert re.split(r"\s{2,}", lines[2]) == ["broken", "8", "8", "3", "3", "0.375"]


def test_conflicts_are_named_with_exit_code_1_and_shown_as_pictures(
    disputed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(agri, "check", disputed, "-o", "report", "--json") == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(Path("report/report.json").read_text())
    (row,) = printed["tables"]["Pictures in two classes"]
    assert row == {
        "first": "broken/a_1.png",
        "second": "whole/a_90.png",
        "classes": ["broken", "whole"],
        "how": "same bytes",
    }
    page = Path("report/report.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "broken/a_1.png, whole/a_90.png" in page


def test_what_cannot_be_read_and_what_is_no_picture_are_named(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clean / "whole" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (clean / "whole" / "no\x1b[31mtes.txt").touch()
    assert call_command(agri, "check", clean) == 1
    printed = capsys.readouterr().out
    assert "whole/cut.jpg  " in printed
    assert r"whole/no\x1b[31mtes.txt" in printed
    assert printed.splitlines()[-1] == "1 files cannot be read"


def test_a_report_is_not_written_into_a_folder_of_others(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(agri, "check", clean, "-o", clean) == 2
    assert "has files without the mark of an nflows command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "Path 'missing' does not exist"),
        (["data", "--group", "("], "--group is no regular expression"),
        (["data", "--root", "data"], "--root is of a table, and data is a folder"),
        (["data", "--columns", "tile"], "'tile' says no columns; give some such as group=tile,item=tile"),
        (["empty"], "empty: holds no pictures; is it the right folder?"),
    ],
)
def test_data_that_cannot_be_read_is_refused_in_the_words_of_the_command(
    clean: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    assert call_command(agri, "check", *arguments) == 2
    assert message in capsys.readouterr().err


# split


def test_a_split_keeps_photographs_whole_and_is_the_same_for_the_same_seed(
    clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(agri, "split", clean, "-o", "one.csv", "--folds", 3, "--seed", 4) == 0
    assert "no share of a class is further than" in capsys.readouterr().out
    assert call_command(agri, "split", clean, "-o", "two.csv", "--folds", 3, "--seed", 4) == 0
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    rows = read_csv("one.csv")
    assert sorted({row["part"] for row in rows}) == ["1", "2", "3"]
    assert len({(row["group"], row["part"]) for row in rows}) == len({row["group"] for row in rows}) == 5
    assert {row["root"] for row in rows} == {"data"}
    assert call_command(agri, "check", "one.csv") == 0


def test_the_order_of_a_table_changes_no_split(clean: Path) -> None:
    assert call_command(agri, "split", clean, "-o", "folder.csv", "--folds", 2) == 0
    head, *rows = Path("folder.csv").read_text().splitlines()
    Path("turned.csv").write_text("\n".join([head, *reversed(rows)]))
    assert call_command(agri, "split", "turned.csv", "-o", "again.csv", "--folds", 2) == 0
    assert Path("again.csv").read_text() == Path("folder.csv").read_text()


def test_conflicts_stop_a_split_until_they_are_settled(disputed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(agri, "split", disputed, "-o", "split.csv", "--folds", 2) == 2
    message = capsys.readouterr().err
    assert "settle them by nflows agri split --conflicts: drop leaves both out, keep=broken,whole keeps" in message
    assert not Path("split.csv").exists()
    assert call_command(agri, "split", disputed, "-o", "split.csv", "--folds", 2, "--conflicts", "keep=whole") == 0
    assert "left out, their picture stands in another class too: broken/a_1.png" in capsys.readouterr().err
    assert len(read_csv("split.csv")) == 17


def test_a_split_by_file_warns_and_is_found_to_be_straddled(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["--parts", "train=.5,test=.5"]
    assert call_command(agri, "split", clean, "-o", "leak.csv", "--by", "file", *parts) == 0
    assert "what is tested was trained on" in capsys.readouterr().err
    assert call_command(agri, "check", "leak.csv") == 1
    assert "straddle the parts of the split" in capsys.readouterr().out
    with pytest.raises(DataError, match="which are not independent"):
        parts_of(read_labelled("leak.csv"))
    assert parts_of(read_labelled("leak.csv", group="(.*/.*)")).test is not None


def test_a_set_whose_photographs_tell_the_class_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    data = crops(Path("data"), {"broken": {"a": 4, "b": 4}, "whole": {"c": 4, "d": 4}})
    assert call_command(agri, "split", data, "-o", "split.csv", "--folds", 2) == 0
    assert "4 of 4 photographs hold one class only" in capsys.readouterr().err


def test_photographs_of_one_thing_stay_together_and_are_named(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(clean / "broken" / "f_91.jpg", blot(1), quality=92)
    assert call_command(agri, "split", clean, "-o", "split.csv", "--folds", 2, "--json") == 0
    captured = capsys.readouterr()
    assert "photographs that show the same things stay together: a and f (1)" in captured.err
    assert json.loads(captured.out)["pictures"] == 18
    files = read_labelled("split.csv")
    assert {file.group for file in files.files if file.name in ("broken/a_1.png", "broken/f_91.jpg")} == {"a"}


def test_files_that_cannot_be_read_are_left_out_with_exit_code_1(
    clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clean / "whole" / "d_99.png").write_bytes(b"")
    assert call_command(agri, "split", clean, "-o", "split.csv", "--folds", 2) == 1
    assert "left out, cannot be read: whole/d_99.png (is empty" in capsys.readouterr().err
    assert len(read_csv("split.csv")) == 17


def test_a_table_that_is_no_split_is_not_replaced(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("labels.csv").write_text("file,class\n")
    assert call_command(agri, "split", clean, "-o", "labels.csv") == 2
    assert "labels.csv is there and is no split; move it" in capsys.readouterr().err
    assert Path("labels.csv").read_text() == "file,class\n"
    assert call_command(agri, "split", clean, "-o", "nowhere/split.csv") == 2
    assert "nowhere is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--parts", "train"], "'train' does not give each part its share"),
        (["--parts", "a=.5,a=.5"], "'a=.5,a=.5' does not give each part its share"),
        (["--parts", "a=.5,b=.6"], "--parts must be shares above 0 whose sum is 1, got a=0.5, b=0.6"),
        (["--parts", "a=nan,b=.5"], "--parts must be shares above 0 whose sum is 1"),
        (["--folds", "2", "--parts", "a=.5,b=.5"], "--parts and --folds both say the parts"),
        (
            ["--folds", "4"],
            "the class broken lies in 3 photographs that show nothing of each other, and each of 4",
        ),
        (["--conflicts", "keep="], "'keep=' is none of refuse, drop and keep=CLASS,..."),
        (["--folds", "2", "--conflicts", "keep=silk"], "--conflicts: silk is no class; the classes are broken, whole"),
    ],
)
def test_a_split_that_cannot_be_is_refused(
    clean: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(agri, "split", clean, "-o", "split.csv", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("split.csv").exists()


@pytest.mark.real_data
def test_tiles_and_signs_are_split_with_the_views_of_one_thing_together(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiles = data_folder / "agri" / "tiles" / "tiles.csv"
    columns = ["--columns", "group=tile,item=tile"]
    assert call_command(agri, "split", tiles, "-o", "tiles.csv", *columns, "--conflicts", "drop") == 0
    split = read_labelled("tiles.csv")
    assert set(split.parts) == {"train", "val", "test"}
    assert len({(file.item, file.part) for file in split.files}) == len(set(split.items)) == 65
    signs = [data_folder / "agri" / "tracks", "--group", r"(?P<item>(?P<class>.+)-\d+)"]
    assert call_command(agri, "split", *signs, "-o", "signs.csv", "--folds", 2) == 2
    assert "the class restrictions_end lies in 1 photographs" in capsys.readouterr().err
