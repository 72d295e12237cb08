from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nflows_geo.spectra import SURROUNDINGS, Sample, blur, margin, with_surroundings


def make_block(seed: int, shape: tuple[int, int, int] = (3, 20, 31), missing: float = 0.2) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    block = rng.random(shape, np.float32)
    block[:, rng.random(shape[1:]) < missing] = np.nan
    return block


@pytest.mark.parametrize("sigma", [0.7, 1.0, 3.0])
@pytest.mark.parametrize("shape", [(2, 20, 31), (1, 150, 9), (1, 1, 5), (1, 3, 1)])
def test_blur_is_the_normalized_gaussian(sigma: float, shape: tuple[int, int, int]) -> None:
    block = make_block(0, shape)
    valid = ~np.isnan(block[0])

    def convolve(band: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(band, sigma, mode="constant", radius=margin(sigma)))

    weights = convolve(valid.astype(float))
    expected = np.stack([convolve(np.nan_to_num(band.astype(float))) for band in block])[:, valid] / weights[valid]
    blurred = blur(block, sigma)
    np.testing.assert_allclose(blurred[:, valid], expected, rtol=2e-6)
    assert np.isnan(blurred[:, ~valid]).all()


def test_blur_keeps_what_is_constant() -> None:
    block = np.where(np.isnan(make_block(1)), np.nan, np.float32(0.3)).astype(np.float32)
    np.testing.assert_allclose(blur(block, 2.0), block, rtol=1e-6)


def test_blur_of_zero_pixels_is_the_block() -> None:
    block = make_block(2)
    assert blur(block, 0.0) is block


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(3, 120), st.sampled_from([1.0, 3.0]))
def test_blur_of_a_part_with_its_margin_is_the_part_of_the_blur(seed: int, cut: int, sigma: float) -> None:
    block = make_block(seed, (1, 130, 8))
    reach = margin(sigma)
    whole = blur(block, sigma)
    above = blur(block[:, : cut + reach], sigma)[:, :cut]
    start = max(cut - reach, 0)
    below = blur(block[:, start:], sigma)[:, cut - start :]
    np.testing.assert_array_equal(np.concatenate([above, below], axis=1), whole)


def test_a_sample_holds_pixels_and_what_surrounds_them() -> None:
    block = make_block(3)
    stacked = with_surroundings(block, 1.0)
    rows = stacked.reshape(9, -1).T[~np.isnan(block[0]).ravel()]
    sample = Sample.split(rows)
    np.testing.assert_array_equal(sample.spectra, blur(block, 1.0)[:, ~np.isnan(block[0])].T)
    np.testing.assert_array_equal(sample.surroundings, blur(block, SURROUNDINGS)[:, ~np.isnan(block[0])].T)


@pytest.mark.parametrize(
    ("spectra", "surroundings", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 3)), "one shape"),
        (np.ones(3), np.ones(3), "one shape"),
        (np.ones((1, 2)), np.ones((1, 2)), "two valid spectra"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), "not finite"),
    ],
)
def test_a_sample_refuses_what_it_is_not(
    spectra: NDArray[np.float32], surroundings: NDArray[np.float32], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Sample(spectra, surroundings, surroundings)


def test_the_neighbour_is_the_first_valid_of_right_left_and_the_pixel_itself() -> None:
    nan = np.float32(np.nan)
    block = np.array([[[1, 2, nan, 4], [5, nan, 7, nan]]], np.float32)
    neighbours = with_surroundings(block, 0)[2]
    np.testing.assert_array_equal(neighbours, [[2, 1, 4, 4], [5, 7, 7, 7]])
