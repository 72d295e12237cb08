from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.drawing import Stroke, drawn
from nflows_core.runtime.images import read_picture
from nflows_heritage.inpainting import METHODS, biharmonic_fill, inpaint, patch_fill
from nflows_heritage.inpainting.windows import halved, is_thick

Mask = NDArray[np.bool_]


def surface(height: int, width: int, bend: float) -> NDArray[np.float32]:
    """A quadratic surface, or with no bend a plane, of three channels."""
    y, x = np.mgrid[:height, :width] / 40
    return np.stack([0.2 + 0.3 * x + 0.1 * y + bend * (k * x**2 + x * y - y**2) for k in range(3)], 2).astype(
        np.float32
    )


def crack(height: int, width: int, across: float = 3) -> Mask:
    points = np.array([[2.0, 4.0], [width / 2, height / 2], [width - 3.0, height - 5.0]])
    return drawn([Stroke(points, np.full(3, across))], height, width) > 0


def stripes(height: int, width: int, dtype: Any = np.uint8) -> NDArray[Any]:
    row = np.where(np.arange(width) % 6 < 3, 0.8, 0.2)[None, :, None] * np.array([1.0, 0.5, 0.25])
    return np.rint(np.repeat(row, height, 0) * np.iinfo(dtype).max).astype(dtype)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.9))
@settings(max_examples=20)
def test_a_quadratic_surface_is_restored_whatever_is_hidden_within(seed: int, share: float) -> None:
    picture = surface(24, 30, 0.3)
    mask = np.random.default_rng(seed).random((24, 30)) < share
    mask[[0, 1, -1, -2]] = mask[:, [0, 1, -1, -2]] = False
    mask[12, 12] = True
    hidden = np.where(mask[..., None], np.float32(9), picture)
    np.testing.assert_allclose(biharmonic_fill(hidden, mask), picture, atol=2e-4)


def test_a_plane_is_restored_up_to_the_border_and_beyond_what_is_known() -> None:
    picture, mask = surface(20, 26, 0), np.zeros((20, 26), bool)
    mask[:8, :9] = mask[15:, 20:] = True
    np.testing.assert_allclose(biharmonic_fill(np.where(mask[..., None], 0, picture), mask), picture, atol=1e-3)


def test_a_single_pixel_has_the_value_of_the_thirteen_point_stencil() -> None:
    picture = np.random.default_rng(0).random((7, 7, 1)).astype(np.float32)
    mask = np.zeros((7, 7), bool)
    mask[3, 3] = True
    a = picture[..., 0]
    beside = a[2, 3] + a[4, 3] + a[3, 2] + a[3, 4]
    across = a[2, 2] + a[2, 4] + a[4, 2] + a[4, 4]
    far = a[1, 3] + a[5, 3] + a[3, 1] + a[3, 5]
    expected = (8 * beside - 2 * across - far) / 20
    assert biharmonic_fill(picture, mask)[3, 3, 0] == pytest.approx(expected, abs=1e-6)


def test_one_known_pixel_gives_its_colour_to_all() -> None:
    mask = np.ones((6, 5), bool)
    mask[2, 3] = False
    np.testing.assert_allclose(biharmonic_fill(np.full((6, 5, 1), 0.4, np.float32), mask), 0.4, atol=1e-5)


def test_patches_continue_stripes_where_a_plate_cannot() -> None:
    picture, mask = stripes(64, 80), crack(64, 80, 5)
    errors = {method: np.abs(inpaint(picture, mask, method).astype(int) - picture).max() for method in METHODS}
    assert errors["patches"] <= 16
    assert errors["biharmonic"] > 30


def test_stripes_go_on_through_a_thick_hole() -> None:
    picture, mask = stripes(160, 160), np.zeros((160, 160), bool)
    mask[50:110, 60:100] = True
    assert is_thick(mask)
    error = np.abs(inpaint(picture, mask, "patches").astype(int) - picture)
    assert error.mean() < 0.1 * np.abs(inpaint(picture, mask, "biharmonic").astype(int) - picture).mean()


def test_patches_of_another_brightness_are_used() -> None:
    picture = stripes(64, 80).astype(np.float32)[..., :1] / 255
    picture *= np.linspace(0.5, 1, 64, dtype=np.float32)[:, None, None]
    mask = crack(64, 80, 5)
    filled = patch_fill(np.where(mask[..., None], picture.mean(), picture).astype(np.float32), mask)
    assert np.abs(filled - picture).max() < 0.06


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("height", "width", "channels"), [(60, 70, 3), (1, 9, 1), (5, 6, 3), (40, 33, 1), (150, 20, 4)]
)
def test_outside_of_the_mask_no_bit_changes(method: str, dtype: Any, height: int, width: int, channels: int) -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    mask = random.random((height, width)) < 0.2
    mask[0, 0], mask[0, 1] = True, False
    before = picture.copy()
    filled = inpaint(picture, mask, method)
    assert filled.dtype == dtype
    np.testing.assert_array_equal(filled[~mask], picture[~mask])
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(inpaint(picture, mask.astype(np.uint8) * 7, method), filled)
    secret = np.where(mask[..., None], np.iinfo(dtype).max - picture, picture)
    np.testing.assert_array_equal(inpaint(secret, mask, method), filled)  # what is masked is never looked at


