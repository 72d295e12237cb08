"""The compiled splines beside a definition written for autograd, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from invconv import numpy_ops, splines

pytestmark = pytest.mark.skipif(not numpy_ops.has_solver(), reason="the extension was not compiled")


def random_splines(channels, bins, roughness=1.0, dtype=torch.float64, seed=0):
    """Knots, (2, C, K + 1), and derivatives there, (C, K + 1)."""
    generator = torch.Generator().manual_seed(seed)
    sizes = 0.1 + (roughness * torch.randn(2, channels, bins, generator=generator, dtype=torch.float64)).exp()
    knots = torch.nn.functional.pad(sizes, (1, 0)).cumsum(2) - bins / 2
    derivatives = (roughness * torch.randn(channels, bins + 1, generator=generator, dtype=torch.float64)).exp()
    return knots.to(dtype), derivatives.to(dtype)


def random_images(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed + 1000)
    return (6 * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)


def definition(x, knots, derivatives):
    """Durkan et al. (2019), equations 4 and 5, as they stand there, and slope one outside of the knots."""
    rows = x.transpose(0, 1).flatten(1)
    (knots_x, knots_y), last = knots, knots.shape[2] - 1
    bin_ = torch.searchsorted(knots_x.detach(), rows.detach().contiguous(), right=True) - 1
    inside = (bin_ >= 0) & (bin_ < last)
    k = bin_.clamp(0, last - 1)
    x0, x1, y0, y1 = (part.gather(1, k + i) for part in (knots_x, knots_y) for i in (0, 1))
    d0, d1 = derivatives.gather(1, k), derivatives.gather(1, k + 1)
    s, xi = (y1 - y0) / (x1 - x0), (rows - x0) / (x1 - x0)
    between = s + (d1 + d0 - 2 * s) * xi * (1 - xi)
    y = y0 + (y1 - y0) * (s * xi**2 + d0 * xi * (1 - xi)) / between
    slope = s**2 * (d1 * xi**2 + 2 * s * xi * (1 - xi) + d0 * (1 - xi) ** 2) / between**2
    tail = torch.where(bin_ < 0, rows - knots_x[:, :1] + knots_y[:, :1], rows - knots_x[:, -1:] + knots_y[:, -1:])
    log_slope = torch.where(inside, slope, torch.ones_like(slope)).log()

    def images(values):
        return values.view(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)

    return images(torch.where(inside, y, tail)), images(log_slope).sum((1, 2, 3))


def gradients_by_definition(x, knots, derivatives, grad_y, grad_logdet):
    inputs = [tensor.clone().requires_grad_() for tensor in (x, knots, derivatives)]
    y, logdet = definition(*inputs)
    return torch.autograd.grad([y, logdet], inputs, [grad_y, grad_logdet])


def assert_all_close(actual, expected, tolerance=1e-9):
    for ours, theirs in zip(actual, expected, strict=True):
        scale = theirs.abs().max().item() if theirs.numel() else 0.0
        torch.testing.assert_close(ours.double(), theirs, rtol=tolerance, atol=tolerance * max(scale, 1.0))


shapes = st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(0, 9), st.integers(0, 9))


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(1, 20), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.integers(0, 2**16))
def test_values_and_gradients_are_those_of_the_definition(shape, bins, roughness, seed):
    knots, derivatives = random_splines(shape[1], bins, roughness, seed=seed)
    x = random_images(*shape, seed=seed)
    grad_y, grad_logdet = random_images(*shape, seed=seed + 1), random_images(shape[0], seed=seed)
    assert_all_close(splines.spline(x, knots, derivatives), definition(x, knots, derivatives))
    actual = splines.spline_gradient(x, knots, derivatives, grad_y, grad_logdet)
    assert_all_close(actual, gradients_by_definition(x, knots, derivatives, grad_y, grad_logdet))


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(1, 20), st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.integers(0, 2**16))
def test_the_inverse_and_its_gradients_are_exact(shape, bins, roughness, seed):
    knots, derivatives = random_splines(shape[1], bins, roughness, seed=seed)
    x, grad_x = random_images(*shape, seed=seed), random_images(*shape, seed=seed + 1)
    y, _ = definition(x, knots, derivatives)
    assert_all_close([splines.inverse_spline(y, knots, derivatives)], [x], 1e-8)
    # The rule of the inverse function: the gradient of y is that of x over dy/dx; the spline's is minus what it gives.
    slope = gradients_by_definition(x, knots, derivatives, torch.ones_like(x), torch.zeros(shape[0]))[0]
    grad_y = grad_x / slope
    expected = gradients_by_definition(x, knots, derivatives, -grad_y, torch.zeros(shape[0]))[1:]
    assert_all_close(splines.inverse_spline_gradient(x, knots, derivatives, grad_x), [grad_y, *expected], 1e-7)


@pytest.mark.parametrize("shape", [(100, 4, 14, 14), (1, 2, 150, 70), (70, 3, 7, 7)])
def test_float32_errs_by_roundings(shape):
    knots, derivatives = random_splines(shape[1], 5, 1.0, torch.float32)
    x, grad_y = (random_images(*shape, dtype=torch.float32, seed=seed) for seed in (0, 1))
    exact = [tensor.double() for tensor in (x, knots, derivatives)]
    y, logdet = splines.spline(x, knots, derivatives)
    assert_all_close([y, logdet], definition(*exact), 1e-5)
    assert_all_close([splines.inverse_spline(y, knots, derivatives)], [exact[0]], 1e-4)
    grad_logdet = torch.linspace(-1, 1, shape[0])
    actual = splines.spline_gradient(x, knots, derivatives, grad_y, grad_logdet)
    assert_all_close(actual, gradients_by_definition(*exact, grad_y.double(), grad_logdet.double()), 1e-4)


def test_no_result_depends_on_the_threads():
    knots, derivatives = random_splines(3, 5, dtype=torch.float32)
    x, grad = (random_images(40, 3, 60, 50, dtype=torch.float32, seed=seed) for seed in (0, 1))

    def results():
        logdet = torch.ones(40)
        return (
            *splines.spline(x, knots, derivatives),
            splines.inverse_spline(x, knots, derivatives),
            *splines.spline_gradient(x, knots, derivatives, grad, logdet),
            *splines.inverse_spline_gradient(x, knots, derivatives, grad),
        )

    threads = torch.get_num_threads()
    try:
        of_counts = []
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            of_counts.append(results())
    finally:
        torch.set_num_threads(threads)
    for others in of_counts[1:]:
        assert all(torch.equal(one, other) for one, other in zip(of_counts[0], others, strict=True))


@pytest.mark.parametrize("strange", ["channels_last", "every other", "expanded", "transposed"])
def test_images_may_have_any_strides(strange):
    knots, derivatives = random_splines(4, 5)
    x = {
        "channels_last": random_images(3, 4, 6, 5).to(memory_format=torch.channels_last),
        "every other": random_images(6, 8, 12, 5)[::2, ::2, ::2],
        "expanded": random_images(1, 4, 6, 5).expand(3, 4, 6, 5),
        "transposed": random_images(3, 4, 5, 6).transpose(2, 3),
    }[strange]
    assert_all_close(splines.spline(x, knots, derivatives), definition(x, knots, derivatives))
    gradients = splines.spline_gradient(x, knots, derivatives, x, torch.ones(()).double().expand(3))
    assert_all_close(gradients, gradients_by_definition(x, knots, derivatives, x, torch.ones(3).double()))
    assert_all_close([splines.inverse_spline(splines.spline(x, knots, derivatives)[0], knots, derivatives)], [x])


def test_slopes_whose_product_no_float64_holds():
    knots = torch.tensor([[[0.0, 1.0]], [[0.0, 1e-200]]], dtype=torch.float64)
    x = torch.full((2, 1, 10, 10), 0.25, dtype=torch.float64)
    _, logdet = splines.spline(x, knots, torch.full((1, 2), 1e-200, dtype=torch.float64))
    torch.testing.assert_close(logdet, torch.full((2,), 100 * math.log(1e-200), dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bins", [1, 5, 20])
def test_tails_move_every_finite_number_by_what_its_knot_is_moved(dtype, bins):
    knots, derivatives = random_splines(3, bins, dtype=dtype)
    largest = torch.finfo(dtype).max
    numbers = [10.0**power for power in range(2, 39)] + [largest / 2, largest]
    for sign, knot in ((-1, 0), (1, bins)):
        x = sign * torch.tensor(numbers, dtype=dtype).expand(2, 3, -1).contiguous()
        moved = (knots[1] - knots[0])[:, knot, None]
        y, logdet = splines.spline(x, knots, derivatives)
        assert torch.equal(y, x + moved)
        assert torch.equal(splines.inverse_spline(x, knots, derivatives), x - moved)
        assert not logdet.any()
        grad_logdet = torch.randn(2, dtype=dtype)
        of_x, of_knots, of_derivatives = splines.spline_gradient(x, knots, derivatives, x / 1e6, grad_logdet)
        assert torch.equal(of_x, x / 1e6)
        assert not of_derivatives.any()
        assert torch.equal(of_knots[0], -of_knots[1])
        assert torch.equal(splines.inverse_spline_gradient(x, knots, derivatives, x / 1e6)[0], x / 1e6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_where_it_is(value):
    knots, derivatives = random_splines(2, 5)
    x = random_images(3, 2, 7, 7)
    y, logdet = splines.spline(x, knots, derivatives)
    x[1, 1, 3, 3] = value
    with_it, its_logdet = splines.spline(x, knots, derivatives)
    torch.testing.assert_close(with_it[1, 1, 3, 3].item(), value, equal_nan=True)
    with_it[1, 1, 3, 3] = y[1, 1, 3, 3]
    assert torch.equal(with_it, y)
    assert torch.equal(its_logdet[[0, 2]], logdet[[0, 2]])
    assert its_logdet[1].isnan()


def test_takes_plain_memory_of_the_cpu_only():
    single, double = torch.zeros(2), torch.zeros(2, dtype=torch.float64)
    assert splines.is_compiled_for(single, single.clone().requires_grad_())
    assert splines.is_compiled_for(double)
    with torch.inference_mode():
        assert splines.is_compiled_for(torch.zeros(2), single)
    assert not splines.is_compiled_for(single, double)
    assert not splines.is_compiled_for(single.half())
    assert not splines.is_compiled_for(single.to("meta"))
    with FlopCounterMode(display=False):
        assert not splines.is_compiled_for(single)
    seen = []
    torch.vmap(lambda row: seen.append(splines.is_compiled_for(row)) or row)(torch.zeros(3, 2))
    assert seen == [False]


@pytest.mark.parametrize(
    ("knots", "derivatives"),
    [((2, 3, 6), (3, 6)), ((2, 4, 6), (4, 5)), ((1, 4, 6), (4, 6)), ((2, 4, 1), (4, 1)), ((2, 4), (4, 6))],
)
def test_refuses_what_does_not_fit(knots, derivatives):
    x = torch.zeros(2, 4, 3, 3)
    for function in (splines.spline, splines.inverse_spline):
        with pytest.raises((ValueError, TypeError), match=r"knots|incompatible"):
            function(x, torch.zeros(knots), torch.ones(derivatives))
    with pytest.raises((ValueError, TypeError), match=r"knots|incompatible"):
        splines.spline_gradient(x, torch.zeros(knots), torch.ones(derivatives), x, torch.zeros(2))


def test_refuses_gradients_of_another_shape():
    knots, derivatives = random_splines(4, 5)
    x = random_images(2, 4, 3, 3)
    with pytest.raises(ValueError, match="shape"):
        splines.spline_gradient(x, knots, derivatives, x[:, :, :2], torch.zeros(2).double())
    with pytest.raises(ValueError, match="one number an image"):
        splines.spline_gradient(x, knots, derivatives, x, torch.zeros(3).double())
    with pytest.raises(ValueError, match="shape"):
        splines.inverse_spline_gradient(x, knots, derivatives, x[:, :, :2])


def test_says_that_the_extension_is_missing(monkeypatch):
    knots, derivatives = random_splines(4, 5)
    monkeypatch.setattr(numpy_ops, "_core", None)
    assert not splines.is_compiled_for(knots, derivatives)
    with pytest.raises(RuntimeError, match=r"splines: not in this installation.*; reinstall it with a C\+\+ compiler$"):
        splines.spline(random_images(2, 4, 3, 3), knots, derivatives)
