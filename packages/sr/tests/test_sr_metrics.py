from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nflows_sr.degradations import imresize
from nflows_sr.metrics import luma, psnr, ssim
from nflows_sr.metrics.fidelity import MOST_DB


def noisy(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    image = generator.uniform(0, 255, (height, width))
    return image, np.clip(image + generator.normal(0, 20, image.shape), 0, 255)


@pytest.mark.parametrize(
    ("colour", "value"),
    [((255, 0, 0), 81.481), ((0, 255, 0), 144.553), ((0, 0, 255), 40.966), ((0, 0, 0), 16), ((255, 255, 255), 235)],
)
def test_luma_is_in_the_studio_range(colour: tuple[int, int, int], value: float) -> None:
    assert luma(np.array([[colour]], np.uint8)).item() == pytest.approx(value)
    assert luma(np.array([[colour]], np.uint16) * np.uint16(257)).item() == pytest.approx(value)


def test_grey_is_taken_as_it_is() -> None:
    assert luma(np.array([[[0], [255]]], np.uint8)).tolist() == [[0, 255]]
    assert luma(np.array([[[0], [65535]]], np.uint16)).tolist() == [[0, 255]]


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 2))
def test_psnr_of_a_constant_error_is_known(error: int, border: int) -> None:
    image = np.full((9, 8), 100.0)
    assert psnr(image + error, image, border) == pytest.approx(20 * math.log10(255 / error))


def test_the_border_does_not_count() -> None:
    image, _ = noisy(20, 24)
    framed = image.copy()
    framed[:3], framed[-3:], framed[:, :3], framed[:, -3:] = 0, 0, 0, 0
    assert psnr(framed, image, 3) == MOST_DB == 100
    assert ssim(framed, image, 3) == pytest.approx(1)
    assert psnr(framed, image, 2) < 40


def test_ssim_is_what_the_definition_says() -> None:
    """Window by window, with the two-dimensional Gaussian written out."""
    image, reference = noisy(15, 13)
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for i in range(5):
        for j in range(3):
            x, y = image[i : i + 11, j : j + 11], reference[i : i + 11, j : j + 11]
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy, cov = ((window * a * b).sum() for a, b in ((x - mx, x - mx), (y - my, y - my), (x - mx, y - my)))
            values.append((2 * mx * my + 6.5025) * (2 * cov + 58.5225))
            values[-1] /= (mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225)
    assert ssim(image, reference) == pytest.approx(np.mean(values))


def test_ssim_is_that_of_scikit_image() -> None:
    """With gaussian_weights, sigma=1.5 and use_sample_covariance=False, version 0.26.0."""
    i, j = np.mgrid[:24, :31].astype(float)
    image = (7 * i + 3 * j) % 256
    assert ssim(image + i * j % 17, image) == pytest.approx(0.9254167795864521, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 100))
def test_both_are_symmetric_and_one_of_itself(seed: int) -> None:
    image, other = noisy(16, 17, seed)
    assert psnr(image, other) == psnr(other, image)
    assert ssim(image, other) == pytest.approx(ssim(other, image))
    assert ssim(image, other) < ssim(image, image) == pytest.approx(1)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_what_cannot_be_compared_is_refused(measure: object) -> None:
    image = np.zeros((20, 20))
    assert callable(measure)
    with pytest.raises(ValueError, match=r"`image`: expected one channel of the reference's size \(20, 20\)"):
        measure(image[1:], image)
    with pytest.raises(ValueError, match=r"`border`: 10 pixels on each side leave nothing of 20 x 20"):
        measure(image, image, 10)


def test_ssim_of_a_tiny_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="SSIM needs 11 x 11 pixels within the border, got 10 x 20"):
        ssim(np.zeros((14, 24)), np.zeros((14, 24)), 2)


def test_luma_of_alpha_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got uint8 \(2, 2, 4\); leave alpha out"):
        luma(np.zeros((2, 2, 4), np.uint8))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "tolerance", "known"),
    [("Set5", 0.03, {2: 33.66, 3: 30.39, 4: 28.42}), ("Set14", 0.02, {2: 30.24, 3: 27.55, 4: 26.00})],
)
def test_bicubic_is_as_good_as_published(
    data_folder: Path, name: str, tolerance: float, known: dict[int, float]
) -> None:
    for scale, published in known.items():
        values = [bicubic_psnr(path, scale) for path in sorted((data_folder / "sr" / name / "HR").iterdir())]
        assert np.mean(values) == pytest.approx(published, abs=tolerance)


def bicubic_psnr(path: Path, scale: int) -> float:
    image = Image.open(path)
    pixels = np.array(image) if image.mode == "RGB" else np.array(image.convert("L"))[..., None]
    pixels = pixels[: pixels.shape[0] // scale * scale, : pixels.shape[1] // scale * scale]
    enlarged = imresize(imresize(pixels, 1 / scale), float(scale))
    return psnr(luma(enlarged), luma(pixels), scale)
