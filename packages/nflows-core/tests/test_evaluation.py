from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nflows_core.bijections import Squeeze
from nflows_core.bijections.base import Bijection, Shape
from nflows_core.data import Images
from nflows_core.evaluation import (
    BitsPerDim,
    bits_of_images,
    bits_per_dim,
    density,
    gaussian_bits_per_dim,
    image_grid,
    log_probs,
    median_milliseconds,
    parameters,
    reconstruction_error,
    reconstruction_grid,
    sampling,
    training,
)
from nflows_core.flow import Flow

SHAPE = (1, 4, 4)


class Scale(Bijection):
    """z = scale x + context, with an inverse that misses by ``error``, and a count of the images it saw."""

    context_features = 1

    def __init__(self, shape: Shape, scale: float = 1.0, error: float = 0.0) -> None:
        super().__init__(shape)
        self.scale = nn.Parameter(torch.tensor(scale))
        self.frozen = nn.Parameter(torch.zeros(7), requires_grad=False)
        self.error = error
        self.seen: list[int] = []

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        self.seen.append(len(x))
        logdet = math.prod(self.shape) * self.scale.log()
        return self.scale * x + self._shift(context), logdet.expand(len(x))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        self.seen.append(len(z))
        return (z - self._shift(context)) / self.scale + self.error

    def _shift(self, context: Tensor | None) -> Tensor | float:
        return 0.0 if context is None else context.reshape(-1, 1, 1, 1)


def make_flow(quantization: int = 256, **arguments: float) -> Flow:
    return Flow([Scale(SHAPE, **arguments)], quantization=quantization)


