"""What the methods without weights find out about made-up pictures, and what they make of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from made_up_art import Samples, drawn
from nflows_heritage.classic import (
    KINDS,
    Dull,
    Faded,
    Method,
    Moved,
    Noise,
    OutOfFocus,
    Pixelated,
    Rain,
    SaltAndPepper,
    Untouched,
    Zoomed,
    estimated,
    from_record,
    recorded,
)
from nflows_heritage.distortions import DISTORTIONS, distorted
from nflows_heritage.distortions.blurs import blur_kernel, motion_kernel
from nflows_heritage.distortions.colours import dulled, faded, grey_of
from nflows_heritage.restoring.classic import Classic
from nflows_heritage.restoring.tiling import restored
from nflows_heritage.views import InMemory
from nflows_sr.degradations import blur


def suffered(picture: Samples, kind: str, level: float, seed: int = 1) -> Samples:
    """The damaged picture, as a file of 8 bits has it."""
    damaged = distorted(torch.from_numpy(picture).permute(2, 0, 1).contiguous(), kind, level, seed)
    return np.ascontiguousarray((damaged.permute(1, 2, 0).numpy() * 255).round().astype(np.float32) / 255)


def psnr(result: Samples, clean: Samples) -> float:
    return -10 * math.log10(max(float(np.mean((result - clean) ** 2)), 1e-12))


def gain(kind: str, level: float, clean: Samples) -> float:
    damaged = suffered(clean, kind, level)
    return psnr(estimated(kind, damaged)(damaged), clean) - psnr(damaged, clean)


def test_there_is_a_method_against_every_distortion() -> None:
    assert tuple(DISTORTIONS) == KINDS
    with pytest.raises(ValueError, match=r"there is no damage 'smoke'; there are blur, dull, .*, water"):
        estimated("smoke", drawn(8))


@pytest.mark.parametrize(
    ("kind", "least"),
    [("blur", 2), ("gaussian", 7), ("motion", 2), ("salt-and-pepper", 15), ("speckle", 7), ("pixelate", 0.5)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_drawn_picture_is_won_back(kind: str, least: float, channels: int) -> None:
    assert gain(kind, 3, drawn(channels=channels)) > least


def test_a_zoom_is_found_and_undone() -> None:
    clean = drawn(160) * 0.8 + 0.2 * np.random.default_rng(0).random((160, 160, 3), np.float32)
    damaged = suffered(clean, "radial", 3)
    method = estimated("radial", damaged)
    assert isinstance(method, Zoomed)
    assert method.zoom == pytest.approx(0.036, rel=0.15)
    assert psnr(method(damaged), clean) > psnr(damaged, clean) + 0.5


@pytest.mark.parametrize("kind", ["gaussian", "salt-and-pepper", "speckle", "pixelate", "radial", "water"])
def test_a_clean_picture_without_the_damage_stays(kind: str) -> None:
    clean = gaussian_filter(drawn(), (0.5, 0.5, 0))
    assert psnr(estimated(kind, clean)(clean), clean) > 45


@pytest.mark.parametrize("level", [1, 3, 5])
def test_noise_is_measured(level: int) -> None:
    for kind, strength, in_proportion in (("gaussian", 10 * level / 255, False), ("speckle", 0.1 * level, True)):
        method = estimated(kind, suffered(drawn(), kind, level))
        assert method == Noise(pytest.approx(strength, rel=0.08), in_proportion)


def test_noise_cut_off_at_black_does_not_lighten_the_dark() -> None:
    dark = np.full((64, 64, 1), 0.02, np.float32)
    noisy = suffered(dark, "gaussian", 5)
    assert noisy.mean() > 0.08
    assert Noise(50 / 255, in_proportion=False)(noisy).mean() == pytest.approx(0.02, abs=0.015)


def test_impulses_are_replaced_and_nothing_else() -> None:
    clean = np.clip(drawn(), 0.05, 0.95)
    damaged = suffered(clean, "salt-and-pepper", 1)
    result = estimated("salt-and-pepper", damaged)(damaged)
    hit = (damaged == 0).all(2) | (damaged == 1).all(2)
    np.testing.assert_array_equal(result[~hit], damaged[~hit])
    assert np.median(np.abs(result - clean)[hit]) < 0.01


@given(st.sampled_from([2, 3, 4, 6, 8]), st.integers(0, 7), st.integers(0, 7))
@settings(max_examples=10, deadline=None)
def test_blocks_are_found_where_they_begin_and_keep_their_means(side: int, top: int, left: int) -> None:
    top, left = top % side, left % side
    blocks = np.random.default_rng(side).random((16, 16, 1), np.float32)
    picture = blocks.repeat(side, 0).repeat(side, 1)[side - top :, side - left :]
    method = estimated("pixelate", picture)
    assert method == Pixelated(side, top, left)
    inner = method(picture)[top:, left:][: 12 * side, : 12 * side]
    kept = picture[top:, left:][: 12 * side : side, : 12 * side : side]
    means = inner.reshape(12, side, 12, side, 1).mean((1, 3))
    assert np.abs(means - kept).mean() < 0.02  # but for what would be darker than black


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_a_known_blur_is_undone(sigma: float) -> None:
    clean = drawn(96)
    damaged = blur(torch.from_numpy(clean).permute(2, 0, 1), blur_kernel(sigma)).permute(1, 2, 0).numpy()
    assert psnr(OutOfFocus(sigma)(damaged), clean) > psnr(damaged, clean) + 4


def test_a_known_motion_is_undone() -> None:
    clean = drawn(96)
    kernel = motion_kernel(9, math.radians(30))
    damaged = blur(torch.from_numpy(clean).permute(2, 0, 1), kernel).permute(1, 2, 0).numpy()
    assert psnr(Moved(9.0, 30.0)(damaged), clean) > psnr(damaged, clean) + 2.5
    assert psnr(Moved(9.0, 150.0)(damaged), clean) < psnr(damaged, clean)


@given(st.floats(5, 20), st.floats(0, 179))
@settings(max_examples=5, deadline=None)
def test_a_motion_has_its_length_and_direction_found(length: float, angle: float) -> None:
    texture = torch.from_numpy(gaussian_filter(np.random.default_rng(0).random((192, 192)), 0.7)).float()
    moved = blur(texture[None], motion_kernel(length, math.radians(angle))).permute(1, 2, 0).numpy()
    method = estimated("motion", np.clip(0.5 + 2 * (moved - moved.mean()), 0, 1))
    assert isinstance(method, Moved)
    assert method.length == pytest.approx(length, abs=0.8)
    assert abs((method.angle - angle + 90) % 180 - 90) < 3


def test_colours_come_back_by_the_true_parameters() -> None:
    clean = torch.from_numpy(drawn(32)).permute(2, 0, 1)
    dirty = dulled(clean, 0.6, 0.5, 0.9)
    method = Dull(0.6, 0.5, 0.9, float(grey_of(dirty).mean()))
    np.testing.assert_allclose(method(dirty.permute(1, 2, 0).numpy()), drawn(32), atol=1e-5)
    paper = torch.tensor([0.9, 0.85, 0.7])
    pale = faded(clean, 0.4, paper[:, None, None]).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(Faded(0.4, paper.tolist())(pale), drawn(32), atol=1e-5)


def test_rain_is_taken_off() -> None:
    assert gain("rain", 3, drawn()) > 3


@pytest.mark.parametrize("kind", ["dull", "fade"])
def test_lost_colours_are_judged_in_the_right_direction(kind: str) -> None:
    assert gain(kind, 4, drawn(seed=3)) > 3


@pytest.mark.parametrize("kind", KINDS)
def test_tile_by_tile_is_the_whole_within_a_level(kind: str) -> None:
    damaged = InMemory((suffered(drawn(240, 1), kind, 2) * 65535).round().astype(np.uint16))
    engine = Classic().prepare(damaged, kind, 0)
    whole, parts = (
        np.concatenate(list(restored(damaged, engine, 1.0, None, side))).astype(float)
        for side in (1024, max(100, 4 * engine.halo))
    )
    difference = np.abs(parts - whole)[..., 0] / 257
    assert difference[20:-20, 20:-20].max() < 1
    if kind not in ("motion", "radial"):  # what moved in from beyond the rim is a guess, and the tiles' own
        assert difference.max() < 1
    assert difference.mean() < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_makes_the_same_picture_to_the_bit(kind: str) -> None:
    damaged = suffered(drawn(64), kind, 3)
    method = estimated(kind, damaged)
    again = from_record(kind, json.loads(json.dumps(recorded(method))))
    np.testing.assert_array_equal(again(damaged), method(damaged))
    with pytest.raises(ValueError, match=f"are no parameters of {kind}"):
        from_record(kind, {"strength": 1})


@pytest.mark.parametrize("kind", KINDS)
def test_16_bits_say_what_8_bits_say(kind: str) -> None:
    damaged = (suffered(drawn(64), kind, 3) * 255).round()
    low, high = damaged.astype(np.uint8), damaged.astype(np.uint16) * 257
    first, second = estimated(kind, low), estimated(kind, high)
    samples = damaged.astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(first(samples), second(samples), atol=1e-4)


@given(st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_pictures_of_any_size_stay_pictures(kind: str, height: int, width: int, channels: int, seed: int) -> None:
    picture = np.random.default_rng(seed).random((height, width, channels), np.float32)
    before = picture.copy()
    result = estimated(kind, picture)(picture)
    assert result.shape == picture.shape
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    np.testing.assert_array_equal(picture, before)


IDLE = (
    OutOfFocus(0.0), Moved(0.0, 20.0), Noise(0.0, False), Pixelated(1, 0, 0), Zoomed(0.0, 3.0, 2.0, 9.0),
    Rain(5.0, 0.0), SaltAndPepper(0.0), Dull(1.0, 1.0, 1.0, 0.4), Faded(0.0, [0.9, 0.9, 0.8]), Untouched(),
)  # fmt: skip


@pytest.mark.parametrize("method", IDLE, ids=lambda method: type(method).__name__)
def test_what_has_nothing_to_undo_changes_nothing_and_says_so(method: Method) -> None:
    picture = drawn(40)
    assert method.is_idle
    np.testing.assert_array_equal(method(picture), picture)


def test_what_finds_something_is_not_idle() -> None:
    assert [kind for kind in KINDS if estimated(kind, suffered(drawn(128), kind, 4)).is_idle] == ["water"]


@pytest.mark.parametrize("method", [OutOfFocus(2.0), Moved(7.0, 20.0), Zoomed(0.05, 3.0, 2.0, 9.0), Pixelated(4, 1, 3)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (5, 2, 3)])
def test_tiny_pictures_and_known_parameters(method: OutOfFocus, shape: tuple[int, int, int]) -> None:
    even = np.full(shape, 0.4, np.float32)
    np.testing.assert_allclose(method(even), even, atol=0.01)


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 4), (0, 4, 3)])
def test_what_is_no_picture_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected .H, W, 1. or .H, W, 3."):
        estimated("blur", np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="expected samples of uint8, uint16 or float32, got int64"):
        estimated("blur", np.zeros((4, 4, 3), np.int64))
