"""A camera that shakes, and things that are linked as if it did not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_privacy.regions import Box, Region
from nflows_privacy.video.camera import Camera, in_frames, steadied
from nflows_privacy.video.linking import linked
from nflows_privacy.video.tracks import covered

step = st.integers(-50, 50)


def _scene(seed: int, height: int = 900, width: int = 1300) -> NDArray[np.uint8]:
    """Patches of all sizes."""
    generator = np.random.default_rng(seed)
    layers = (generator.random((height // size, width // size, 3)) for size in (100, 25, 6))
    return np.mean([255 * cv2.resize(layer, (width, height)) for layer in layers], axis=0).astype(np.uint8)


SCENE = _scene(0)


def _seen(left: int, top: int) -> NDArray[np.uint8]:
    return SCENE[top : top + 480, left : left + 640]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(step, step), min_size=1, max_size=4))
def test_what_stands_still_moves_by_as_much_as_the_camera(steps: list[tuple[int, int]]) -> None:
    camera = Camera()
    left, top = 300, 200
    assert camera(_seen(left, top)) == (0, 0)
    for count, (across, down) in enumerate(steps, start=1):
        left, top = left + across, top + down
        pixel = 640 / 256  # of what it sees
        assert camera(_seen(left, top)) == pytest.approx((300 - left, 200 - top), abs=count * pixel)


@pytest.mark.parametrize(
    "after", [_scene(1)[:480, :640], np.zeros((480, 640, 3), np.uint8), SCENE[:240, :320], SCENE[:1, :1]]
)
def test_a_cut_is_no_movement(after: NDArray[np.uint8]) -> None:
    camera = Camera()
    camera(_seen(300, 200))
    moved = camera(_seen(310, 180))
    assert camera(after) == moved
    assert camera(after) == pytest.approx(moved, abs=0.2)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_what_stands_still_is_held_through_a_gap_however_the_camera_shakes(seed: int, gap: int) -> None:
    shifts = [tuple(map(float, shift)) for shift in np.random.default_rng(seed).normal(0, 60, (20, 2)).cumsum(axis=0)]
    still = Box(100, 80, 120, 104)
    shown = [[Region(still.moved(across, down), "face", 0.7)] for across, down in shifts]
    left = [[] if 8 <= frame < 8 + gap else regions for frame, regions in enumerate(shown)]
    tracks = linked(steadied(regions, shift) for regions, shift in zip(left, shifts, strict=True))
    assert len(tracks) == 1
    for (truth,), found in zip(shown, in_frames(tracks, shifts), strict=True):
        (region,) = found
        assert region.box.left <= truth.box.left + 1e-6
        assert region.box.bottom >= truth.box.bottom - 1e-6
        assert region.box.width < 1.5 * truth.box.width


def test_a_camera_that_stands_still_changes_nothing() -> None:
    frames = [[Region(Box(step, 2, step + 9, 9), "face", 0.9)] for step in range(8)]
    assert in_frames(linked(frames), [(0.0, 0.0)] * 8) == covered(linked(frames), 8)