def test_sixteen_bits_are_as_fine_as_they_are() -> None:
    picture = np.rint(surface(40, 40, 0)[..., :1] * 65535 / 2).astype(np.uint16)
    mask = crack(40, 40)
    assert np.abs(inpaint(picture, mask, "biharmonic").astype(int) - picture).max() <= 2


def test_a_large_picture_is_filled_window_by_window_as_it_would_be_at_once() -> None:
    random = np.random.default_rng(2)
    y, x = np.mgrid[:300, :420]
    picture = np.rint(127 + 60 * np.sin(x / 9) * np.cos(y / 13) + random.normal(0, 2, (300, 420)))[..., None]
    picture, mask = picture.astype(np.uint8), crack(300, 420, 4)
    whole = biharmonic_fill(picture.astype(np.float32) / 255, mask)
    apart = np.abs(inpaint(picture, mask, "biharmonic") - 255 * np.clip(whole, 0, 1))
    assert apart.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_smooth_picture_is_filled_smoothly_through_a_hole_of_many_windows(method: str) -> None:
    y, x = np.mgrid[:170, :180] / 180
    picture = np.rint(255 * (0.2 + 0.5 * x + 0.2 * y))[..., None].astype(np.uint8)
    mask = np.zeros((170, 180), bool)
    mask[50:150, 60:160] = True
    assert np.abs(inpaint(picture, mask, method).astype(int) - picture).max() <= 6


def test_half_a_picture_is_the_means_of_what_is_known() -> None:
    picture = np.array([[0.0, 0.2, 0.4], [0.6, 0.8, 1.0], [0.1, 0.3, 0.5]], np.float32)[..., None]
    mask = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 0]], bool)
    small, hidden = halved(picture, mask)
    np.testing.assert_allclose(small[..., 0], [[(0.2 + 0.6 + 0.8) / 3, 0], [0.1, 0.5]], atol=1e-6)
    np.testing.assert_array_equal(hidden, [[False, True], [False, False]])


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_mask_gives_the_same_picture(method: str) -> None:
    picture = stripes(20, 30, np.uint16)
    filled = inpaint(picture, np.zeros((20, 30), bool), method)
    np.testing.assert_array_equal(filled, picture)
    assert filled is not picture


@pytest.mark.parametrize(
    ("picture", "mask", "method", "message"),
    [
        (stripes(8, 9), np.ones((8, 9)), "mixed", "covers the whole picture, and leaves nothing"),
        (stripes(8, 9), np.ones((9, 8)), "mixed", r"expected the picture's size \(8, 9\), got \(9, 8\)"),
        (stripes(8, 9), np.ones((8, 9)), "magic", "no 'magic'; there are biharmonic, patches, mixed"),
        (stripes(8, 9) / 255, np.ones((8, 9)), "mixed", "8 or 16 bits, got .* of float64"),
        (stripes(8, 9)[..., 0], np.ones((8, 9)), "mixed", r"expected \(H, W, C\)"),
    ],
)
def test_what_cannot_be_filled_is_told(picture: NDArray[Any], mask: NDArray[Any], method: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inpaint(picture, mask, method)


@pytest.mark.real_data
def test_the_murals_are_nearer_to_what_they_were_than_by_a_plate(data_folder: Path) -> None:
    folder = data_folder / "heritage" / "murals"
    mask = read_picture(folder / "inpaint-domain.png").pixels.max(2) > 0
    ratios = []
    for case in ("case01", "case02", "case03"):
        original, damaged = (read_picture(folder / f"{case}-{name}.png").pixels for name in ("original", "toinpaint"))
        plate, mixed = (_psnr(inpaint(damaged, mask, method), original, mask) for method in ("biharmonic", "mixed"))
        assert mixed > plate + 0.4
        ratios.append(mixed)
    assert np.mean(ratios) > 27.0


def test_the_readme_says_what_was_measured() -> None:
    folder = Path(__file__).parents[1]
    rows = json.loads((folder / "benchmarks" / "results" / "inpainting.json").read_text(encoding="utf-8"))["rows"]
    murals = {row["way"]: row for row in rows if row["set"] == "murals"}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    mixed, stokes, plate = (murals[way] for way in ("mixed", "Navier-Stokes", "biharmonic, scikit-image"))
    assert f"{mixed['psnr_db']:.2f} dB of PSNR and {mixed['ssim']:.3f}".replace(" 0.", " .") in readme
    assert f"{stokes['psnr_db']:.1f} dB and {stokes['ssim']:.3f}".replace(" 0.", " .") in readme
    assert f"{plate['psnr_db']:.1f} dB and {plate['ssim']:.3f}".replace(" 0.", " .") in readme
    for name, ratio in mixed["psnr_db_each"].items():
        assert ratio > plate["psnr_db_each"][name] + 0.4


def _psnr(picture: NDArray[Any], original: NDArray[Any], mask: Mask) -> float:
    return float(10 * np.log10(255**2 / np.mean((picture.astype(np.float64) - original)[mask] ** 2)))
