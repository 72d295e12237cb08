"""The spline coupling against its formula, at its start and in its tails."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nflows_core.bijections import SplineCoupling
from nflows_core.bijections.channel_spline import channel_spline
from nflows_core.bijections.rational_quadratic import knots_and_derivatives
from nflows_core.bijections.spline_coupling import entry_spline, inverse_entry_spline


def perturbed(shape: tuple[int, int, int], scale: float, **options: float) -> SplineCoupling:
    torch.manual_seed(0)
    layer = SplineCoupling(shape, 4, **options).double()  # type: ignore[arg-type]
    torch.nn.init.normal_(layer.network.last.weight, std=scale)
    torch.nn.init.normal_(layer.network.last.bias, std=scale)
    return layer


def random_splines(scale: float, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return knots_and_derivatives(*(scale * torch.randn(3, 200, k, 5, dtype=dtype)[0] for k in (8, 8, 7)), tail=4.0)


def test_known_values_between_two_knots() -> None:
    # s = 2, a = 1/2, b = 3/2 in the middle of the first bin: y = 4 (3/8) and dy/dx = 2.
    knots = torch.tensor([[0.0, 2.0, 6.0], [0.0, 4.0, 6.0]]).unsqueeze(1)
    derivatives = torch.tensor([[1.0, 3.0, 1.0]])
    y, log_slope = entry_spline(torch.tensor([1.0]), knots, derivatives)
    assert y.item() == pytest.approx(1.5)
    assert log_slope.item() == pytest.approx(math.log(2))
    assert inverse_entry_spline(y, knots, derivatives).item() == pytest.approx(1.0)


@pytest.mark.parametrize("context_features", [0, 3])
def test_starts_as_the_identity(context_features: int) -> None:
    torch.manual_seed(0)
    x = 3 * torch.randn(2, 5, 4, 3)
    layer = SplineCoupling((5, 4, 3), 8, context_features)
    z, logdet = layer(x, torch.randn(2, context_features))
    torch.testing.assert_close(z, x, rtol=0, atol=2e-6)
    torch.testing.assert_close(logdet, torch.zeros(2), rtol=0, atol=1e-4)


def test_equal_parameters_everywhere_are_a_spline_of_the_channel() -> None:
    layer = perturbed((2, 4, 3), 0.5)
    torch.nn.init.zeros_(layer.network.last.weight)
    x = 3 * torch.randn(2, 2, 4, 3, dtype=torch.float64)
    knots, derivatives = layer._spline(x[:, :1], None)
    expected, logdet = channel_spline(x[:, 1:], knots[:, 0, :, :, 0, 0].mT, derivatives[0, :, :, 0, 0].mT)
    z, actual = layer(x)
    torch.testing.assert_close(z[:, 1:], expected)
    torch.testing.assert_close(actual, logdet)


def test_is_the_identity_outside_and_smooth_where_it_begins() -> None:
    layer = perturbed((2, 1, 1), 0.5, tail=2.0)
    for far in (-1e4, -2.0, 2.0, 1e4):
        x = torch.tensor([[0.3, far]], dtype=torch.float64).view(1, 2, 1, 1)
        z, logdet = layer(x)
        torch.testing.assert_close(z, x, rtol=0, atol=0)
        assert logdet.item() == 0
    for end in (-1, 1):
        near = torch.tensor([[0.3, end * (2 - 1e-7)]], dtype=torch.float64).view(1, 2, 1, 1)
        torch.testing.assert_close(layer(near)[1], torch.zeros(1, dtype=torch.float64), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_exactly_the_identity_however_far_out(dtype: torch.dtype) -> None:
    layer = perturbed((2, 1, 1), 0.5, tail=2.0).to(dtype)
    for far in (2.0, *(10.0**power for power in range(1, 31)), torch.finfo(dtype).max):
        for sign in (-1, 1):
            x = torch.tensor([[0.3, sign * far]], dtype=dtype).view(1, 2, 1, 1).requires_grad_()
            z, logdet = layer(x)
            assert torch.equal(z, x)
            assert torch.equal(layer.inverse(x), x)
            assert logdet.item() == 0
            gradients = torch.autograd.grad(z[0, 1].sum() + logdet.sum(), [x, *layer.parameters()])
            assert torch.equal(gradients[0].flatten(), torch.tensor([0.0, 1.0], dtype=dtype))
            assert not any(gradient.any() for gradient in gradients[1:])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_gives_no_number(value: float) -> None:
    layer = perturbed((2, 1, 1), 0.5)
    x = torch.tensor([[0.3, value]], dtype=torch.float64).view(1, 2, 1, 1)
    z, logdet = layer(x)
    torch.testing.assert_close(z, x, equal_nan=True)
    torch.testing.assert_close(layer.inverse(x), x, equal_nan=True)
    assert logdet.isnan()


@pytest.mark.parametrize("bins", [1, 2, 3])
def test_the_gradient_of_the_inverse_where_a_bin_starts_as_the_identity(bins: int) -> None:
    """In the middle of a bin with equal ends, the two formulas of the root meet."""
    knots = torch.linspace(-1, 1, bins + 1, dtype=torch.float64).expand(2, 1, bins + 1)
    derivatives = torch.ones(1, bins + 1, dtype=torch.float64)
    for y in (-0.5, 0.0, 0.5, 2 / 3):
        y = torch.tensor([y], dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(inverse_entry_spline(y, knots, derivatives), y)
        torch.testing.assert_close(slope, torch.ones_like(slope))


@pytest.mark.parametrize(("scale", "tolerance"), [(0.5, 1e-12), (3.0, 1e-7)])
def test_increases_and_inverts_exactly(scale: float, tolerance: float) -> None:
    spline = random_splines(scale)
    x = torch.linspace(-5, 5, 200, dtype=torch.float64)[:, None].expand(200, 5)
    one = (spline[0][:, :1].expand(2, 200, 9, 5), spline[1][:1].expand(200, 9, 5))
    assert (entry_spline(x, *one)[0].diff(dim=0) > 0).all()
    y, log_slope = entry_spline(x, *spline)
    assert log_slope.isfinite().all()
    torch.testing.assert_close(inverse_entry_spline(y, *spline), x, rtol=0, atol=tolerance)


def test_gradients_stay_finite_in_float32_at_the_extremes() -> None:
    knots, derivatives = (part.requires_grad_() for part in random_splines(20.0, torch.float32))
    x = torch.linspace(-5, 5, 200)[:, None].repeat(1, 5).requires_grad_()
    y, log_slope = entry_spline(x, knots, derivatives)
    for output in (y.sum() + log_slope.sum(), inverse_entry_spline(y.detach(), knots, derivatives).sum()):
        for gradient in torch.autograd.grad(output, [knots, derivatives]):
            assert gradient.isfinite().all()


def test_autocast_keeps_the_precision_of_the_image() -> None:
    layer = perturbed((4, 4, 3), 0.2).float()
    x = torch.randn(2, 4, 4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z, logdet = layer(x)
        back = layer.inverse(z)
    assert (z.dtype, logdet.dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("bins", "tail"), [(1, 4.0), (1000, 4.0), (2.5, 4.0), (8, 0.0), (8, math.inf), (8, math.nan)])
def test_what_has_no_spline_is_refused(bins: int, tail: float) -> None:
    with pytest.raises(ValueError, match="SplineCoupling: takes from 2 to 999 bins and a positive tail"):
        SplineCoupling((2, 1, 1), bins=bins, tail=tail)


def test_one_channel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 4, 4\).*put a Squeeze before"):
        SplineCoupling((1, 4, 4))
