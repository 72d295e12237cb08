"""The parts of a labelled set: whole groups, every class learned, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.data import DataError, LabelledFile, LabelledFiles
from nflows_core.data.parts import held_out, parts_of


def files_of(*rows: tuple[str, str, str], each: int = 3) -> LabelledFiles:
    """So many pictures of each class, group and part."""
    named = [
        LabelledFile(f"{label}/{group}-{number}.png", label, group, f"{label}{group}{number}", part)
        for label, group, part in rows
        for number in range(each)
    ]
    return LabelledFiles(Path("crops"), tuple(named))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=2, max_size=80))
@settings(max_examples=80, deadline=None)
def test_what_is_held_out_are_whole_groups_and_never_all_of_a_class(pairs: list[tuple[int, int]]) -> None:
    labels, numbers = np.array(pairs).T
    groups = np.array([f"g{number}" for number in numbers])
    held = held_out(labels, groups)
    assert not set(groups[held]) & set(groups[~held])
    assert set(labels[~held]) == set(labels)
    assert np.array_equal(held, held_out(labels, groups))


def test_a_class_of_two_groups_is_held_out_by_the_smaller_one() -> None:
    labels = np.array([0] * 20 + [1] * 7)
    groups = np.array([f"g{number}" for number in range(20)] + ["large"] * 4 + ["small"] * 3)
    held = held_out(labels, groups)
    assert set(groups[labels == 1][held[labels == 1]]) == {"small"}
    assert held[labels == 0].sum() == 4


def test_a_split_is_taken_as_it_is() -> None:
    parts = parts_of(files_of(("a", "1", "train"), ("b", "2", "train"), ("a", "3", "val"), ("b", "4", "test")))
    assert {name: set(part.groups) for name, part in parts.named().items()} == {
        "train": {"1", "2"},
        "val": {"3"},
        "test": {"4"},
    }


def test_what_nobody_has_split_is_shared_out_by_whole_groups() -> None:
    rows = [(label, f"{label}{number}", "") for label in "ab" for number in range(5)]
    parts = parts_of(files_of(*rows))
    assert {name: len(set(part.groups)) for name, part in parts.named().items()} == {"train": 6, "val": 2, "test": 2}
    assert sum(map(len, parts.named().values())) == 30


def test_one_fold_is_the_test_and_some_groups_of_the_others_decide() -> None:
    rows = [(label, f"{label}{number}", str(number % 3)) for label in "ab" for number in range(12)]
    parts = parts_of(files_of(*rows), "1")
    assert parts.test is not None
    assert parts.val is not None
    assert set(parts.test.parts) == {"1"}
    assert set(parts.train.parts) | set(parts.val.parts) == {"0", "2"}
    assert not set(parts.train.groups) & set(parts.val.groups)


def test_without_a_group_to_spare_nothing_decides() -> None:
    parts = parts_of(files_of(("a", "1", "train"), ("b", "2", "train"), ("a", "3", "test")))
    assert parts.val is None
    assert "val" not in parts.named()


@pytest.mark.parametrize(
    ("files", "fold", "error", "message"),
    [
        (files_of(("a", "1", "")), None, DataError, "tells apart, and it has a alone"),
        (files_of(("a", "1", ""), ("b", "2", ""), each=1), None, DataError, "the class 'a' has 1 picture,"),
        (files_of(("a", "1", "0"), ("b", "2", "1")), None, ValueError, "split into the folds 0, 1; choose the one"),
        (files_of(("a", "1", "0"), ("b", "2", "1")), "7", ValueError, "split into the folds 0, 1; choose the one"),
        (
            files_of(("a", "1", "0"), ("b", "2", "1")),
            "1",
            DataError,
            "nothing of the class 'b' is in the train",
        ),
        (files_of(("a", "1", ""), ("b", "2", "")), "1", ValueError, "not split into folds; split them first"),
        (files_of(("a", "1", "train"), ("b", "2", "test")), "1", ValueError, "split into test, train, and not into"),
        (
            files_of(("a", "1", "train"), ("b", "2", "train"), ("a", "1", "test")),
            None,
            DataError,
            "pictures of 1 are in train and in test, .* split by whole groups, or name the groups",
        ),
    ],
)
def test_what_cannot_be_learned_or_tested_is_refused(
    files: LabelledFiles, fold: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        parts_of(files, fold)
