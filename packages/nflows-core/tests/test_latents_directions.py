from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nflows_core.bijections.base import Bijection
from nflows_core.data import Images
from nflows_core.flow import Flow
from nflows_core.latents import (
    MEASURES,
    AttributeDirection,
    EditResponse,
    attribute_direction,
    edit,
    edit_response,
    encode_vectors,
)
from nflows_core.models import Glow

SHAPE = (1, 4, 4)
BRIGHT = 5
"""The pixel that has the attribute."""


class Shift(Bijection):
    """z = x + context, so that what a latent holds is known."""

    context_features = 1

    def __init__(self) -> None:
        super().__init__(SHAPE)
        self.zero = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        return x + self._shift(context), x.new_zeros(len(x))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        return z - self._shift(context)

    def _shift(self, context: Tensor | None) -> Tensor:
        return self.zero if context is None else self.zero + context.reshape(-1, 1, 1, 1)


@pytest.fixture
def flow() -> Flow:
    return Flow([Shift()])


@pytest.fixture
def values() -> Tensor:
    return torch.randint(0, 200, (1200,), generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def images(values: Tensor) -> Images:
    pixels = torch.full((len(values), *SHAPE), 40, dtype=torch.uint8)
    pixels.flatten(1)[:, BRIGHT] = values.to(torch.uint8)
    return Images(pixels)


# Directions


def test_direction_is_the_slope_of_the_latents(flow: Flow, images: Images, values: Tensor) -> None:
    direction = attribute_direction(flow, images, 3 * values + 7)
    # A pixel is (v + u) / 256 with noise u; the noise is of no attribute.
    expected = torch.zeros(16, dtype=torch.float64)
    expected[BRIGHT] = values.std(correction=0) / 256
    noise = 5 / math.sqrt(12 * len(values)) / 256
    torch.testing.assert_close(direction.vector, expected, atol=noise, rtol=0)
    assert direction.mean == pytest.approx(3 * values.mean().item() + 7)
    assert direction.standard_deviation == pytest.approx(3 * values.std(correction=0).item())
    assert direction.images == len(values)


def test_direction_of_yes_and_no_is_the_difference_of_means(flow: Flow, images: Images, values: Tensor) -> None:
    yes = values > 120
    direction = attribute_direction(flow, images, yes.double())
    x = (images.pixels.flatten(1).double() + 0.5) / 256
    difference = x[yes].mean(0) - x[~yes].mean(0)
    torch.testing.assert_close(direction.vector / direction.standard_deviation, difference, atol=5e-4, rtol=0)


def test_context_is_no_part_of_the_direction(flow: Flow, images: Images, values: Tensor) -> None:
    plain = attribute_direction(flow, images, values)
    pixels = (values / 256).unsqueeze(1)
    shifted = attribute_direction(flow, images, values, context=-pixels)
    torch.testing.assert_close(shifted.vector, plain.vector - values.std(correction=0) / 256)


def test_direction_depends_on_the_seed_of_the_noise_only(flow: Flow, images: Images, values: Tensor) -> None:
    first, again, other = (attribute_direction(flow, images, values, seed=seed).vector for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images, values: (images[:9], values[:9]), "at least 10 images, got 9"),
        (lambda images, values: (images, values[:-1]), r"1200 images need one value each, got .*\(1199,\)"),
        (lambda images, values: (images, torch.full_like(values, 0.1)), "is 0.1 for all 1200 images"),
        (lambda images, values: (images, values / (values != values[3])), "image 3 has the attribute inf"),
        (lambda images, values: (images, values.sign() * 1e300), "from 0 to 1e\\+300, of which float64 has no"),
        (
            lambda images, values: (images, values.sign() * 1e-300),
            "float64 has no standard deviation; give",
        ),
        (lambda images, values: (Images(images.pixels[..., 2:]), values), r"\(1, 4, 4\) .* these have \(1, 4, 2\)"),
        (lambda images, values: (Images(images.pixels // 16, 17), values), "with 256 values a pixel, .* with 17"),
    ],
)
def test_what_has_no_direction(flow: Flow, images: Images, values: Tensor, change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attribute_direction(flow, *change(images, values))  # type: ignore[operator]


def test_values_may_be_an_array_or_a_list(flow: Flow, images: Images, values: Tensor) -> None:
    expected = attribute_direction(flow, images, values)
    for same in (values.numpy(), values.tolist()):
        assert torch.allclose(attribute_direction(flow, images, same).vector, expected.vector)


# Edits


@pytest.mark.parametrize("amounts", [[], [1.0, math.nan], [math.inf]])
def test_amounts_that_are_none(flow: Flow, images: Images, values: Tensor, amounts: list[float]) -> None:
    direction = attribute_direction(flow, images, values)
    with pytest.raises(ValueError, match="amounts: expected one finite number or more, got"):
        edit(flow, torch.full((2, *flow.shape), 0.5, dtype=flow.dtype), direction, amounts)


def test_edit_moves_the_attribute_by_so_many_standard_deviations(flow: Flow, images: Images, values: Tensor) -> None:
    direction = attribute_direction(flow, images, values)
    x = torch.full((2, *SHAPE), 0.5, dtype=torch.float64)
    edited = edit(flow, x, direction, [-1.0, 0.0, 1.5])
    assert edited.shape == (2, 3, *SHAPE)
    assert torch.equal(edited[:, 1], x)
    moved = 256 * (edited - 0.5).flatten(2)[:, :, BRIGHT]
    expected = direction.standard_deviation * torch.tensor([[-1.0, 0.0, 1.5]] * 2).double()
    torch.testing.assert_close(moved, expected, atol=0.05, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_edit_moves_every_latent_under_its_own_context(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    glow = Glow((1, 8, 8), levels=2, depth=1, width=4, context_features=2).to(dtype)
    with torch.no_grad():
        for parameter in glow.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator).to(dtype)
    x, context = torch.rand(3, 1, 8, 8, generator=generator).to(dtype), torch.eye(3, 2, dtype=dtype)
    direction = AttributeDirection(torch.randn(64, generator=generator), 0.0, 1.0, 10)
    edited = edit(glow, x, direction, [0.5], context)
    assert edited.dtype == dtype
    moved = encode_vectors(glow, edited[:, 0], context) - encode_vectors(glow, x, context)
    torch.testing.assert_close(moved, 0.5 * direction.vector.to(dtype).expand(3, -1), atol=2e-3, rtol=0)


# What an edit does


def test_response_measures_what_a_file_would_hold() -> None:
    edited = torch.tensor([[0.2, 0.9999, 7.0], [-1.0, 0.5, 0.52]]).reshape(2, 3, 1, 1, 1).expand(2, 3, *SHAPE)
    response = edit_response(edited, [-1, 0, 1], MEASURES["brightness"], quantization=17)
    expected = torch.tensor([[3, 16, 16], [0, 8, 8]]) / 16
    torch.testing.assert_close(response.values, expected.double())
    assert response.means == pytest.approx([3 / 32, 0.75, 0.75])
    assert response.increasing == 0.0


def test_interval_of_the_mean() -> None:
    response = EditResponse((0.0,), torch.tensor([[1.0], [2.0], [3.0], [6.0]]).double())
    margin = 1.959964 * math.sqrt(14 / 3 / 4)
    assert response.intervals[0] == pytest.approx((3 - margin, 3 + margin))


def test_fraction_of_images_that_increase() -> None:
    values = torch.tensor([0.0, 1.0, 2.0]).repeat(200, 1)
    values[7, 1], values[9, 2] = 0.0, 1.0
    response = EditResponse((-1.0, 0.0, 1.0), values)
    assert response.increasing == pytest.approx(198 / 200)
    # As scipy.stats.binomtest gives it.
    assert response.increasing_interval == pytest.approx((0.964278, 0.997253), abs=1e-6)
    assert EditResponse((1.0, 0.0, -1.0), values.flip(1)).increasing == response.increasing


# From planted strokes to edited ones


def strokes(n: int, seed: int) -> tuple[Images, Tensor]:
    """Soft strokes of planted widths from 1 to 4 pixels, at any height, more or less tilted and pale."""
    generator = torch.Generator().manual_seed(seed)
    width, height, tilt, level = torch.rand(4, n, 1, 1, generator=generator)
    width = 1.2 + 3.2 * width
    rows, columns = torch.arange(12).unsqueeze(1) - 5.5, torch.arange(12) - 5.5
    distance = (rows - 3 * (height - 0.5) - (tilt - 0.5) * columns).abs()
    ink = torch.sigmoid(3 * (width / 2 - distance)) * (0.6 + 0.4 * level)
    return Images((250 * ink).to(torch.uint8).unsqueeze(1)), width.flatten()


def trained_on(images: Images, steps: int) -> Flow:
    torch.manual_seed(0)
    flow = Glow(images.shape, levels=2, depth=3, width=16)
    flow.initialize(images.pixels[:200] / 256)
    optimizer = torch.optim.Adam(flow.parameters(), 5e-3)
    for step in range(steps):
        optimizer.zero_grad()
        flow.bits_per_dim(images.pixels[step * 50 % len(images) :][:50]).mean().backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimizer.step()
    return flow.eval()


def test_edit_moves_planted_thickness() -> None:
    training, planted = strokes(1500, seed=0)
    test, _ = strokes(100, seed=1)
    flow = trained_on(training, steps=60)
    direction = attribute_direction(flow, training, planted)
    amounts = [-1.0, -0.5, 0.0, 0.5, 1.0]
    edited = edit(flow, (test.pixels + 0.5) / 256, direction, amounts)
    response = edit_response(edited, amounts, MEASURES["thickness"])
    steps = torch.tensor(response.means).diff()
    assert (steps > 0.1).all(), "each half of a standard deviation, 0.46 pixels, is to be seen"
    assert response.increasing > 0.9


# With a GPU


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_edits_on_a_gpu(flow: Flow, images: Images, values: Tensor) -> None:
    x = torch.full((2, *SHAPE), 0.5, dtype=torch.float64)
    on_cpu = edit(flow, x, attribute_direction(flow, images, values), [-1.0, 1.0])
    direction = attribute_direction(flow.cuda(), images, values)
    edited = edit(flow, x.cuda(), direction, [-1.0, 1.0])
    # The dequantization noise is another one.
    torch.testing.assert_close(edited.cpu(), on_cpu, atol=5e-4, rtol=0)
    response = edit_response(edited, [-1.0, 1.0], MEASURES["brightness"])
    assert response.increasing == 1.0
