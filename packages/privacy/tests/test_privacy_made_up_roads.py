"""Made-up road scenes: what they promise to those who learn from them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from made_up_ground import HEIGHT, WIDTH, Bend, View
from made_up_roads import KINDS, NOTHING, Road, draw_drive, draw_road, write_roads
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.regions import Box

SEEDS = st.integers(0, 2**32 - 1)


def draw(kind: str, seed: int) -> Road:
    return draw_road(kind, np.random.default_rng(seed))


def redness(road: Road) -> NDArray[np.int_]:
    """How far the red of each pixel is above its green and blue; light, haze and grey noise keep its order."""
    red, green, blue = np.moveaxis(road.pixels.astype(int), 2, 0)
    return red - np.maximum(green, blue)


def inside(box: Box) -> NDArray[np.bool_]:
    rows, columns = np.arange(HEIGHT)[:, None], np.arange(WIDTH)
    return (box.top <= rows) & (rows < box.bottom) & (box.left <= columns) & (columns < box.right)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from((*KINDS, NOTHING)))
def test_a_seed_gives_the_same_bytes_and_another_gives_others(seed: int, kind: str) -> None:
    road = draw(kind, seed)
    assert road.pixels.tobytes() == draw(kind, seed).pixels.tobytes()
    assert road.pixels.tobytes() != draw(kind, seed + 1).pixels.tobytes()
    assert (road.pixels.shape, road.pixels.dtype, road.kind) == ((HEIGHT, WIDTH, 3), np.uint8, kind)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.sampled_from((*KINDS, NOTHING)))
def test_a_mirror_image_of_a_mirror_image_is_the_road(seed: int, kind: str) -> None:
    road = draw(kind, seed)
    again = road.mirrored().mirrored()
    assert np.array_equal(again.pixels, road.pixels)
    assert (again.kind, again.box, again.place) == (road.kind, road.box, road.place)


def test_a_mirror_turns_curves_around_and_makes_a_side_road_no_class() -> None:
    kinds = [draw(kind, 0).mirrored().kind for kind in (*KINDS, NOTHING)]
    assert kinds == ["gap-in-median", "right-hand-curve", "left-hand-curve", "side-road-right", "nothing"]


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from(KINDS), st.booleans())
def test_the_box_surrounds_the_red_of_the_sign(seed: int, kind: str, mirrored: bool) -> None:
    road = draw(kind, seed)
    road = road.mirrored() if mirrored else road
    assert road.box is not None
    near, red = inside(road.box), redness(road)
    ring = inside(road.box.grown(1.6)) & ~near
    assert red[near].max() > 15
    assert red[ring].max() < 0.7 * red[near].max()
    assert (red[near] > 0.5 * red[near].max()).mean() > 0.1


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_the_kind_changes_neither_the_place_of_the_sign_nor_the_generator(seed: int) -> None:
    generators = [np.random.default_rng(seed) for _ in (*KINDS, NOTHING)]
    roads = [draw_road(kind, one) for kind, one in zip((*KINDS, NOTHING), generators, strict=True)]
    boxes = [road.box for road in roads]
    assert boxes[0] is not None
    assert boxes == [boxes[0]] * 4 + [None]
    assert len({one.random() for one in generators}) == 1


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_a_sign_lies_in_the_picture_and_is_14_to_40_pixels_wide(seed: int) -> None:
    box = draw("gap-in-median", seed).box
    assert box is not None
    assert min(box.left, box.top) >= 0
    assert box.right <= WIDTH
    assert box.bottom <= HEIGHT
    assert 14 <= box.width <= 44  # outwards to whole pixels, and one more on each side


def test_signs_stand_mostly_on_the_left() -> None:
    boxes = [draw("side-road-left", seed).box for seed in range(100)]
    share = np.mean([box is not None and box.left + box.right < WIDTH for box in boxes])
    assert 0.6 < share < 0.95


def test_only_the_kind_changes_how_the_road_looks() -> None:
    roads = [[draw(kind, seed).pixels.astype(float) for kind in (*KINDS, NOTHING)] for seed in range(20)]
    ground = np.array([[road[HEIGHT // 2 :] for road in row] for row in roads])
    assert (np.abs(ground[:, :4] - ground[:, 4:]).max(axis=(2, 3, 4)) > 20).all()
    brightness = np.array([[road.mean() for road in row] for row in roads])
    assert np.ptp(brightness.mean(axis=0)) < 0.15 * brightness.mean(axis=1).std()


def test_a_circle_of_a_bend_is_one() -> None:
    bend = Bend(start=10, radius=20, turn=1.0)
    along = np.linspace(10, 30, 5)
    right, ahead = bend.places(along, 0)
    assert np.hypot(right - 20, ahead - 10) == pytest.approx([20] * 5)
    right, ahead = bend.places(along, 3.0)
    assert np.hypot(right - 20, ahead - 10) == pytest.approx([17] * 5)
    left, level = Bend(start=10, radius=20, turn=-1.0).places(along, -3.0)
    assert (-left, level) == (pytest.approx(right), pytest.approx(ahead))


def test_a_camera_sees_the_ground_as_its_formula_says() -> None:
    view = View(horizon=100, focal=400, height=2, yaw=0, aside=0)
    assert view.pixels([10, 20], [1, -2], [0, 2]).tolist() == [[WIDTH / 2 + 40, 180], [WIDTH / 2 - 40, 100]]
    assert view.scale(-5, 0) == 0


def test_written_scenes_are_read_again(tmp_path: Path) -> None:
    counts = {"left-hand-curve": 2, NOTHING: 1, "side-road-left": 1}
    table = write_roads(tmp_path / "roads", counts, seed=3)
    generator = np.random.default_rng(3)
    roads = [draw_road(kind, generator) for kind, count in counts.items() for _ in range(count)]
    pictures = {name: marked.regions for name, marked in read_boxes(table).pictures.items()}
    assert list(pictures) == [f"{index:05}.png" for index in range(4)]
    for road, (name, regions) in zip(roads, pictures.items(), strict=True):
        assert [(region.box, region.kind) for region in regions] == ([(road.box, road.kind)] if road.box else [])
        assert np.array_equal(np.asarray(Image.open(table.parent / "images" / name)), road.pixels)
    with (table.parent / "scenes.csv").open(newline="") as file:
        contexts = [row["context"] for row in csv.DictReader(file)]
    assert contexts == ["left-hand-curve", "left-hand-curve", "", "side-road-left"]


def test_a_drive_comes_nearer_to_each_place() -> None:
    kinds = ("side-road-left", "right-hand-curve", "gap-in-median")
    drive = draw_drive(kinds, np.random.default_rng(4), frames=60)
    assert len(drive) == 60
    for place, kind in enumerate(kinds):
        near = [road for road in drive if road.place == place]
        widths = [road.box.width for road in near if road.box]
        assert [road.kind for road in near] == [kind] * 10
        assert widths == sorted(widths)
        assert len(widths) == 10
        assert widths[-1] > 1.5 * widths[0]
    between = [road for road in drive if road.place is None]
    assert {(road.kind, road.box) for road in between} == {(NOTHING, None)}
    assert len(between) == 30


def test_a_kind_that_is_none_and_a_drive_too_short_are_refused() -> None:
    generator = np.random.default_rng(0)
    for kind in ("side-road-right", "Gap-in-median", ""):
        with pytest.raises(ValueError, match="expected one of gap-in-median"):
            draw_road(kind, generator)
    with pytest.raises(ValueError, match="10 for each"):
        draw_drive(KINDS, generator, frames=39)
    with pytest.raises(ValueError, match="at least 1 place"):
        draw_drive((), generator)
