"""Duplicates: the same picture in any form is found, and different pictures are not taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from nflows_core.data import LabelledFile, LabelledFiles
from nflows_core.data.duplicates import Duplicates, Pair, components, find_duplicates
from nflows_core.data.labelled_images import whole
from nflows_core.data.likeness import SIDE, find_alike, turned
from nflows_core.data.looks import look_at
from nflows_core.testing.blots import blot


def squares(*pictures: np.ndarray) -> np.ndarray:
    return np.stack([whole(one, SIDE) for one in pictures])


@pytest.fixture(scope="module")
def others() -> list[np.ndarray]:
    return [blot(seed) for seed in range(100, 140)]


# Likeness


def test_different_pictures_are_not_alike(others: list[np.ndarray]) -> None:
    assert find_alike(squares(*others)) == []


@pytest.mark.parametrize("turn", range(8))
def test_a_copy_is_found_in_every_position_of_a_square(others: list[np.ndarray], turn: int) -> None:
    copy = turned(others[3][None], turn)[0]
    (found,) = find_alike(squares(*others, np.ascontiguousarray(copy)))
    assert (found.first, found.second, found.is_copy) == (3, 40, True)
    assert found.pixels == pytest.approx(1, abs=0.01)


def test_a_brighter_and_smaller_copy_is_found(others: list[np.ndarray]) -> None:
    brighter = np.rint(np.clip(0.9 * others[5] + 4, 0, 255)).astype(np.uint8)
    larger = np.kron(others[7], np.ones((2, 2, 1))).astype(np.uint8)
    found = find_alike(squares(*others, brighter, larger))
    assert [pair[:2] for pair in found] == [(5, 40), (7, 41)]


def test_a_thing_that_was_photographed_again_is_found_and_is_no_copy(others: list[np.ndarray]) -> None:
    noise = gaussian_filter(np.random.default_rng(0).normal(size=others[9].shape), (1, 1, 0)) * (others[9] > 0)
    again = np.clip(shift(others[9].astype(float), (0.5, 0.4, 0), order=1) + 40 * noise, 0, 255).astype(np.uint8)
    (found,) = find_alike(squares(*others, again))
    assert found[:3] == (9, 40, False)
    assert found.pattern > 0.75


def test_plain_pictures_have_no_pattern_and_are_not_alike() -> None:
    assert find_alike(np.stack([np.full((SIDE, SIDE, 3), value, np.uint8) for value in (0, 9, 99)])) == []


def test_squares_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`squares` must be of shape \(N, 48, 48, 3\), got \(2, 8, 8, 3\)"):
        find_alike(np.zeros((2, 8, 8, 3), np.uint8))


@given(turn=st.integers(0, 7), other=st.integers(0, 7))
def test_positions_of_a_square_are_closed(turn: int, other: int) -> None:
    image = np.arange(9).reshape(1, 3, 3)
    twice = turned(turned(image, turn), other)
    assert any(np.array_equal(twice, turned(image, one)) for one in range(8))


# Data sets


def saved(folder: Path, name: str, pixels: np.ndarray, label: str = "a", item: str = "") -> LabelledFile:
    Image.fromarray(pixels).save(folder / name)
    return LabelledFile(name, label, name, item or name)


def found(folder: Path, *files: LabelledFile) -> Duplicates:
    data = LabelledFiles(folder, files)
    return find_duplicates(data, look_at(data)[0])


def test_each_kind_of_duplicate_is_told_apart(tmp_path: Path, others: list[np.ndarray]) -> None:
    files = [saved(tmp_path, f"{at}.png", others[at]) for at in range(20)]
    files += [LabelledFile("20.png", "a", "20", "20"), saved(tmp_path, "21.bmp", others[1], label="b")]
    (tmp_path / "20.png").write_bytes((tmp_path / "0.png").read_bytes())
    files.append(saved(tmp_path, "22.jpg", np.ascontiguousarray(others[2][::-1])))
    duplicates = found(tmp_path, *files)
    assert duplicates.pairs == (
        Pair(0, 20, "same bytes"),
        Pair(1, 21, "same pixels"),
        Pair(2, 22, "near pixels"),
    )
    assert [duplicates.exact, duplicates.conflicts, duplicates.near] == [[pair] for pair in duplicates.pairs]
    assert duplicates.disputed == [[1, 21]]
    assert duplicates.shared == {("0.png", "20"): 1, ("1.png", "21.bmp"): 1, ("2.png", "22.jpg"): 1}


def test_views_of_one_thing_are_no_near_duplicates(tmp_path: Path, others: list[np.ndarray]) -> None:
    files = [saved(tmp_path, f"{at}.png", others[at]) for at in range(20)]
    again = saved(tmp_path, "again.jpg", others[4])
    assert found(tmp_path, *files, again).pairs == (Pair(4, 20, "near pixels"),)
    assert found(tmp_path, *files, again._replace(item="4.png")).pairs == ()


def test_what_cannot_be_looked_at_is_told_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"no picture")
    Image.fromarray(np.full((4, 4), 900, np.uint16)).save(tmp_path / "1.png")
    clear = saved(tmp_path, "2.png", np.zeros((4, 4, 4), np.uint8))
    files = LabelledFiles(tmp_path, (*(LabelledFile(f"{at}.png", "a", "", "") for at in (0, 1)), clear))
    looks, unreadable = look_at(files, thing="crop")
    assert looks == {}
    assert "not a picture" in unreadable[0]
    assert unreadable[1] == "has 16 bits a sample, and crops have 8; convert it"
    assert unreadable[2] == "has transparent pixels; put it on a background first"


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_components_join_what_links_join_and_nothing_else(links: list[tuple[int, int]]) -> None:
    numbers = components(8, links)
    assert all(numbers[first] == numbers[second] for first, second in links)
    roots = list(range(8))
    for first, second in links:
        roots = [roots[second] if root == roots[first] else root for root in roots]
    assert len(set(numbers.tolist())) == len(set(roots))
