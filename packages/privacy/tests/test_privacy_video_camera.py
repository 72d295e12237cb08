"""A camera that shakes, and things that are linked as if it did not."""

from __future__ import annotations

import cmath
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_privacy.regions import Box, Region
from nflows_privacy.video.camera import Camera, Motion, in_frames, steadied
from nflows_privacy.video.linking import linked
from nflows_privacy.video.tracks import covered, middle_of

step = st.integers(-50, 50)


def _scene(seed: int, height: int = 900, width: int = 1300) -> NDArray[np.uint8]:
    """Patches of all sizes."""
    generator = np.random.default_rng(seed)
    layers = (generator.random((height // size, width // size, 3)) for size in (100, 25, 6))
    return np.mean([255 * cv2.resize(layer, (width, height)) for layer in layers], axis=0).astype(np.uint8)


SCENE = _scene(0)


def _seen(left: float, top: float, degrees: float = 0) -> NDArray[np.uint8]:
    """What a camera sees of the scene, 640 x 480, turned about its own middle."""
    return np.asarray(cv2.warpAffine(SCENE, _view(left, top, degrees)[:2], (640, 480)), np.uint8)


def _view(left: float, top: float, degrees: float) -> NDArray[np.float64]:
    """From the scene to what a camera sees, of points :math:`(x, y, 1)`."""
    turned = cv2.getRotationMatrix2D((left + 320, top + 240), degrees, 1)
    turned[:, 2] -= left, top
    return np.vstack([turned, (0, 0, 1)])


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(step, step, st.floats(-5, 5)), min_size=1, max_size=4))
def test_what_stands_still_moves_and_turns_as_the_camera_does(steps: list[tuple[int, int, float]]) -> None:
    camera, left, top, angle = Camera(), 300.0, 200.0, 0.0
    assert camera(_seen(left, top, angle)) == Motion()
    still = Box(400, 150, 440, 190)
    for count, (across, down, degrees) in enumerate(steps, start=1):
        left, top, angle = left + across, top + down, angle + degrees
        moved = camera(_seen(left, top, angle)).of(still)
        truth = _view(left, top, angle) @ np.linalg.inv(_view(300, 200, 0)) @ (420, 170, 1)
        assert middle_of(moved) == pytest.approx(truth[:2], abs=2 * count)
        assert (moved.width, moved.height) == pytest.approx((40, 40))


@pytest.mark.parametrize(
    "after", [_scene(1)[:480, :640], np.zeros((480, 640, 3), np.uint8), SCENE[:240, :320], SCENE[:1, :1]]
)
def test_a_cut_is_no_movement(after: NDArray[np.uint8]) -> None:
    camera = Camera()
    camera(_seen(300, 200))
    moved = camera(_seen(310, 180))
    assert camera(after) == moved
    assert camera(after).shift == pytest.approx(moved.shift, abs=0.2)


motions = st.builds(
    lambda angle, across, down: Motion(cmath.rect(1, angle), complex(across, down)),
    st.floats(-4, 4),
    st.floats(-1e4, 1e4),
    st.floats(-1e4, 1e4),
)


@given(motions, motions)
def test_motions_are_a_group_that_keeps_sizes_and_distances(one: Motion, other: Motion) -> None:
    near, far = Box(3, 4, 8, 16), Box(103, 44, 108, 56)
    both = one.then(other)
    assert both.of(near) == pytest.approx(other.of(one.of(near)), abs=1e-6)
    assert both.undone(both.of(near)) == pytest.approx(near, abs=1e-6)
    assert math.dist(middle_of(one.of(near)), middle_of(one.of(far))) == pytest.approx(math.hypot(100, 40), abs=1e-6)
    assert (one.of(near).width, one.of(near).height) == pytest.approx((5, 12), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_what_stands_still_is_held_through_a_gap_however_the_camera_shakes(seed: int, gap: int) -> None:
    draws = np.random.default_rng(seed).normal(0, (60, 60, 0.1), (20, 3)).cumsum(axis=0).tolist()
    moves = [Motion(cmath.rect(1, angle), complex(across, down)) for across, down, angle in draws]
    still = Box(100, 80, 120, 104)
    shown = [[Region(moved.of(still), "face", 0.7)] for moved in moves]
    left = [[] if 8 <= frame < 8 + gap else regions for frame, regions in enumerate(shown)]
    tracks = linked(steadied(regions, moved) for regions, moved in zip(left, moves, strict=True))
    assert len(tracks) == 1
    for (truth,), found in zip(shown, in_frames(tracks, moves), strict=True):
        (region,) = found
        assert region.box.left <= truth.box.left + 1e-6
        assert region.box.bottom >= truth.box.bottom - 1e-6
        assert region.box.width < 1.5 * truth.box.width


def test_a_camera_that_stands_still_changes_nothing() -> None:
    frames = [[Region(Box(step, 2, step + 9, 9), "face", 0.9)] for step in range(8)]
    assert in_frames(linked(frames), [Motion()] * 8) == covered(linked(frames), 8)
