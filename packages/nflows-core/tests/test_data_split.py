from __future__ import annotations

import unicodedata

import pytest

from nflows_core.data.split import held_out, split_indices


def test_held_out_does_not_change() -> None:
    # A changed hash would mix training and test images of everybody's earlier runs.
    assert [index for index in range(40) if held_out(str(index))] == [0, 7, 9, 10, 33]
    assert [name for name in (f"cat/{n:03}.png" for n in range(30)) if held_out(name)] == ["cat/007.png"]


def test_a_tenth_is_held_out() -> None:
    assert len(split_indices(10_000, "test")) == pytest.approx(1000, abs=100)


def test_splits_are_disjoint_and_complete() -> None:
    train, test = split_indices(500, "train"), split_indices(500, "test")
    assert sorted([*train, *test]) == list(range(500)) == list(split_indices(500, None))


def test_the_form_of_an_accent_does_not_matter() -> None:
    names = [f"café{n}.png" for n in range(200)]
    decomposed = [unicodedata.normalize("NFD", name) for name in names]
    assert names != decomposed
    assert [held_out(name) for name in names] == [held_out(name) for name in decomposed]


def test_names_that_are_no_unicode_are_hashed() -> None:
    assert held_out("\udcff.png") in (True, False)
