from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from nflows_sr.degradations import (
    FIRST,
    SECOND,
    Stage,
    blur,
    degrade_real,
    draw_kernel,
    gaussian_kernel,
    gaussian_noise,
    jpeg,
    poisson_noise,
    resize_bicubic,
    sinc_kernel,
)

seeds = st.integers(0, 2**32)
STILL = Stage(
    blur=0, sigma=(1, 1), resize=(0, 0, 1), factor=(1, 1), noise=(0, 0), poisson=(0, 0), quality=(100, 100)
)  # a pass that changes next to nothing


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def picture(height: int = 96, width: int = 80) -> Tensor:
    """A smooth picture of colours."""
    return resize_bicubic(torch.rand(3, 6, 5, generator=seeded()), (height, width)).clamp(0, 1)


def moments(kernel: Tensor) -> Tensor:
    axis = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([(kernel * a * b).sum() for a, b in ((x, x), (x, y), (y, y))])


@settings(deadline=None)
@given(seeds, st.sampled_from([FIRST, SECOND]))
def test_a_kernel_sums_to_one_and_is_symmetric(seed: int, stage: Stage) -> None:
    kernel = draw_kernel(stage, seeded(seed))
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(kernel, kernel.flip(0, 1))
    assert kernel.shape[0] in range(7, 22, 2)


@settings(deadline=None)
@given(st.floats(0.8, 3), st.floats(0.8, 3), st.floats(-4, 4))
def test_a_gaussian_has_the_covariance_it_was_given(first: float, second: float, angle: float) -> None:
    c, s = math.cos(angle), math.sin(angle)
    a, b = first**2, second**2
    expected = torch.tensor([a * c * c + b * s * s, (a - b) * c * s, a * s * s + b * c * c], dtype=torch.float64)
    kernel = gaussian_kernel(31, (first, second), angle).double()
    torch.testing.assert_close(moments(kernel), expected, rtol=1e-2, atol=1e-3)


def test_known_entries_of_both_formulas() -> None:
    """One pixel from the middle along the axis of the standard deviation 2, m is 1/4."""
    gaussian = gaussian_kernel(21, (2, 3), beta=0.5)
    assert (gaussian[10, 11] / gaussian[10, 10]).item() == pytest.approx(math.exp(-(0.25**0.5) / 2))
    plateau = gaussian_kernel(21, (2, 3), beta=1.5, shape="plateau")
    assert (plateau[10, 11] / plateau[10, 10]).item() == pytest.approx(1 / (1 + 0.25**1.5))


@pytest.mark.parametrize("cutoff", [math.pi / 3, math.pi / 2, 2.5])
def test_a_sinc_passes_what_is_below_its_cutoff(cutoff: float) -> None:
    kernel = sinc_kernel(201, cutoff)
    response = torch.fft.fft2(torch.fft.ifftshift(kernel)).real[0, :101]
    frequency = torch.arange(101) * 2 * math.pi / 201
    assert (response[frequency < cutoff - 0.2] - 1).abs().max() < 0.1
    assert response[frequency > cutoff + 0.2].abs().max() < 0.1
    assert kernel.min() < 0


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3, 7, 21]))
def test_blur_keeps_a_constant(height: int, width: int, size: int) -> None:
    image = torch.full((2, 3, height, width), 0.25)
    torch.testing.assert_close(blur(image, gaussian_kernel(size, (2, 1), 0.5)), image)


def test_blur_is_the_convolution_of_torch() -> None:
    image, kernel = picture(), torch.rand(7, 7, generator=seeded(1))
    padded = F.pad(image[None], (3, 3, 3, 3), mode="reflect")
    expected = F.conv2d(padded, kernel.expand(3, 1, 7, 7), groups=3)[0]
    torch.testing.assert_close(blur(image, kernel), expected)


@pytest.mark.parametrize("is_grey", [True, False])
def test_gaussian_noise_has_its_deviation(is_grey: bool) -> None:
    noise = gaussian_noise(torch.full((3, 200, 200), 0.5), 0.05, seeded(), is_grey) - 0.5
    assert noise.mean().item() == pytest.approx(0, abs=1e-3)
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert torch.equal(noise[0], noise[1]) == is_grey


