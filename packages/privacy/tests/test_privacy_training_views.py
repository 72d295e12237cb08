"""Views of pictures: boxes stay around what they were drawn around, and mirrors know which sign points where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from nflows_privacy.regions import iou
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.scenes import RandomCrops, Scene
from nflows_privacy.training.settings import Augmentation
from nflows_privacy.training.views import NO_MIRROR, View, flipped, joined, mirrored, mosaic, square, turned

SIDE = 96

seeds = st.integers(0, 2**16)


def drawn(seed: int, side: int = SIDE, classes: int = 1) -> View:
    """A white square on black, at least a third of the picture away from its edges."""
    generator = np.random.default_rng(seed)
    size = int(generator.integers(side // 5, side // 3))
    left, top = (int(value) for value in generator.integers(side // 3, 2 * side // 3 - size + 1, size=2))
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[top : top + size, left : left + size] = 255
    label = generator.integers(classes, size=1)
    boxes = np.array([[left, top, left + size, top + size]], np.float32)
    return View(pixels, boxes, label, classes - 1 - label)


def around_the_white(view: View) -> np.ndarray:
    """The box around what is at least half white, :math:`(1, 4)`."""
    rows, columns = np.nonzero(view.pixels[..., 0] >= 128)
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float64)


def overlap(view: View) -> float:
    assert len(view.boxes) == 1
    return float(iou(view.boxes.astype(np.float64), around_the_white(view))[0, 0])


@given(seed=seeds, axis=st.sampled_from(["across", "down"]))
def test_a_flip_twice_is_the_view_itself(seed: int, axis: Literal["across", "down"]) -> None:
    view = drawn(seed, classes=5)
    once = flipped(view, axis)
    twice = flipped(once, axis)
    assert overlap(once) == 1
    assert np.array_equal(twice.pixels, view.pixels)
    assert np.array_equal(twice.boxes, view.boxes)
    assert np.array_equal(once.labels, view.labels)


@given(seed=seeds)
def test_a_mirror_image_of_a_mirror_image_is_the_view_itself(seed: int) -> None:
    view = drawn(seed, classes=5)
    once = mirrored(view)
    twice = mirrored(once)
    assert np.array_equal(once.labels, 4 - view.labels)
    for name in ("pixels", "boxes", "labels", "mirrored"):
        assert np.array_equal(getattr(twice, name), getattr(view, name)), name


@given(seed=seeds, degrees=st.floats(-10, 10))
def test_a_turned_box_is_around_the_turned_square(seed: int, degrees: float) -> None:
    # Corners of a turned square are thinner than half a pixel: of 60 and more, they are a small part.
    assert overlap(turned(drawn(seed, side=4 * SIDE), degrees)) >= 0.95


@given(seed=seeds, scale=st.floats(0.5, 2))
def test_the_box_of_a_scaled_square_is_around_it(seed: int, scale: float) -> None:
    view = drawn(seed, side=4 * SIDE)
    size = float(view.boxes[0, 2] - view.boxes[0, 0])
    side = round(2 * size * scale)
    left, top = view.boxes[0, :2] - size / 2
    assert overlap(square(view, float(left), float(top), scale, side)) >= 0.95


@given(st.lists(seeds, min_size=4, max_size=4))
def test_a_mosaic_keeps_each_box_around_its_square(chosen: list[int]) -> None:
    parts = [drawn(seed, classes=3) for seed in chosen]
    whole = mosaic(parts)
    assert whole.pixels.shape == (2 * SIDE, 2 * SIDE, 3)
    for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        pixels = whole.pixels[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
        shift = np.array([column, row] * 2, np.float32) * SIDE
        assert np.array_equal(pixels, parts[number].pixels)
        assert np.array_equal(whole.boxes[number] - shift, parts[number].boxes[0])
        assert whole.labels[number] == parts[number].labels[0]
        assert whole.mirrored[number] == parts[number].mirrored[0]


@given(seed=seeds, left=st.integers(0, SIDE // 2), top=st.integers(0, SIDE // 2))
def test_what_is_put_in_covers_no_box_and_brings_its_own(seed: int, left: int, top: int) -> None:
    view, piece = drawn(seed), drawn(seed + 1, side=SIDE // 2)
    result = joined(view, piece, left, top)
    x, y, right, bottom = view.boxes[0].astype(int)
    assert np.array_equal(result.pixels[y:bottom, x:right], view.pixels[y:bottom, x:right])
    if len(result.boxes) == 1:
        assert result is view
        assert left < right
        assert top < bottom
        return
    x, y, right, bottom = result.boxes[1].astype(int)
    assert (result.pixels[y + 2 : bottom - 2, x + 2 : right - 2] == 255).all()


@pytest.mark.parametrize(("cut", "label"), [(0.4, 0), (0.6, IGNORED)])
def test_a_box_of_which_less_than_half_is_left_does_not_count(cut: float, label: int) -> None:
    view = drawn(0)
    left, _, right, _ = view.boxes[0]
    part = square(view, float(left + cut * (right - left)), 0, 1, SIDE)
    assert part.labels.tolist() == [label]
    assert part.boxes[0, 0] == 0


def saved(folder: Path, mirror: int) -> Scene:
    """A scene whose left half is darker than its right half, with a box in the middle."""
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[:, SIDE // 2 :] = 200
    path = folder / f"{mirror}.png"
    Image.fromarray(pixels).save(path)
    boxes = np.array([[SIDE / 3, SIDE / 3, 2 * SIDE / 3, 2 * SIDE / 3]], np.float32)
    return Scene(path, boxes, np.array([0]), np.array([mirror]), SIDE, SIDE)


def is_flipped(crop: Tensor) -> bool:
    dark, bright = ((crop[0] == value).nonzero()[:, 1].float().mean() for value in (0, 200))
    return bool(bright < dark)


WHOLE = Augmentation(scales=(1.0, 1.0), photographed=False)


@pytest.mark.parametrize(("mirror", "flips"), [(NO_MIRROR, {False}), (0, {False, True})])
def test_a_picture_with_a_class_that_has_no_mirror_image_is_never_flipped(
    tmp_path: Path, mirror: int, flips: set[bool]
) -> None:
    crops = RandomCrops([saved(tmp_path, mirror)], SIDE, WHOLE)
    assert {is_flipped(crops.read(0, seed)[0]) for seed in range(20)} == flips


def test_flips_that_keep_the_classes_turn_every_picture_over(tmp_path: Path) -> None:
    crops = RandomCrops([saved(tmp_path, NO_MIRROR)], SIDE, replace(WHOLE, flips="all"))
    assert {is_flipped(crops.read(0, seed)[0]) for seed in range(20)} == {False, True}


def test_the_same_seed_gives_the_same_crop(tmp_path: Path) -> None:
    everything = Augmentation(turn=10, mosaic=0.5, pasted=2)
    scenes = [saved(tmp_path, 0), saved(tmp_path, NO_MIRROR)]
    for seed in range(4):
        first, second = (RandomCrops(scenes, SIDE, everything).read(1, seed) for _ in range(2))
        assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_what_has_no_mirror_image_counts_even_where_it_is_cut_off() -> None:
    view = replace(drawn(0), mirrored=np.array([NO_MIRROR]))
    assert not view.has_mirror_image
    left, _, right, _ = view.boxes[0]
    part = square(view, float(0.2 * left + 0.8 * right), 0, 1, SIDE)
    assert part.labels.tolist() == [IGNORED]
    assert not part.has_mirror_image
