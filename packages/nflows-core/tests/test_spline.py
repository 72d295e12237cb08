"""The spline activation and its formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from invconv import splines
from nflows_core.bijections import SplineActivation
from nflows_core.bijections.channel_spline import channel_spline, inverse_channel_spline
from nflows_core.bijections.rational_quadratic import root, terms

Spline = tuple[Tensor, Tensor]


def use_operations(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(splines, "is_compiled_for", lambda *tensors: False)


@pytest.fixture(params=["compiled", "by operations"], autouse=True)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """That of a CPU, and that of a GPU on the CPU."""
    if request.param == "by operations":
        use_operations(monkeypatch)
    return str(request.param)


def random_spline(channels: int, bins: int, roughness: float, dtype: torch.dtype = torch.float64) -> Spline:
    """Knots and derivatives from mild to the extremes that the activation can learn."""
    torch.manual_seed(0)
    knots = []
    for _ in range(2):
        fractions = 1e-3 + (1 - 1e-3 * bins) * (roughness * torch.randn(channels, bins, dtype=dtype)).softmax(1)
        knots.append(torch.nn.functional.pad(40 * fractions.cumsum(1) - 20, (1, 0), value=-20.0))
    derivatives = (1e-3 + (roughness * torch.randn(channels, bins + 1, dtype=dtype)).exp()).clamp(1e-3, 1e3)
    return torch.stack(knots), derivatives


def line(channels: int, points: int = 2001, reach: float = 30.0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(-reach, reach, points, dtype=dtype).view(1, 1, points, 1).repeat(1, channels, 1, 1)


def test_known_values() -> None:
    # In the middle of one bin: s = 2, a = 1/2, b = 3/2, e = 3/4, f = 5/4, hence y = 4 (3/8) and dy/dx = 2.
    spline = torch.tensor([[[0.0, 2.0]], [[0.0, 4.0]]]), torch.tensor([[1.0, 3.0]])
    x = torch.tensor([1.0]).view(1, 1, 1, 1)
    y, logdet = channel_spline(x, *spline)
    assert y.item() == pytest.approx(1.5)
    assert logdet.item() == pytest.approx(math.log(2))
    assert inverse_channel_spline(y, *spline).item() == pytest.approx(1.0)


def test_passes_through_the_knots_with_their_derivatives() -> None:
    (knots_x, knots_y), derivatives = knots, _ = random_spline(3, 5, 1.0)
    for knot in range(6):
        x = knots_x[:, knot].view(1, 3, 1, 1)
        y, logdet = channel_spline(x, knots, derivatives)
        torch.testing.assert_close(y.view(3), knots_y[:, knot])
        if knot < 5:  # At the last knot the tail begins.
            torch.testing.assert_close(logdet, derivatives[:, knot].log().sum()[None])


@pytest.mark.parametrize("roughness", [0.3, 1.0, 3.0])
def test_increases_and_inverts_exactly(roughness: float) -> None:
    spline = random_spline(4, 5, roughness)
    x = line(4)
    y, _ = channel_spline(x, *spline)
    assert (y.diff(dim=2) > 0).all()
    torch.testing.assert_close(inverse_channel_spline(y, *spline), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("roughness", [0.3, 1.0])
def test_inverse_is_exact_in_float32(roughness: float) -> None:
    spline = random_spline(4, 5, roughness, torch.float32)
    x = line(4, dtype=torch.float32)
    y, _ = channel_spline(x, *spline)
    # An error of one rounding of y is an error of that much over the slope of x.
    derivative = (channel_spline(x + 1e-2, *spline)[0] - y) / 1e-2
    error = (inverse_channel_spline(y, *spline) - x).abs() * derivative.clamp(max=1)
    assert error.max() < 1e-5


def test_float32_stays_finite_at_the_extremes() -> None:
    spline = random_spline(8, 5, 8.0, torch.float32)
    x = line(8, dtype=torch.float32)
    y, logdet = channel_spline(x, *spline)
    exact = channel_spline(x.double(), *(part.double() for part in spline))
    torch.testing.assert_close(y.double(), exact[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logdet.double(), exact[1], rtol=1e-4, atol=0)
    assert inverse_channel_spline(y, *spline).isfinite().all()


def test_gradients_agree_with_finite_differences() -> None:
    spline = [part.requires_grad_() for part in random_spline(2, 3, 0.5)]
    x = (12 * torch.randn(3, 2, 2, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(channel_spline, (x, *spline))
    assert torch.autograd.gradcheck(inverse_channel_spline, (x, *spline))


def test_second_derivatives_agree_with_finite_differences() -> None:
    spline = [part.requires_grad_() for part in random_spline(2, 3, 0.5)]
    x = (12 * torch.randn(3, 2, 2, 3, dtype=torch.float64)).requires_grad_()
    weight = torch.randn_like(x)

    # The gradient that comes in is a constant: nothing but the arguments is left to differentiate by.
    def gradients_of_spline(*inputs: Tensor) -> tuple[Tensor, ...]:
        y, logdet = channel_spline(*inputs)
        return torch.autograd.grad((y * weight).sum() + logdet.sum(), inputs, create_graph=True)

    def gradients_of_inverse(*inputs: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((inverse_channel_spline(*inputs) * weight).sum(), inputs, create_graph=True)

    for function in (gradients_of_spline, gradients_of_inverse):
        assert torch.autograd.gradcheck(function, (x, *spline), fast_mode=True)
    for function in (channel_spline, inverse_channel_spline):
        assert torch.autograd.gradgradcheck(function, (x, *spline), fast_mode=True)


def test_knots_that_depend_on_the_images_have_their_second_derivatives() -> None:
    knots, derivatives = random_spline(2, 3, 0.5)
    x = (12 * torch.randn(3, 2, 2, 3, dtype=torch.float64)).requires_grad_()

    def slope(x: Tensor) -> Tensor:
        moved = knots + x.mean().tanh()
        loss = (
            channel_spline(x, moved, derivatives)[0].square().sum()
            + inverse_channel_spline(x, moved, derivatives).sum()
        )
        return torch.autograd.grad(loss, x, create_graph=True)[0]

    assert torch.autograd.gradcheck(slope, x, fast_mode=True)


def gradients(batches: tuple[Tensor, ...], spline: Spline, weight: Tensor) -> tuple[Tensor, ...]:
    """Of the images, put together again, and of the spline, through all results of both directions."""
    x = [batch.clone().requires_grad_() for batch in batches]
    inputs = [part.clone().requires_grad_() for part in spline]
    y, logdet = (torch.cat(parts) for parts in zip(*[channel_spline(part, *inputs) for part in x], strict=True))
    inverse = torch.cat([inverse_channel_spline(part, *inputs) for part in x])
    loss = (y * weight).sum() + (logdet * weight[:, 0, 0, 0]).sum() + (inverse * weight).sum()
    of_x, of_spline = torch.autograd.grad(loss, x, retain_graph=True), torch.autograd.grad(loss, inputs)
    return torch.cat(of_x), *of_spline


@pytest.mark.parametrize("shape", [(5, 4, 80, 70), (300, 3, 7, 5)])
def test_images_do_not_see_each_other(shape: tuple[int, ...]) -> None:
    spline = random_spline(shape[1], 5, 1.0)
    x = 8 * torch.randn(shape, dtype=torch.float64)
    weight = torch.randn_like(x)
    expected = gradients(x.split(1), spline, weight)
    for actual, apart in zip(gradients((x,), spline, weight), expected, strict=True):
        torch.testing.assert_close(actual, apart)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_splines_and_those_by_operations_agree(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    spline = random_spline(4, 7, 1.0, dtype)
    x = 10 * torch.randn(6, 4, 9, 5, dtype=dtype)
    weight = torch.randn_like(x)
    compiled = *channel_spline(x, *spline), inverse_channel_spline(x, *spline), *gradients((x,), spline, weight)
    use_operations(monkeypatch)
    expected = *channel_spline(x, *spline), inverse_channel_spline(x, *spline), *gradients((x,), spline, weight)
    for ours, theirs in zip(compiled, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


@pytest.mark.parametrize("a", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("b", [1e-6, 1.0, 1e6])
def test_the_root_errs_by_roundings_however_steep_the_ends_are(a: float, b: float) -> None:
    xi = torch.linspace(0, 1, 1001, dtype=torch.float64)
    a_, b_ = torch.full_like(xi, a).float(), torch.full_like(xi, b).float()
    r = terms(xi, a_.double(), b_.double()).r.float()
    exact = root(r.double(), a_.double(), b_.double())
    t = terms(exact, a_.double(), b_.double())
    rounded_r = r.double() * t.d.square() / t.p
    assert ((root(r, a_, b_).double() - exact).abs() <= 1e-6 * (exact + rounded_r)).all()


def test_gradients_are_exact_in_float32_for_steep_splines() -> None:
    spline = random_spline(4, 5, 3.0, torch.float32)
    x, weight = line(4, 501, dtype=torch.float32), torch.randn(1, 4, 501, 1)

    def gradients_in(dtype: torch.dtype) -> list[Tensor]:
        inputs = [tensor.to(dtype).requires_grad_() for tensor in (x, *spline)]
        y, logdet = channel_spline(*inputs)
        return list(torch.autograd.grad((y * weight.to(dtype)).sum() + logdet.sum(), inputs))

    for actual, expected in zip(gradients_in(torch.float32), gradients_in(torch.float64), strict=True):
        torch.testing.assert_close(actual.double(), expected, rtol=1e-3, atol=1e-5 * expected.abs().max().item())


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # an older compiler's own doing
def test_compilers_see_the_operations() -> None:
    layer = SplineActivation((2, 4, 4))
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = (10 * torch.randn(3, 2, 4, 4)).requires_grad_()

    def results(function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
        z, logdet = function(x)
        return z, logdet, *torch.autograd.grad(z.square().sum() + logdet.sum(), [x, *layer.parameters()])

    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    for actual, expected in zip(results(compiled), results(layer), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_one_image_is_left_as_it_was() -> None:
    spline = random_spline(2, 3, 1.0)
    x = line(2, 11)
    before = x.clone()
    inverse_channel_spline(channel_spline(x, *spline)[0], *spline)
    torch.testing.assert_close(x, before, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_activation_starts_as_the_identity(dtype: torch.dtype) -> None:
    x = line(3, reach=50.0, dtype=dtype)
    z, logdet = SplineActivation((3, 2001, 1)).to(dtype)(x)
    torch.testing.assert_close(z, x)
    torch.testing.assert_close(
        logdet, torch.zeros(1, dtype=dtype), rtol=0, atol=1e-2 if dtype == torch.float32 else 1e-9
    )


def test_activation_is_smooth_where_its_tails_begin() -> None:
    torch.manual_seed(0)
    layer = SplineActivation((2, 1, 1), bins=4, tail=3.0).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    inside, outside = (layer(torch.full((1, 2, 1, 1), x, dtype=torch.float64))[1] for x in (3 - 1e-7, 3 + 1e-7))
    torch.testing.assert_close(inside, outside, rtol=0, atol=1e-4)


def every_magnitude(dtype: torch.dtype, tail: float) -> Tensor:
    """Numbers in a tail, from the first behind it to the largest of all, of both signs, (1, 1, n, 1)."""
    first = torch.nextafter(torch.tensor(tail, dtype=dtype), torch.tensor(torch.inf, dtype=dtype)).item()
    largest = torch.finfo(dtype).max
    numbers = [first, 1.1 * tail, *(10.0**power for power in range(1, 31)), largest / 2, largest]
    return torch.tensor([*numbers, *(-number for number in numbers)], dtype=dtype).view(1, 1, -1, 1)


@pytest.mark.parametrize("bins", [2, 5, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_activation_is_exactly_the_identity_however_far_out(dtype: torch.dtype, bins: int) -> None:
    torch.manual_seed(0)
    x = every_magnitude(dtype, 8.0).repeat(2, 3, 1, 1).requires_grad_()
    layer = SplineActivation((3, x.shape[2], 1), bins, tail=8.0).to(dtype)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=3)
    (z, logdet), inverse = layer(x), layer.inverse(x)
    weight = torch.randn_like(x)
    assert torch.equal(z, x)
    assert torch.equal(inverse, x)
    assert not logdet.any()
    for output in (z, inverse):
        of_x, *of_parameters = torch.autograd.grad([output], [x, *layer.parameters()], [weight], retain_graph=True)
        assert torch.equal(of_x, weight)
        assert not any(gradient.any() for gradient in of_parameters)
    of_logdet = torch.autograd.grad(logdet.sum(), [x, *layer.parameters()])
    assert not any(gradient.any() for gradient in of_logdet)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_activation_at_its_bound_and_at_the_smallest_numbers(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = SplineActivation((1, 2, 1), bins=5, tail=3.0).to(dtype)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    ends = torch.tensor([-3.0, 3.0], dtype=dtype).view(1, 1, 2, 1)
    z, logdet = layer(ends)
    assert torch.equal(z, ends)
    assert torch.equal(layer.inverse(ends), ends)
    assert logdet.abs() <= 4 * torch.finfo(dtype).eps
    tiny = torch.tensor([torch.finfo(dtype).tiny, torch.finfo(dtype).smallest_normal / 8], dtype=dtype).view(1, 1, 2, 1)
    for function in (lambda x: layer(x)[0], layer.inverse):
        torch.testing.assert_close(function(tiny), function(torch.zeros_like(tiny)))
        torch.testing.assert_close(function(-tiny), function(torch.zeros_like(tiny)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_gives_no_number(value: float) -> None:
    spline = random_spline(2, 5, 1.0)
    x = line(2, 11)
    y, inverse = channel_spline(x, *spline)[0], inverse_channel_spline(x, *spline)
    x[0, 1, 4] = value
    with_it, logdet = channel_spline(x, *spline)
    assert logdet.isnan().all()
    for before, after in ((y, with_it), (inverse, inverse_channel_spline(x, *spline))):
        torch.testing.assert_close(after[0, 1, 4, 0].item(), value, equal_nan=True)
        after[0, 1, 4] = before[0, 1, 4]
        assert torch.equal(before, after)


@pytest.mark.parametrize("size", [0.0, 30.0, 1e4])
def test_activation_keeps_least_widths_heights_and_derivatives(size: float) -> None:
    layer = SplineActivation((2, 1, 1), bins=5, tail=20.0)
    with torch.no_grad():
        layer.widths[:, 0] = size
        layer.heights[:, 1] = size
        layer.derivatives.fill_(-size)
    (knots_x, knots_y), derivatives = layer._spline()
    assert knots_x.diff().min() > 0.04 * 0.99
    assert knots_y.diff().min() > 0.04 * 0.99
    assert derivatives.min() >= 1e-3
    torch.testing.assert_close(knots_x[:, [0, -1]], torch.tensor([[-20.0, 20.0]] * 2))


@pytest.mark.parametrize(
    ("bins", "tail"), [(1, 20.0), (1000, 20.0), (2.5, 20.0), (5, 0.0), (5, -1.0), (5, math.inf), (5, math.nan)]
)
def test_activation_refuses_what_has_no_spline(bins: int, tail: float) -> None:
    with pytest.raises(ValueError, match="SplineActivation"):
        SplineActivation((2, 1, 1), bins, tail)
