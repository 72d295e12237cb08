"""Duplicates: the same picture in any form is found, and different crops are not taken for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crop_folders import crops, save
from nflows_agri.crops.checking import check_data
from nflows_agri.crops.confounding import confounding, cramers_v
from nflows_core.data import LabelledFile, LabelledFiles, read_labelled
from nflows_core.data.duplicates import Duplicates, Pair
from nflows_core.testing.blots import blot


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, and of the first crop of the first: the same bytes, the same pixels in the other class, a JPEG."""
    folder = crops(tmp_path_factory.mktemp("data"), {"whole": {"a": 8}, "broken": {"b": 8}})
    first = folder / "whole" / "a_1.png"
    (folder / "whole" / "a_90.png").write_bytes(first.read_bytes())
    save(folder / "broken" / "b_91.png", blot(1), compress_level=0)
    save(folder / "broken" / "c_92.jpg", np.ascontiguousarray(blot(10)[::-1]), quality=90)
    (folder / "whole" / "a_93.png").write_bytes(b"no picture")
    return folder


def named(duplicates: Duplicates, pairs: list[Pair]) -> set[tuple[str, str, str]]:
    files = duplicates.files.files
    return {(files[pair.first].name, files[pair.second].name, pair.kind) for pair in pairs}


def test_each_kind_of_duplicate_is_told_apart(data: Path) -> None:
    found = check_data(read_labelled(data)).duplicates
    assert named(found, found.conflicts) == {("broken/b_91.png", "whole/a_1.png", "same pixels")}
    assert named(found, found.exact) == {("whole/a_1.png", "whole/a_90.png", "same bytes")}
    assert named(found, found.near) == {("broken/b_10.png", "broken/c_92.jpg", "near pixels")}
    assert found.shared == {("a", "b"): 1, ("b", "c"): 1}
    assert [[found.files.files[at].name for at in places] for places in found.disputed] == [
        ["broken/b_91.png", "whole/a_1.png", "whole/a_90.png"]
    ]


def test_what_is_found_is_counted_and_what_cannot_be_read_is_named(data: Path) -> None:
    found = check_data(read_labelled(data))
    assert found.problems == ["1 pairs of one picture stand in two classes", "1 files cannot be read"]
    tables = {table.caption: table.rows for table in found.tables()}
    (unreadable,) = tables["Files that cannot be read"]
    assert unreadable["file"] == "whole/a_93.png"
    assert "not a picture" in str(unreadable["why"])
    broken = tables["Classes"][0]
    assert broken["photographs"] == 2
    assert broken["independent_photographs"] == 1


def test_a_split_that_is_straddled_is_a_problem(tmp_path: Path) -> None:
    crops(tmp_path, {"whole": {"a": 3, "b": 3}})
    files = read_labelled(tmp_path)
    parts = tuple(file._replace(part="test" if file.name == "whole/a_1.png" else "train") for file in files.files)
    found = check_data(LabelledFiles(tmp_path, parts))
    assert found.straddling == [{"what": "photograph", "names": ["a"], "parts": ["test", "train"]}]
    assert found.problems == ["1 photographs, things or duplicates straddle the parts of the split"]


def test_a_class_that_comes_from_one_photograph_is_noted(tmp_path: Path) -> None:
    crops(tmp_path, {"whole": {"a": 3, "b": 2}, "silkcut": {"c": 6, "d": 1}})
    (note,) = check_data(read_labelled(tmp_path)).notes[1:]
    assert note.startswith("86% of silkcut come from one photograph, or several of the same things")


def test_a_class_of_one_picture_is_a_problem_by_its_name(tmp_path: Path) -> None:
    crops(tmp_path, {"whole": {"a": 3}, "silkcut": {"a": 1}})
    assert check_data(read_labelled(tmp_path)).problems == ["the class silkcut has 1 pictures, and needs 2"]