@pytest.fixture
def images() -> Images:
    generator = torch.Generator().manual_seed(0)
    return Images(torch.randint(0, 256, (600, *SHAPE), generator=generator, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (lambda flow, images: log_probs(flow, images, draws=0), "draws: expected a whole number, at least 1, got 0"),
        (lambda flow, images: log_probs(flow, images, batch_size=0), "batch_size: expected .*, got 0"),
        (lambda flow, images: bits_per_dim(flow, images, batch_size=-1), "batch_size: expected .*, got -1"),
        (lambda flow, images: reconstruction_error(flow, images, n=-1), "n: expected .*, got -1"),
        (lambda flow, images: reconstruction_error(flow, images[:0]), "no images to reconstruct"),
        (lambda flow, images: bits_per_dim(flow, images[:0]), "need at least 2 images, got 0"),
    ],
)
def test_numbers_of_nothing(images: Images, numbers: Callable[[Flow, Images], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        numbers(make_flow(), images)


def test_no_images_have_no_scores_and_no_parameters_are_needed(images: Images) -> None:
    flow = Flow([Squeeze(SHAPE)])
    assert log_probs(flow, images[:0]).shape == bits_of_images(flow, images[:0]).shape == (0,)
    assert log_probs(flow, images[:2]).isfinite().all()


# Bits per dimension


def test_bits_per_dim_of_a_known_density(images: Images) -> None:
    scale = 2.0
    x = (images.pixels.double() + 0.5) / 256
    # The mean square of a uniform variable about its middle is a twelfth of its squared width.
    square = scale**2 * (x.square() + 1 / (12 * 256**2))
    nats = 0.5 * square.mean() + 0.5 * math.log(2 * math.pi) - math.log(scale)
    result = bits_per_dim(make_flow(scale=scale), images)
    assert result.mean == pytest.approx(nats.item() / math.log(2) + 8, abs=1e-4)
    assert result.n == 600


def test_bits_per_dim_under_a_wide_density() -> None:
    # A Gaussian so wide that it is flat over [0, 1]: 8 bits plus the price of its width.
    black = Images(torch.zeros(10, *SHAPE, dtype=torch.uint8))
    result = bits_per_dim(make_flow(scale=1e-3), black)
    assert result.mean == pytest.approx(8 + math.log2(math.sqrt(2 * math.pi) / 1e-3), abs=1e-5)
    assert result.standard_error == pytest.approx(0, abs=1e-6)


def test_batches_change_nothing(images: Images) -> None:
    whole, parts = (bits_per_dim(make_flow(scale=3.0), images, batch_size=size) for size in (600, 7))
    assert whole.mean == pytest.approx(parts.mean, rel=1e-6)


def test_the_seed_decides(images: Images) -> None:
    flow = make_flow(scale=3.0)
    assert bits_per_dim(flow, images, seed=1) == bits_per_dim(flow, images, seed=1)
    assert bits_per_dim(flow, images, seed=1) != bits_per_dim(flow, images, seed=2)


def test_context_follows_its_images(images: Images) -> None:
    # The context undoes each image's brightness, whatever the batches are.
    plain = Images(images.pixels[:, :1, :1, :1].expand(-1, *SHAPE).clone())
    context = -(plain.pixels[:, 0, 0, :1].float() + 0.5) / 256
    result = bits_per_dim(make_flow(), plain, batch_size=64, context=context)
    assert result.mean == pytest.approx(8 + math.log2(math.sqrt(2 * math.pi)), abs=1e-4)


def test_no_gradients_are_kept(images: Images) -> None:
    flow = make_flow()
    bits_per_dim(flow, images)
    reconstruction_error(flow, images)
    assert all(parameter.grad is None for parameter in flow.parameters())


def test_standard_error_and_interval() -> None:
    result = BitsPerDim.of(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert result.mean == 2.5
    assert result.standard_error == pytest.approx(math.sqrt(5 / 3) / 2)
    assert result.interval == pytest.approx((2.5 - 1.96 * 0.6455, 2.5 + 1.96 * 0.6455), abs=1e-4)


def test_float32_values_are_added_in_float64() -> None:
    values = torch.full((100_000,), 1.1)
    assert BitsPerDim.of(values).mean == pytest.approx(values[0].item(), rel=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [([1.0], "at least 2 images, got 1"), ([1.0, math.nan], "image 1 has nan"), ([math.inf, 1.0], "image 0 has inf")],
)
def test_values_without_a_mean(values: list[float], message: str) -> None:
    with pytest.raises((ValueError, FloatingPointError), match=message):
        BitsPerDim.of(torch.tensor(values))


def test_quantization_must_agree(images: Images) -> None:
    for measure in (bits_per_dim, reconstruction_error):
        with pytest.raises(ValueError, match="17 values, but the images have 256"):
            measure(make_flow(quantization=17), images)


# Exactness, speed, size


def test_reconstruction_error_is_the_largest(images: Images) -> None:
    flow = make_flow(error=0.25)
    assert reconstruction_error(flow, images, n=10, batch_size=4) == pytest.approx(0.25, abs=1e-6)
    level = flow.levels[0]
    assert isinstance(level, Scale)
    assert level.seen == [4, 4, 4, 4, 2, 2]


def test_reconstruction_error_of_an_exact_flow(images: Images) -> None:
    assert reconstruction_error(make_flow(scale=2.0).double(), images) == 0.0


def test_a_reconstruction_that_is_not_finite(images: Images) -> None:
    with pytest.raises(FloatingPointError, match="does not invert"):
        reconstruction_error(make_flow(error=math.nan), images)


@pytest.mark.parametrize("make_work", [sampling, density, training])
def test_works_are_of_a_hundred_images(make_work: Callable[[Flow], Callable[[], object]]) -> None:
    flow = make_flow()
    make_work(flow)()
    level = flow.levels[0]
    assert isinstance(level, Scale)
    assert level.seen == [100]
    assert (level.scale.grad is not None) == (make_work is training)


def test_times_are_the_medians_of_works_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    # The warm-up does not look at the clock. The first work takes 1, 9 and 2 seconds, the second 3, 3 and 4.
    seconds = [1.0, 3.0, 9.0, 3.0, 2.0, 4.0]
    clock = iter([time for i, taken in enumerate(seconds) for time in (100 * i, 100 * i + taken)])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    calls: list[str] = []
    times = median_milliseconds([lambda: calls.append("a"), lambda: calls.append("b")], runs=3)
    assert times == [2000.0, 3000.0]
    assert calls == ["a", "b"] * 4


def test_parameters_are_those_that_learn() -> None:
    assert parameters(make_flow()) == 1


# The Gaussian baseline


def uniform_pixels(n: int, seed: int) -> Tensor:
    return torch.randint(0, 256, (n,), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_gaussian_of_pure_noise() -> None:
    # Constant images leave the dequantization noise alone, of variance 1/12 in units of a pixel's value.
    black = Images(torch.zeros(4000, *SHAPE, dtype=torch.uint8))
    expected = 0.5 * math.log2(2 * math.pi * math.e / 12)
    assert gaussian_bits_per_dim(black, black).mean == pytest.approx(expected, abs=0.005)


def test_gaussian_knows_correlations() -> None:
    # Two equal pixels: their sum has variance 4 v + 2 n, their difference 2 n, that of the noise.
    train, test = (Images(uniform_pixels(20_000, s).reshape(-1, 1, 1, 1).repeat(1, 1, 1, 2)) for s in (0, 1))
    noise, value = 1 / 12, (256**2 - 1) / 12
    expected = 0.5 * math.log2(2 * math.pi * math.e) + 0.25 * math.log2(noise * (2 * value + noise))
    result = gaussian_bits_per_dim(train, test)
    assert result.mean == pytest.approx(expected, abs=4 * result.standard_error + 0.005)
    assert result.n == 20_000


def test_gaussian_of_17_values() -> None:
    black = Images(torch.zeros(4000, 1, 2, 2, dtype=torch.uint8), quantization=17)
    expected = 0.5 * math.log2(2 * math.pi * math.e / 12)
    assert gaussian_bits_per_dim(black, black).mean == pytest.approx(expected, abs=0.005)


def test_gaussian_of_too_few_images(images: Images) -> None:
    with pytest.raises(ValueError, match=r"10 images of 16 dimensions is singular; .*more than 16 images"):
        gaussian_bits_per_dim(images[:10], images)


def test_gaussian_of_other_images(images: Images) -> None:
    other = Images(torch.zeros(9, 3, 2, 2, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"\(1, 4, 4\) with 256 values a pixel, the test images \(3, 2, 2\)"):
        gaussian_bits_per_dim(images, other)


# Pictures


def test_grid_places_images_row_by_row() -> None:
    shades = torch.arange(5) * 40
    images = ((shades + 0.5) / 256).reshape(-1, 1, 1, 1).expand(-1, 3, 64, 64)
    grid = image_grid(images, columns=3)
    assert grid.shape == (2 + 2 * 66, 2 + 3 * 66, 3)
    assert grid.dtype == np.uint8
    centres = grid[34::66, 34::66, 0]
    assert centres.tolist() == [[0, 40, 80], [120, 160, 128]]
    assert (grid[:2] == 128).all()
    assert (grid[:, -2:] == 128).all()


def test_tiny_images_are_enlarged_by_whole_pixels() -> None:
    pixels = torch.arange(64).reshape(1, 1, 8, 8) * 4
    grid = image_grid((pixels + 0.5) / 256)
    assert grid.shape == (68, 68, 1)
    expected = pixels[0, 0].repeat_interleave(8, 0).repeat_interleave(8, 1)
    assert np.array_equal(grid[2:-2, 2:-2, 0], expected.numpy())


def test_grid_is_about_square() -> None:
    assert image_grid(torch.zeros(10, 1, 64, 64)).shape == (2 + 3 * 66, 2 + 4 * 66, 1)


def test_grid_clamps_samples() -> None:
    images = torch.tensor([-0.3, 1.7]).reshape(2, 1, 1, 1).expand(2, 1, 64, 64)
    assert image_grid(images)[34, 34::66, 0].tolist() == [0, 255]


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (2, 2, 4, 4), (3, 4, 4)])
def test_grid_of_no_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected images of shape"):
        image_grid(torch.zeros(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_grid_of_a_diverged_flow(value: float) -> None:
    with pytest.raises(FloatingPointError, match="not finite"):
        image_grid(torch.full((1, 1, 4, 4), value))


@pytest.mark.parametrize(
    ("error", "amplification", "level"), [(0.0, 1, 0), (0.4, 1, 102), (0.03, 10, 76), (2.5e-6, 100_000, 64)]
)
def test_differences_are_amplified_by_a_power_of_ten(error: float, amplification: float, level: int) -> None:
    x = torch.full((2, 1, 64, 64), 0.5, dtype=torch.float64)
    x_rec = x.clone()
    x_rec[0] -= error
    result = reconstruction_grid(x, x_rec)
    assert result.amplification == amplification
    assert f"times {amplification:,}" in result.caption
    assert result.pixels.shape == (2 + 3 * 66, 2 + 2 * 66, 1)
    assert result.pixels[2 * 66 + 34, 34::66, 0].tolist() == [level, 0]


def test_reconstructions_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"images \(2, 1, 4, 4\), but reconstructions \(1, 1, 4, 4\)"):
        reconstruction_grid(torch.zeros(2, 1, 4, 4), torch.zeros(1, 1, 4, 4))


# With a GPU


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_metrics_on_a_gpu(images: Images) -> None:
    flow = make_flow(scale=2.0)
    on_cpu = bits_per_dim(flow, images)
    assert bits_per_dim(flow.cuda(), images).mean == pytest.approx(on_cpu.mean, abs=1e-3)
    assert reconstruction_error(flow, images) < 1e-6
    assert min(median_milliseconds([sampling(flow), density(flow)], runs=1)) > 0
