"""Scenes that no split may divide: views of one place are joined, whatever their order, and different ones are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_core.data import LabelledFile, LabelledFiles
from nflows_privacy.missing.near import LEAST, NearGroups, near_groups
from nflows_privacy.missing.spots import Agreement, agreement, likest_pairs, scene_of

Pixels = NDArray[np.uint8]
HEIGHT, WIDTH = 150, 240


def street(seed: int) -> Pixels:
    """Houses with windows behind leaves and lamps, below a bright sky; others for each seed."""
    draw = np.random.default_rng(seed)
    pixels = np.full((HEIGHT, WIDTH, 3), (200, 215, 235), np.uint8)
    pixels[110:] = 70
    for _ in range(14):
        left, width, top = (int(draw.integers(*ends)) for ends in ((0, WIDTH), (18, 50), (25, 95)))
        colour = draw.integers(30, 200, 3).tolist()
        cv2.rectangle(pixels, (left, top), (left + width, 110), colour, -1)
        for _ in range(6):
            at = left + int(draw.integers(0, width)), int(draw.integers(top, 108))
            size = draw.integers(2, 9, 2)
            cv2.rectangle(
                pixels, at, (at[0] + int(size[0]), at[1] + int(size[1])), draw.integers(0, 255, 3).tolist(), -1
            )
    for _ in range(12):
        centre = int(draw.integers(0, WIDTH)), int(draw.integers(20, 140))
        cv2.circle(pixels, centre, int(draw.integers(2, 8)), draw.integers(0, 255, 3).tolist(), -1)
    leaves = cv2.GaussianBlur(draw.normal(0, 90, pixels.shape[:2]), (0, 0), 1.5)
    leaves[:25] = 0
    return np.clip(cv2.GaussianBlur(pixels, (0, 0), 0.8) + leaves[..., None], 0, 255).astype(np.uint8)


def nearer(pixels: Pixels, zoom: float, right: float = 0, down: float = 0) -> Pixels:
    """A scene as it looks from further ahead, and to the side."""
    way = np.array([[zoom, 0, WIDTH / 2 * (1 - zoom) + right], [0, zoom, HEIGHT / 2 * (1 - zoom) + down]])
    return cv2.warpAffine(pixels, way, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


def brighter(pixels: Pixels) -> Pixels:
    return np.clip(pixels * 0.8 + 30, 0, 255).astype(np.uint8)


def grouped(folder: Path, scenes: dict[str, Pixels], order: list[str] | None = None) -> NearGroups:
    for name, pixels in scenes.items():
        cv2.imwrite(str(folder / name), pixels[..., ::-1])
    files = tuple(LabelledFile(name, "a", "drive", "drive") for name in order or [*scenes])
    return near_groups(LabelledFiles(folder, files))


@pytest.fixture(scope="module")
def others() -> dict[str, Pixels]:
    return {f"other{seed}.png": street(seed) for seed in range(10, 22)}


def test_different_scenes_are_groups_of_their_own(tmp_path: Path, others: dict[str, Pixels]) -> None:
    found = grouped(tmp_path, others)
    assert found.joined == ()
    assert sorted(found.numbers.tolist()) == list(range(len(others)))


@pytest.mark.parametrize(
    "seen",
    [
        lambda pixels: nearer(pixels, 1, 25, -6),
        lambda pixels: nearer(pixels, 1.4),
        lambda pixels: nearer(brighter(pixels), 1.25, -12, 3),
    ],
    ids=["moved aside", "moved ahead", "both, in other light"],
)
def test_views_of_one_place_are_joined(
    tmp_path: Path, others: dict[str, Pixels], seen: Callable[[Pixels], Pixels]
) -> None:
    found = grouped(tmp_path, {**others, "view.png": seen(others["other15.png"])})
    (joined,) = found.joined
    assert joined[:3] == ("other15.png", "view.png", "same place")
    assert joined.common is not None
    assert all(np.greater_equal(joined.common, LEAST))
    assert found.numbers[5] == found.numbers[-1]
    assert len(set(found.numbers.tolist())) == len(others)


def test_copies_are_joined_by_what_they_share_and_not_again_as_one_place(
    tmp_path: Path, others: dict[str, Pixels]
) -> None:
    scene = others["other12.png"]
    found = grouped(tmp_path, {**others, "x.png": scene, "y.bmp": scene, "z.jpg": scene})
    assert {joined[:3] for joined in found.joined} == {
        ("other12.png", "x.png", "same bytes"),
        ("other12.png", "y.bmp", "same pixels"),
        ("other12.png", "z.jpg", "near pixels"),
    }
    assert len(set(found.numbers.tolist())) == len(others)


def test_a_drive_is_one_group_though_its_ends_have_nothing_in_common(tmp_path: Path, others: dict[str, Pixels]) -> None:
    road = np.concatenate([street(seed) for seed in range(4)], axis=1)
    starts = range(0, road.shape[1] - WIDTH + 1, 90)
    drive = {f"drive{at}.png": np.ascontiguousarray(road[:, left : left + WIDTH]) for at, left in enumerate(starts)}
    found = grouped(tmp_path, {**others, **drive})
    assert len(set(found.numbers[len(others) :].tolist())) == 1
    assert len(set(found.numbers.tolist())) == len(others) + 1
    assert ("drive0.png", f"drive{len(drive) - 1}.png") not in {joined[:2] for joined in found.joined}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_files_changes_nothing(tmp_path: Path, others: dict[str, Pixels], seed: int) -> None:
    scenes = {**others, "a.png": nearer(others["other11.png"], 1.2), "z.png": others["other13.png"]}
    names = [*scenes]
    first = grouped(tmp_path, scenes)
    order = np.random.default_rng(seed).permutation(len(names))
    again = grouped(tmp_path, scenes, [names[at] for at in order])
    assert again.joined == first.joined
    assert again.numbers.tolist() == first.numbers[order].tolist()


def test_a_sign_that_two_places_share_does_not_join_them(others: dict[str, Pixels]) -> None:
    sign = street(99)[40:76, 60:96]
    two = [others[f"other{seed}.png"].copy() for seed in (10, 11)]
    two[0][20:56, 40:76], two[1][60:96, 160:196] = sign, sign
    assert agreement(*map(scene_of, two)).spots < LEAST.spots


def test_what_has_no_points_agrees_with_nothing_and_is_near_nothing(tmp_path: Path) -> None:
    plain = scene_of(np.full((40, 60, 3), 128, np.uint8))
    assert agreement(plain, plain) == Agreement(0, 0)
    assert agreement(plain, scene_of(street(0))) == Agreement(0, 0)
    assert likest_pairs([]) == likest_pairs([plain]) == []
    found = grouped(tmp_path, {"a.png": np.zeros((40, 60, 3), np.uint8), "b.png": np.full((40, 60, 3), 90, np.uint8)})
    assert (found.joined, found.numbers.tolist()) == ((), [0, 1])


def test_a_scene_agrees_with_itself_wholly_and_the_order_of_two_is_nothing(others: dict[str, Pixels]) -> None:
    one, view = scene_of(others["other10.png"]), scene_of(nearer(others["other10.png"], 1.3))
    assert agreement(one, one).points == min(100, len(one.points))
    assert agreement(one, view).points == pytest.approx(agreement(view, one).points, rel=0.1)


def test_every_scene_is_proposed_with_its_likest(others: dict[str, Pixels]) -> None:
    scenes = [scene_of(pixels) for pixels in others.values()] * 2
    pairs = likest_pairs(scenes)
    assert {(at, at + len(others)) for at in range(len(others))} <= set(pairs)
    assert all(low < high for low, high in pairs)
    assert len(pairs) == len(set(pairs)) <= 16 * len(scenes)


def test_what_cannot_be_read_is_named_and_alone(tmp_path: Path, others: dict[str, Pixels]) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = grouped(tmp_path, others, ["broken.png", *others])
    assert [*found.unreadable] == ["broken.png"]
    assert found.numbers.tolist().count(int(found.numbers[0])) == 1


@pytest.mark.real_data
def test_frames_of_one_place_of_gtsdb_are_joined_and_neighbours_of_other_places_are_not(data_folder: Path) -> None:
    folder = data_folder / "privacy" / "signs" / "images"
    names = ("00045", "00106", "00115", "00117", "00118", "00157", "00250", "00556", "00557", "00566")
    files = LabelledFiles(folder, tuple(LabelledFile(f"{name}.jpg", "a", name, name) for name in names))
    joined = {(one.first[:5], one.second[:5]) for one in near_groups(files).joined}
    assert joined == {("00117", "00118"), ("00157", "00566"), ("00556", "00557")}