@pytest.mark.parametrize("is_grey", [True, False])
def test_poisson_noise_has_the_variance_of_the_light(is_grey: bool) -> None:
    """With 256 grey levels there are 256 photons for white, and the variance is x / 256."""
    image = torch.arange(256).repeat(1000, 1).expand(3, 1000, 256) / 255
    noise = 0.25 * (poisson_noise(image, 4.0, seeded(), is_grey) - image)
    middle = noise[:, :, 60:70]  # where nothing is clipped
    assert middle.mean().item() == pytest.approx(0, abs=1e-3)
    assert middle.var().item() == pytest.approx(64.5 / 255 / 256, rel=0.05)
    assert torch.equal(noise[0], noise[1]) == is_grey


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 256), st.floats(0.05, 3), st.booleans())
def test_few_levels_make_no_more_poisson_noise_than_many(seed: int, count: int, scale: float, is_grey: bool) -> None:
    """The noise of an image depends on its light, and not on how few colours it has."""
    levels = torch.randperm(256, generator=seeded(seed))[:count].sort().values
    image = (levels / 255).repeat_interleave(8192 // count + 1).expand(3, 1, -1)
    noise = poisson_noise(image, scale, seeded(seed), is_grey) - image
    assert noise.square().mean() <= 1.2 * scale**2 * image.mean() / 128 + 1e-12


@pytest.mark.parametrize("grey", [64, 128, 192])
def test_a_flat_picture_stays_one_on_the_whole(grey: int) -> None:
    flat = torch.full((3, 96, 96), grey / 255)
    spreads = [float(degrade_real(flat, 2, seeded(seed)).std()) for seed in range(12)]
    assert sorted(spreads)[len(spreads) // 2] < 24 / 255
    assert max(spreads) < 48 / 255


def test_jpeg_leaves_levels_of_eight_bits() -> None:
    levels = jpeg(picture(), 60) * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


def test_jpeg_of_a_constant_is_the_constant() -> None:
    image = torch.full((1, 20, 30), 128 / 255)
    torch.testing.assert_close(jpeg(image, 50), image)


def test_jpeg_is_nearer_with_a_higher_quality() -> None:
    image = torch.rand(3, 64, 64, generator=seeded())
    errors = [(jpeg(image, quality) - image).square().mean().item() for quality in (10, 40, 70, 100)]
    assert errors == sorted(errors, reverse=True)


def test_jpeg_halves_the_resolution_of_colours() -> None:
    stripes = torch.zeros(3, 32, 32)
    stripes[0, :, ::2], stripes[2, :, 1::2] = 1, 1  # red and blue in turn
    grey = torch.zeros(1, 32, 32)
    grey[:, :, ::2] = 1
    assert (jpeg(stripes, 95) - stripes).abs().mean() > 0.2
    assert (jpeg(grey, 95) - grey).abs().mean() < 0.02


@settings(deadline=None, max_examples=20)
@given(seeds, st.sampled_from([1, 2, 3, 4]), st.sampled_from([1, 3]))
def test_a_degraded_picture_is_small_and_of_eight_bits(seed: int, scale: int, channels: int) -> None:
    small = degrade_real(picture(27, 33)[:channels], scale, seeded(seed))
    assert small.shape == (channels, 27 // scale, 33 // scale)
    torch.testing.assert_close(small * 255, (small * 255).round())
    assert small.min() >= 0
    assert small.max() <= 1


def test_a_seed_decides_every_byte_on_any_number_of_threads() -> None:
    before = torch.get_num_threads()
    image, drawn = picture(163, 159), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            drawn.append(torch.stack([degrade_real(image, 2, seeded(seed)) for seed in range(12)]))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
    assert len({small.numpy().tobytes() for small in drawn[0]}) == 12


def test_the_light_of_a_picture_stays_on_average() -> None:
    image = 0.3 + 0.4 * picture()  # so that little noise is clipped
    means = [degrade_real(image, 2, seeded(seed)).mean().item() for seed in range(60)]
    assert np.mean(means) == pytest.approx(image.mean().item(), abs=0.01)


def test_two_passes_that_do_nothing_leave_a_resized_picture() -> None:
    grey = picture()[:1]
    small = degrade_real(grey, 4, seeded(), STILL, STILL, final_sinc=0)
    torch.testing.assert_close(small, resize_bicubic(grey, 1 / 4), atol=0.06, rtol=0)


@pytest.mark.parametrize("stage", [FIRST, SECOND])
def test_one_kernel_of_ten_rings(stage: Stage) -> None:
    generator = seeded()
    rings = sum(bool(draw_kernel(stage, generator).min() < 0) for _ in range(1500))
    assert rings / 1500 == pytest.approx(0.1, abs=0.025)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_kernel(8, (1, 1)), "`size`: expected an odd number, got 8"),
        (lambda: gaussian_kernel(7, (0, 1)), r"`sigmas` and `beta` must be positive, got \(0, 1\) and 1.0"),
        (lambda: sinc_kernel(7, 4.0), r"`cutoff`: expected a frequency within \(0, pi\], got 4.0"),
        (lambda: jpeg(torch.zeros(4, 8, 8), 50), r"`image`: expected \(1 or 3, H, W\), got \(4, 8, 8\)"),
        (lambda: jpeg(torch.zeros(3, 8, 8), 0), r"`quality`: expected 1 to 100, got 0"),
        (lambda: degrade_real(torch.zeros(3, 8, 3), 4, seeded()), r"`image`: expected .* of 4 pixels or more"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
