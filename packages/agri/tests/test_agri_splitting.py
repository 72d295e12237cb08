"""Splits: nothing that shows the same is divided, no file is lost, and every part has its share of every class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nflows_agri.crops.checking import DataCheck, blocks
from nflows_agri.crops.confounding import confounding
from nflows_agri.crops.splitting import Split, make_split
from nflows_core.data import DataError, LabelledFile, LabelledFiles, folds
from nflows_core.data.duplicates import Duplicates, Kind, Pair

PARTS = {"train": 0.7, "val": 0.15, "test": 0.15}
Said = Sequence[tuple[str, str, str]]


def checked(said: Said, pairs: Sequence[tuple[int, int, Kind]] = (), root: Path = Path()) -> DataCheck:
    """What a check finds of files of these classes, photographs and things, with these duplicates."""
    files = LabelledFiles(root, tuple(LabelledFile(f"{at:04}.png", *words) for at, words in enumerate(said)))
    return DataCheck(files, {}, Duplicates(files, tuple(Pair(*pair) for pair in pairs)), confounding(files))


def trays(photographs: int, each: int, classes: str = "abc") -> Said:
    """So many photographs of each class, of so many crops."""
    return [(c, f"{c}{n}", f"{c}{n}-{i}") for c in classes for n in range(photographs) for i in range(each)]


@st.composite
def data_sets(draw: st.DrawFn) -> DataCheck:
    sizes = st.lists(st.integers(1, 5), min_size=4, max_size=9)
    said = [
        (label, f"{label}{n}", draw(st.sampled_from(["", f"{label}{n}"])) or f"{label}{n}-{i}")
        for label in "ab"
        for n, size in enumerate(draw(sizes))
        for i in range(size)
    ]
    mixed = [(draw(st.sampled_from("ab")), "mixed", f"mixed-{i}") for i in range(draw(st.integers(0, 4)))]
    ends = st.lists(st.tuples(st.integers(0, len(said) - 1), st.integers(0, len(said) - 1)), max_size=3)
    pairs = [(min(one), max(one)) for one in draw(ends)]
    same = [(low, high) for low, high in pairs if low < high and said[low][0] == said[high][0]]
    return checked([*said, *mixed], [(*one, "near pixels") for one in same])


@settings(max_examples=60, deadline=None)
@given(check=data_sets(), seed=st.integers(0, 9), count=st.integers(2, 3))
def test_every_file_is_in_one_part_and_nothing_that_shows_the_same_in_two(
    check: DataCheck, seed: int, count: int
) -> None:
    try:
        split = make_split(check, folds(count), seed=seed)
    except DataError as error:
        assume("lies in" not in str(error))
        raise
    assert [file.name for file in split.files.files] == [file.name for file in check.files.files]
    parts = split.files.parts
    assert set(parts) == {str(number) for number in range(1, count + 1)}
    for names in (check.files.groups, check.files.items, split.files.groups, blocks(check.files, check.duplicates)):
        assert all(len(set(parts[names == name])) == 1 for name in set(names.tolist()))
    assert all(parts[pair.first] == parts[pair.second] for pair in check.duplicates.pairs)
    assert (split.counts > 0).all()
    assert make_split(check, folds(count), seed=seed).files == split.files


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), sizes=st.lists(st.integers(1, 4), min_size=60, max_size=90))
def test_shares_are_near_to_those_asked_where_photographs_are_small(seed: int, sizes: list[int]) -> None:
    said = [("ab"[n % 2], f"{n}", f"{n}-{i}") for n, size in enumerate(sizes) for i in range(size)]
    assert make_split(checked(said), PARTS, seed=seed).largest_deviation < 0.03


def test_shares_of_rare_classes_are_kept_as_well_as_those_of_large_ones() -> None:
    split = make_split(checked([*trays(40, 20, "a"), *trays(40, 2, "b")]), PARTS)
    assert split.counts.tolist() == [[560, 56], [120, 12], [120, 12]]


def test_another_seed_gives_another_split() -> None:
    check = checked(trays(12, 3))
    assert make_split(check, PARTS, seed=0).files != make_split(check, PARTS, seed=1).files


def test_by_file_the_parts_share_photographs_and_keep_their_names() -> None:
    split = make_split(checked(trays(1, 20)), {"train": 0.5, "test": 0.5}, by="file")
    assert split.counts.tolist() == [[10, 10, 10], [10, 10, 10]]
    assert set(split.files.groups[split.files.parts == "test"]) == {"a0", "b0", "c0"}


# What is settled, and what cannot be


DISPUTED: Said = [*trays(3, 2, "ab"), ("a", "a0", "x"), ("b", "a0", "y")]
PAIR: list[tuple[int, int, Kind]] = [(12, 13, "same bytes")]


def test_pictures_in_two_classes_are_refused_until_it_is_said_what_becomes_of_them() -> None:
    with pytest.raises(DataError, match=r"1 pairs of one picture .* 0012.png and 0013.png; .*drop .* keep=a,b keeps"):
        make_split(checked(DISPUTED, PAIR), folds(2))


@pytest.mark.parametrize(
    ("settling", "dropped"),
    [("drop", ("0012.png", "0013.png")), (["a"], ("0013.png",)), (["b", "a"], ("0012.png",))],
)
def test_pictures_in_two_classes_are_settled_as_was_said(settling: Sequence[str], dropped: tuple[str, ...]) -> None:
    split = make_split(checked(DISPUTED, PAIR), folds(2), "drop" if settling == "drop" else settling)
    assert split.dropped == dropped
    assert {file.name for file in split.files.files}.isdisjoint(dropped)
    assert len(split.files) == 14 - len(dropped)


def test_classes_to_keep_must_be_there_and_settle_every_picture() -> None:
    check = checked([*DISPUTED, *trays(3, 1, "c")], PAIR)
    with pytest.raises(ValueError, match="`conflicts`: d is no class; the classes are a, b, c"):
        make_split(check, folds(2), ["d"])
    with pytest.raises(DataError, match=r"0012\.png stands in a, b, of which `conflicts` keeps none"):
        make_split(check, folds(2), ["c"])


def test_a_class_in_fewer_photographs_than_parts_is_refused_by_its_name() -> None:
    said = [*trays(3, 4, "ab"), *trays(2, 9, "c")]
    with pytest.raises(
        DataError, match="the class c lies in 2 photographs that show nothing of each other, and each of"
    ):
        make_split(checked(said), folds(3))
    joined = checked(said, [(24, 33, "same pattern")])
    with pytest.raises(DataError, match="the class c lies in 1 photographs"):
        make_split(joined, folds(2))


def test_a_class_of_one_picture_is_refused_by_its_name() -> None:
    with pytest.raises(DataError, match="the class c has 1 pictures that can be used, and needs 2"):
        make_split(checked([*trays(3, 4, "ab"), *trays(1, 1, "c")]), folds(2))


def test_classes_that_share_too_many_photographs_are_refused() -> None:
    # Each of a, b and c lies in two of three photographs, one of which must lack one where another has the other two.
    photographs = {"x": "ab", "y": "bc", "z": "ac"}
    said = [(c, name, f"{name}{c}{i}") for name, classes in photographs.items() for c in classes for i in "12"]
    with pytest.raises(DataError, match=r"no way was found to give the part . pictures of [abc], for too many classes"):
        make_split(checked(said), folds(2))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 1.0}, "`parts` must be two or more, each with a name; got train"),
        ({"train": 0.7, "test": 0.7}, "`parts` must be shares above 0 whose sum is 1, got train=0.7, test=0.7"),
        ({"train": 1.0, "test": 0.0}, "`parts` must be shares above 0"),
        ({"": 0.5, "test": 0.5}, "`parts` must be two or more, each with a name"),
    ],
)
def test_shares_that_are_none_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_split(checked(trays(3, 4)), shares)


def test_one_fold_is_refused() -> None:
    with pytest.raises(ValueError, match="`folds` must be at least 2, got 1"):
        folds(1)


def test_files_that_cannot_be_read_are_left_out_and_named() -> None:
    good = checked(trays(3, 4))
    split = make_split(DataCheck(good.files, {5: "is empty"}, good.duplicates, good.confounding), folds(3))
    assert split.unreadable == {"0005.png": "is empty"}
    assert isinstance(split, Split)
    assert "0005.png" not in {file.name for file in split.files.files}
