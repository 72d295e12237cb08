"""Folds of groups: none is divided, they are as even as can be, and a seed decides them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.data import DataError, LabelledFile, LabelledFiles, folds, grouped_split, read_labelled, write_labelled
from nflows_core.data.assignment import assign


def files_of(*groups: str) -> LabelledFiles:
    """Pictures by the classes of each group, a letter for each picture."""
    rows = [
        LabelledFile(f"{number}-{place}.png", label, f"g{number}", f"{number}-{place}")
        for number, labels in enumerate(groups)
        for place, label in enumerate(labels)
    ]
    return LabelledFiles(Path("scenes"), tuple(rows))


def counts(split: LabelledFiles) -> dict[str, list[int]]:
    """How many pictures of each class each part has."""
    return {
        str(part): np.bincount(split.labels[split.parts == part], minlength=len(split.classes)).tolist()
        for part in np.unique(split.parts)
    }


drives = st.lists(st.text("ab", min_size=1, max_size=6), max_size=20).map(lambda mixed: files_of(*mixed, *"ab" * 4))


@given(files=drives, count=st.integers(2, 4), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_no_group_straddles_no_file_is_lost_and_a_seed_decides(files: LabelledFiles, count: int, seed: int) -> None:
    split = grouped_split(files, folds(count), seed)
    assert [file._replace(part="") for file in split.files] == list(files.files)
    assert set(split.parts) == set(folds(count))
    for group in set(files.groups):
        assert len(set(split.parts[split.groups == group])) == 1
    assert all(min(of_part) > 0 for of_part in counts(split).values()), "each fold has each class"
    assert grouped_split(files, folds(count), seed).files == split.files


@given(
    sizes=st.lists(st.lists(st.integers(1, 6), min_size=4, max_size=25), min_size=1, max_size=3),
    count=st.integers(2, 4),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_folds_differ_by_no_more_than_the_largest_group(sizes: list[list[int]], count: int, seed: int) -> None:
    """Where they differed by more, a group could move."""
    groups = [label * size for label, own in zip("abc", sizes, strict=False) for size in own]
    by_class = np.array([*counts(grouped_split(files_of(*groups), folds(count), seed)).values()])
    assert (np.ptp(by_class, axis=0) <= [max(own) for own in sizes]).all()


def test_folds_of_groups_of_any_size_are_as_even_as_can_be() -> None:
    # 9 + 1, 8 + 2, 7 + 3, as the largest first would be placed too; and 4 + 4 + 2, 5 + 5, 6 + 3 + 1, as they would not.
    for sizes in ([9, 8, 7, 3, 2, 1], [6, 5, 5, 4, 4, 3, 2, 1]):
        parts = assign(np.array(sizes)[:, None], np.full(3, 1 / 3))
        assert np.bincount(parts, weights=sizes).tolist() == [10, 10, 10]


def test_parts_have_the_shares_that_were_asked_for_of_rare_classes_too() -> None:
    split = grouped_split(files_of(*["a" * 20] * 40, *["bb"] * 40), {"train": 0.7, "val": 0.15, "test": 0.15})
    assert counts(split) == {"train": [560, 56], "val": [120, 12], "test": [120, 12]}


def test_another_seed_gives_other_folds() -> None:
    files = files_of(*["aab"] * 12)
    assert grouped_split(files, folds(3), 0).files != grouped_split(files, folds(3), 1).files


def test_what_is_not_divided_may_be_more_than_the_groups_of_the_files() -> None:
    files = files_of(*["ab"] * 6)
    pairs = np.arange(len(files)) // 4
    parts = grouped_split(files, folds(3), groups=pairs).parts
    assert all(len(set(parts[pairs == pair])) == 1 for pair in range(3))


def test_a_split_is_read_as_it_was_made_wherever_it_lies(tmp_path: Path) -> None:
    files = replace(files_of(*["aab"] * 6), root=tmp_path / "data")
    files.root.mkdir()
    for file in files.files:
        files.path(file).touch()
    (tmp_path / "splits").mkdir()
    split = grouped_split(files, folds(2))
    write_labelled(tmp_path / "splits" / "one.csv", split)
    read = read_labelled(tmp_path / "splits" / "one.csv")
    assert read.files == split.files
    assert read.root.resolve() == files.root.resolve()
    (tmp_path / "splits").rename(tmp_path / "moved")
    assert read_labelled(tmp_path / "moved" / "one.csv").files == split.files


@pytest.mark.parametrize(
    ("files", "parts", "error", "message"),
    [
        (files_of("a", "a", "b"), folds(2), DataError, "the class b lies in 1 groups .* make more groups of it"),
        (files_of("a", "a", "a", "b", "b"), folds(3), DataError, "the class b lies in 2 groups .* make fewer parts"),
        (files_of("ab", "a", "b", "ab"), {"one": 1.0}, ValueError, "`parts` must be two or more"),
        (files_of("ab", "ab"), {"one": 0.7, "two": 0.7}, ValueError, "whose sum is 1, got one=0.7, two=0.7"),
        (files_of("ab", "bc", "ca"), folds(2), DataError, "too many classes share groups"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(
    files: LabelledFiles, parts: dict[str, float], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        grouped_split(files, parts)


def test_one_fold_is_none() -> None:
    with pytest.raises(ValueError, match="`folds` must be at least 2, got 1"):
        folds(1)
