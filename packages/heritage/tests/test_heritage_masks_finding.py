from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.drawing import Stroke, drawn
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_heritage.masks import find_brush, find_colour, parse_colour, read_brush, ridge_cracks
from nflows_heritage.masks.colour import grown, without_specks
from nflows_heritage.masks.made_up import MARKED, Damage, bare, crack_shares, loss_shares, painted, weathered
from nflows_heritage.masks.ridges import RidgeFilter

Mask = NDArray[np.bool_]


def line(angle: float, width: float, height: int = 48) -> NDArray[np.float32]:
    way = 40 * np.array([math.cos(angle), math.sin(angle)])
    middle = np.array([height / 2, height / 2])
    return drawn([Stroke(np.array([middle - way, middle + way]), np.full(2, width))], height, height)


def ridges(picture: NDArray[Any]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = RidgeFilter()(torch.from_numpy(picture.astype(np.float32))[None, None])[0].numpy()
    return found


@given(st.floats(0, math.pi), st.floats(1, 5), st.floats(0.2, 0.8))
@settings(max_examples=20)
def test_a_line_is_a_ridge_of_its_own_kind_in_every_direction(angle: float, width: float, grey: float) -> None:
    shares = line(angle, width)
    centre = shares >= 0.9 * shares.max()
    for sign, own, other in ((-1, 0, 1), (1, 1, 0)):
        found = ridges(grey + 0.2 * sign * shares)
        middle = found[:, 24, 24]
        assert middle[own] > 0.2 * 0.15
        assert middle[other] < 0.25 * middle[own]
        assert found[own][centre].mean() > 5 * found[own][[2, -3], :][:, [2, -3]].min()


def test_a_parabola_has_the_ridge_that_its_bend_says() -> None:
    y, x = np.mgrid[:60, :60] - 29.5
    found = ridges(0.001 * x**2)
    assert found[0, 30, 30] == pytest.approx(0.002 * 3.0**2, rel=0.01)  # of the largest scale, sigma² times the bend
    assert found[1, 10:-10, 10:-10].max() < 1e-6
    # A bowl bends both ways alike and is a line nowhere; a slope does not bend at all.
    assert ridges(0.001 * (x**2 + y**2))[:, 20:40, 20:40].max() < 1e-5
    assert ridges(0.01 * x + 0.5)[:, 10:-10, 10:-10].max() < 1e-6


def test_ridges_turn_with_the_picture_and_grow_with_its_contrast() -> None:
    picture = np.random.default_rng(0).random((40, 40))
    found = ridges(picture)
    np.testing.assert_allclose(ridges(np.rot90(picture).copy()), np.rot90(found, axes=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(ridges(0.25 * picture + 0.1), 0.25 * found, atol=1e-5)
    np.testing.assert_allclose(ridges(1 - picture), found[::-1], atol=1e-5)


def test_ridges_alone_find_a_crack_and_nothing_on_an_even_wall() -> None:
    shares = line(0.7, 2)
    picture = np.rint(255 * (0.6 - 0.4 * shares))[..., None].astype(np.uint8)
    found = ridge_cracks(picture, 0.12)
    assert found[shares > 0.9].mean() > 0.95
    assert not found[~grown(shares > 0, 6)].any()
    assert not ridge_cracks(np.full((30, 40, 3), 90, np.uint8), 0.05).any()


@pytest.mark.parametrize("way", [painted, bare, weathered])
@pytest.mark.parametrize("light", [True, False])
def test_made_up_damage_is_where_its_mask_says_and_what_a_seed_gives(way: Callable[..., Damage], light: bool) -> None:
    picture = np.full((64, 80, 3), 0.5, np.float32)

    def made() -> Any:
        random = np.random.default_rng(5)
        return way(picture, crack_shares(64, 80, 3, random), light, random)

    damage, again = made(), made()
    np.testing.assert_array_equal(damage.picture, again.picture)
    change = (damage.picture - picture) * (1 if light else -1)
    worn = 0.1 if way is weathered else 0  # its rim is no damage
    assert np.abs(change[~damage.mask]).max() < 2 * MARKED + worn
    assert np.median(change[damage.mask]) > 0.05
    assert 0.005 < damage.mask.mean() < 0.3


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=30)
def test_damage_fits_pictures_of_any_size(seed: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    for shares in (crack_shares(height, width, 2, random), loss_shares(height, width, 2, (3, 9), random)):
        assert shares.shape == (height, width)
        assert 0 <= shares.min() <= shares.max() <= 1


def test_losses_are_as_large_as_they_are_told_to_be() -> None:
    areas = [loss_shares(400, 400, 1, (20, 20), np.random.default_rng(seed)).sum() for seed in range(40)]
    assert np.median(areas) == pytest.approx(math.pi * 20**2, rel=0.5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_loss_is_found_by_its_colour_and_a_speck_is_left(dtype: Any, channels: int) -> None:
    most = np.iinfo(dtype).max
    picture = np.full((60, 70, channels), most // 3, dtype)
    picture[10:20, 20:35] = most
    picture[40:42, 40:42] = most
    found = find_colour(picture, (255, 255, 255), least=20, grow=0)
    expected = np.zeros((60, 70), bool)
    expected[10:20, 20:35] = True
    np.testing.assert_array_equal(found, expected)
    grown = find_colour(picture, (255, 255, 255), least=20, grow=2)
    assert grown.sum() == 14 * 19
    assert find_colour(picture, (255, 255, 255), least=4, grow=0).sum() == 154


@given(st.tuples(*[st.integers(0, 255)] * 3), st.floats(0, 40))
@settings(max_examples=30)
def test_a_colour_is_within_every_tolerance_of_itself(colour: tuple[int, int, int], tolerance: float) -> None:
    picture = np.broadcast_to(np.array(colour, np.uint8), (5, 6, 3))
    assert find_colour(picture, colour, tolerance + 1e-6, least=1).all()


def test_tolerance_is_the_distance_in_cielab() -> None:
    greys = np.array([[0, 119, 255]], np.uint8)[..., None]  # L* of 0, 50.03 and 100
    for tolerance, expected in ((49, [False, False, True]), (51, [False, True, True]), (101, [True] * 3)):
        np.testing.assert_array_equal(find_colour(greys, (255, 255, 255), tolerance, 1, 0)[0], expected)


def test_specks_hang_together_by_corners() -> None:
    mask = np.eye(6, dtype=bool)
    mask[0, 5] = True
    np.testing.assert_array_equal(without_specks(mask, 6), np.eye(6, dtype=bool))


def test_colours_are_named_in_words_and_digits() -> None:
    assert parse_colour("White") == (255, 255, 255)
    assert parse_colour("#f4EFe6") == parse_colour("f4efe6") == (244, 239, 230)
    with pytest.raises(ValueError, match="expected white or black, or red, green and blue as #f4efe6"):
        parse_colour("#fff")


def test_a_brush_marks_all_that_is_not_black_nor_clear(tmp_path: Path) -> None:
    painted = np.zeros((4, 5, 4), np.uint8)
    painted[0, 0] = 0, 0, 1, 255
    painted[1, 1] = 255, 255, 255, 0
    painted[2, 2] = 0, 0, 0, 255
    painted[3, 4] = 9, 9, 9, 1
    write_picture(tmp_path / "a.png", Picture(painted))
    expected = np.zeros((4, 5), bool)
    expected[0, 0] = expected[3, 4] = True
    np.testing.assert_array_equal(read_brush(tmp_path / "a.png", 4, 5), expected)
    with pytest.raises(ValueError, match=r"a\.png: the mask has 5 x 4 pixels, and the picture has 4 x 5; paint it"):
        read_brush(tmp_path / "a.png", 5, 4)


def test_masks_of_a_folder_are_found_by_their_stem(tmp_path: Path) -> None:
    for name in ("one.png", "two.png", "two.tif"):
        write_picture(tmp_path / name, Picture(np.zeros((2, 2, 1), np.uint8)))
    assert find_brush(tmp_path, Path("elsewhere/one.jpg")) == tmp_path / "one.png"
    assert find_brush(tmp_path / "two.png", Path("one.jpg")) == tmp_path / "two.png"
    with pytest.raises(ValueError, match=r"2 masks are named two, for two\.jpg; there must be one"):
        find_brush(tmp_path, Path("two.jpg"))
    with pytest.raises(ValueError, match="no mask is named three"):
        find_brush(tmp_path, Path("three.jpg"))


@pytest.mark.real_data
def test_the_white_damage_of_the_murals_is_found_by_its_colour_to_a_pixel(data_folder: Path) -> None:
    folder = data_folder / "heritage" / "murals"
    damaged = read_picture(folder / "inpaint-domain.png").pixels.max(2) > 0
    for case in ("case01", "case02", "case03"):
        found = find_colour(read_picture(folder / f"{case}-toinpaint.png").pixels, (255, 255, 255))
        assert found[damaged].mean() > 0.88
        assert grown(damaged, 1)[found].mean() > 0.99
