"""The mathematics of an evaluation, against values that are known without it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nflows_privacy.evaluation.change import change_of, step_across
from nflows_privacy.evaluation.identity import cosines, reidentify, tar_at_far
from nflows_privacy.evaluation.leaks import Leak, Reading, edit_distance, find_leak, longest_common_run
from nflows_privacy.evaluation.residual import residual
from nflows_privacy.masks import Rectangle
from nflows_privacy.regions import Box, Region

WORDS = st.text("AB1", max_size=8)


@given(WORDS, WORDS)
def test_the_longest_common_run_is_that_of_trying_all(first: str, second: str) -> None:
    parts = (first[i:j] for i in range(len(first)) for j in range(i, len(first) + 1))
    assert longest_common_run(first, second) == max((len(part) for part in parts if part in second), default=0)


@given(WORDS, WORDS, WORDS)
def test_the_edit_distance_is_a_metric(first: str, second: str, third: str) -> None:
    assert (edit_distance(first, second) == 0) == (first == second)
    assert edit_distance(first, second) == edit_distance(second, first)
    assert edit_distance(first, third) <= edit_distance(first, second) + edit_distance(second, third)


@given(WORDS, st.data())
def test_one_edit_is_one_away(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word)))
    assert edit_distance(word, word[:place] + "X" + word[place:]) == 1


def test_three_characters_in_a_row_are_a_leak_and_two_are_none() -> None:
    before = [Reading("KL3291", 0.9)]
    assert find_leak(before, [Reading("X329", 0.1)]) == Leak(6, 3, 3)
    assert find_leak(before, [Reading("32", 0.9), Reading("91", 0.9)]) == Leak(6, 2, 4)
    assert [leak.is_leak for leak in (Leak(6, 3, 3), Leak(6, 2, 4))] == [True, False]
    assert find_leak(before, []) == Leak(6, 0, 6)


def test_a_plate_that_nobody_could_read_cannot_leak() -> None:
    after = [Reading("KL3291", 0.9)]
    assert find_leak([Reading("KL", 0.9), Reading("KL3291", 0.4)], after) is None


def test_of_readings_before_the_longest_sure_one_counts() -> None:
    before = [Reading("KL3291", 0.8), Reading("KL3297", 0.9), Reading("KL32", 0.99), Reading("KL3291X", 0.2)]
    assert find_leak(before, [Reading("KL3297", 0.1)]) == Leak(6, 6, 0)


def test_faces_that_are_not_changed_are_all_told_apart_and_shuffled_ones_never() -> None:
    faces = np.random.default_rng(0).normal(size=(60, 8))
    same, shuffled = reidentify(faces, 2 * faces), reidentify(faces, np.roll(faces, 1, 0))
    assert same is not None
    assert shuffled is not None
    assert same.top_1 == (True,) * 60
    assert same.tar == {1e-2: 1.0, 1e-3: 1.0}
    assert shuffled.top_1 == (False,) * 60


def test_one_face_among_one_is_no_identification() -> None:
    assert reidentify(np.ones((1, 4)), np.ones((1, 4))) is None


def test_the_threshold_lets_as_many_impostors_through_as_the_rate_says() -> None:
    impostors = np.arange(1000.0)
    genuine = np.array([988.0, 989.0, 990.0, 999.0])
    assert tar_at_far(genuine, impostors, 1e-2) == 0.5  # above 989, which ten of a thousand exceed
    assert tar_at_far(genuine, impostors, 1e-3) == 0.25
    assert tar_at_far(genuine, impostors[:999], 1e-3) is None
    assert tar_at_far(genuine, impostors, 1.0) == 1.0


@given(st.integers(0, 2**32 - 1))
def test_a_higher_false_accept_rate_never_accepts_fewer(seed: int) -> None:
    generator = np.random.default_rng(seed)
    genuine, impostors = generator.normal(1, 1, 20), generator.normal(0, 1, 200)
    rates = [tar_at_far(genuine, impostors, far) for far in (0.01, 0.05, 0.2, 0.9)]
    assert rates == sorted(rates, key=lambda rate: rate or 0.0)


def test_cosines_are_those_of_the_angles_between() -> None:
    angles = np.radians([0, 60, 180])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1) * [[3], [0.1], [7]]
    assert cosines(vectors, vectors)[0] == pytest.approx([1, 0.5, -1])
    assert cosines(np.zeros((1, 2)), vectors)[0] == pytest.approx([0, 0, 0])


def test_a_smaller_detection_within_a_region_is_the_same_thing_and_one_beside_it_is_another() -> None:
    face = Region(Box(0, 0, 20, 20), "face")
    inside, beside = Region(Box(5, 5, 9, 9), "face"), Region(Box(15, 15, 35, 35), "face")
    found = residual([face], [inside, beside])
    assert (found.again, found.elsewhere) == ((True,), 1)
    assert residual([face], [beside]).again == (False,)


def test_a_plate_where_a_face_was_is_no_face_but_something_known() -> None:
    found = residual([Region(Box(0, 0, 20, 20), "face")], [Region(Box(0, 0, 20, 20), "plate")])
    assert (found.again, found.elsewhere) == ((False,), 0)


def test_nothing_found_or_nothing_there_is_nothing_again() -> None:
    face = Region(Box(0, 0, 20, 20), "face")
    assert residual([face], []).again == (False,)
    assert (residual([], [face]).again, residual([], [face]).elsewhere) == ((), 1)


def test_pixels_that_change_within_the_rectangles_alone_leave_the_rest_bit_identical() -> None:
    before = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    after = before.copy()
    after[4:8, 6:12] += 1
    change = change_of(before, after, [Rectangle(2, 4, 10, 16)])
    assert (change.outside, change.psnr_db) == (0, None)
    assert change.share == 24 / 600
    assert change_of(before, before, []).share == 0


def test_one_pixel_outside_counts_once_whatever_its_channels() -> None:
    before = np.zeros((10, 10, 3), np.uint8)
    after = before.copy()
    after[0, 0] = 5, 7, 0
    change = change_of(before, after, [Rectangle(5, 5, 10, 10)])
    assert change.outside == 1
    error = (25 + 49) / (75 * 3)
    assert change.psnr_db == pytest.approx(10 * math.log10(255**2 / error))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_step_is_in_grey_levels_of_255_whatever_the_depth(dtype: type) -> None:
    before = np.zeros((9, 9, 1), dtype)
    after = before.copy()
    after[3:6, 3:6] = np.iinfo(dtype).max // 5
    assert step_across(before, after, after[..., 0] > 0) == pytest.approx(51)
    assert change_of(before, after, [Rectangle(2, 2, 8, 8)]).step == pytest.approx(51)


def test_a_seam_that_was_there_before_is_none() -> None:
    before = np.zeros((9, 9, 1), np.uint8)
    before[:, 4:] = 100
    mask = np.zeros((9, 9), bool)
    mask[:, 4:] = True
    assert step_across(before, before, mask) == 0
    assert step_across(before, before, np.ones((9, 9), bool)) is None


def test_pictures_of_other_sizes_are_refused() -> None:
    before = np.zeros((9, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"was 8 x 9 with 3 channels of 8 bits, and is 9 x 8"):
        change_of(before, np.zeros((8, 9, 3), np.uint8), [])