def test_a_picture_that_is_there_many_times_makes_no_more_pairs_than_files(tmp_path: Path) -> None:
    for at in range(30):
        save(tmp_path / "ab"[at % 2] / f"{at}.png", blot(0))
    pairs = check_data(read_labelled(tmp_path)).duplicates
    assert len(pairs.pairs) == 29
    assert len(pairs.conflicts) == 1
    assert [len(places) for places in pairs.disputed] == [30]


# Class and photograph


def labelled(table: dict[str, dict[str, int]]) -> LabelledFiles:
    files = [(label, group) for label, counts in table.items() for group, n in counts.items() for _ in range(n)]
    return LabelledFiles(Path(), tuple(LabelledFile(f"{at}", *pair, f"{at}") for at, pair in enumerate(files)))


def test_cramers_v_is_one_where_the_photograph_tells_the_class_and_zero_where_it_does_not() -> None:
    assert cramers_v(np.diag([50, 50, 50])) == pytest.approx(1)
    assert cramers_v(np.full((4, 3), 25)) == 0
    assert cramers_v(np.array([[5, 9]])) == 0


def test_cramers_v_of_a_table_worked_by_hand() -> None:
    # chi2 / n = 0.36 at n = 100: (0.36 - 1 / 99) / (2 - 1 / 99 - 1) = 0.353535... by Bergsma's formula.
    assert cramers_v(np.array([[40, 10], [10, 40]])) ** 2 == pytest.approx((0.36 - 1 / 99) / (1 - 1 / 99))


@settings(max_examples=50)
@given(st.integers(0, 999))
def test_cramers_v_of_chance_is_near_zero_however_many_photographs(seed: int) -> None:
    table = np.random.default_rng(seed).multinomial(6, [0.5, 0.3, 0.2], size=60)
    assert 0 <= cramers_v(table) < 0.35
    assert cramers_v(table[:, ::-1]) == pytest.approx(cramers_v(table))


def test_confounding_counts_what_the_others_of_a_photograph_tell() -> None:
    told = confounding(labelled({"whole": {"a": 5, "b": 1}, "broken": {"b": 3, "c": 1}}))
    assert (told.groups, told.groups_of_one_class) == (3, 2)
    assert told.accuracy == pytest.approx((5 + 3) / 10)  # c has no others; b tells its three, and its one wrongly
    assert told.chance == pytest.approx(0.6)
    assert not told.is_strong


def test_things_of_their_own_photograph_are_not_confounded_however_many_views_there_are() -> None:
    views = [LabelledFile(f"{at}", "ab"[at % 2], f"{at // 4}", f"{at // 4}") for at in range(0, 40, 2)]
    told = confounding(LabelledFiles(Path(), tuple(views)))
    assert (told.groups, told.accuracy, told.is_strong) == (10, 0, False)


def test_a_tie_tells_nothing_and_one_photograph_is_not_confounded() -> None:
    told = confounding(labelled({"whole": {"a": 2}, "broken": {"a": 2}}))
    assert (told.accuracy, told.is_strong) == (0, False)


# Real crops


@pytest.mark.real_data
def test_the_wheat_crops_have_143_conflicts_two_duplicates_and_photographs_of_the_same_tray(data_folder: Path) -> None:
    files = read_labelled(data_folder / "agri" / "wheat-crops")
    again = ("131740", "131817")
    stamps = ("124705064", "124844783", "144558768", "144716287", "122456328", "123346544", *again)
    found = check_data(files.select(np.isin(files.groups, [f"IMG_20161016_{stamp}" for stamp in stamps]))).duplicates
    assert len(found.conflicts) == 143
    assert {pair.kind for pair in found.conflicts} == {"same bytes"}
    assert [found.files.files[pair.second].name for pair in found.exact] == [
        "grain/IMG_20161016_122456328_39.jpg",
        "grain/IMG_20161016_123346544_313.jpg",
    ]
    near = Counter(tuple(sorted({found.files.files[at].group[-6:] for at in pair[:2]})) for pair in found.near)
    assert set(near) <= {again, ("558768", "716287")}
    assert near[again] > 10
