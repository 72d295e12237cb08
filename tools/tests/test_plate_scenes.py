"""The scenes of `apps/train_plate_detector.py`: boxes lie about their plates, and seeds decide the bytes."""

from __future__ import annotations

import numpy as np
import plate_scenes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plate_decoys import decoy
from plate_drawing import draw_plate

BACKGROUND = np.full((500, 700, 3), 120, np.uint8)


@given(st.integers(0, 2**32 - 1))
def test_a_plate_is_wider_than_high_or_has_two_rows_and_its_seed_decides_it(seed: int) -> None:
    first, second = (draw_plate(np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, second)
    height, width, channels = first.shape
    assert channels == 3
    assert 0.8 < width / height < 5.6
    assert first.std() > 10  # letters on a ground


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_a_box_is_around_the_pixels_of_its_plate(seed: int) -> None:
    """A board without surroundings is put on a dark ground: what has changed is what the box has."""
    generator = np.random.default_rng(seed)
    scene = np.full((plate_scenes.HEIGHT, plate_scenes.WIDTH, 3), 10, np.uint8)
    board = np.full((80, 300, 4), 255, np.uint8)
    box = plate_scenes._place(scene, board, 1.0, [], generator)
    if box is None:
        assert (scene == 10).all()
        return
    changed = np.any(scene != 10, axis=2)
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    found = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    edge = 3 + 3 * plate_scenes._SOFTEST * plate_scenes._LARGEST  # as blurred as it may be
    assert np.abs(np.array(box) - found).max() <= edge


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_what_is_no_plate_is_opaque_somewhere_and_its_seed_decides_it(seed: int) -> None:
    first, second = (decoy(np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape[2] == 4
    assert first[..., 3].any()
    assert min(first.shape[:2]) >= 40


def test_some_of_what_is_put_into_scenes_lies_in_deep_shade_with_as_much_contrast_as_is_left() -> None:
    """A plate's white and black on a bright street: in shade they are closer to each other, and never swapped."""
    white, black, covered = np.full((1, 1, 3), 245, np.float32), np.zeros((1, 1, 3), np.float32), np.ones((1, 1, 1))
    means = []
    for seed in range(200):
        bright, dark = (
            plate_scenes._exposed(values, covered.astype(np.float32), 110.0, np.random.default_rng(seed))
            for values in (white, black)
        )
        assert (bright - dark >= 20).all()
        means.append(bright.mean())
    assert 0.1 < np.mean(np.array(means) < 200) < 0.3


def test_the_same_seed_gives_the_same_scene_and_boxes_inside_of_it() -> None:
    for seed in range(12):
        scenes = [plate_scenes.street(BACKGROUND, np.random.default_rng(seed)) for _ in range(2)]
        assert np.array_equal(scenes[0][0], scenes[1][0])
        assert scenes[0][1:] == scenes[1][1:]
        for left, top, right, bottom in scenes[0][1]:
            assert 0 <= left < right <= plate_scenes.WIDTH
            assert 0 <= top < bottom <= plate_scenes.HEIGHT


def test_boxes_of_a_background_lie_where_it_went() -> None:
    background = BACKGROUND.copy()
    background[200:260, 300:400] = (250, 10, 10)
    for seed in range(20):
        seen, boxes = plate_scenes.view(background, np.random.default_rng(seed), [(300, 200, 400, 260)])
        red = seen[..., 0].astype(int) - seen[..., 1] > 120
        assert bool(boxes) == bool(red.any())
        if boxes:
            rows, columns = (np.flatnonzero(red.any(axis)) for axis in (1, 0))
            assert boxes[0] == pytest.approx((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), abs=2)
