"""The layers of other papers: each against a matrix or a convolution of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from bijection_cases import CASES, perturbed
from nflows_core.bijections import Bijection
from nflows_core.bijections.base import Shape
from nflows_core.bijections.baselines import (
    ConvExponential,
    EmergingConv2d,
    MaCowConv2d,
    PeriodicConv2d,
    SelfNormalizingConv2d,
    WoodburyConv2d,
)
from nflows_core.bijections.baselines.zero_padded_logdet import zero_padded_logdet

KERNELS: dict[str, Callable[[Shape, int], Bijection]] = {
    "emerging": EmergingConv2d,
    "exponential": ConvExponential,
    "macow": MaCowConv2d,
    "periodic": PeriodicConv2d,
    "self-normalizing": SelfNormalizingConv2d,
}


def jacobian(bijection: Bijection, x: Tensor) -> Tensor:
    return torch.autograd.functional.jacobian(lambda xi: bijection(xi[None])[0][0], x)


def perturb(bijection: Bijection, amount: float = 0.15) -> Bijection:
    with torch.no_grad():
        for parameter in bijection.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=amount)
    return bijection


def sees(bijection: Bijection, pixel: tuple[int, int]) -> Tensor:
    """Which pixels of a 7 x 7 image the latent at one pixel depends on."""
    torch.manual_seed(0)
    rows = jacobian(perturb(bijection), torch.rand(1, 7, 7))[0, pixel[0], pixel[1], 0]
    return rows != 0


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("kernel_size", [0, 2])
def test_kernel_without_a_center_is_refused(name: str, kernel_size: int) -> None:
    with pytest.raises(ValueError, match=f"kernel_size must be odd.* got {kernel_size}"):
        KERNELS[name]((2, 4, 4), kernel_size)


@pytest.mark.parametrize("name", KERNELS)
def test_starts_volume_preserving_and_invertible(name: str) -> None:
    torch.manual_seed(0)
    bijection = KERNELS[name]((3, 4, 5), 3)
    x = torch.randn(2, 3, 4, 5)
    z, logdet = bijection(x)
    torch.testing.assert_close(bijection.inverse(z), x, rtol=0, atol=1e-5)
    torch.testing.assert_close(logdet, torch.zeros(2), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["exponential", "periodic", "woodbury"])
def test_autocast_costs_no_precision(name: str) -> None:
    torch.manual_seed(0)
    bijection, x, _, _ = perturbed(CASES[name], torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z, _ = bijection(x)
        back = bijection.inverse(z)
    assert z.dtype == torch.float32
    torch.testing.assert_close(back, x, rtol=0, atol=2e-5)


def test_emerging_has_the_receptive_field_of_its_kernel() -> None:
    expected = torch.zeros(7, 7, dtype=torch.bool)
    expected[2:5, 3:6] = True
    torch.testing.assert_close(sees(EmergingConv2d((1, 7, 7), 3), (3, 4)), expected)


def test_periodic_is_a_circular_convolution() -> None:
    torch.manual_seed(0)
    layer = perturb(PeriodicConv2d((3, 5, 4)))
    assert isinstance(layer, PeriodicConv2d)
    x = torch.randn(2, 3, 5, 4)
    expected = conv2d(pad(x, (1, 1, 1, 1), mode="circular"), layer.kernel.flip(2, 3))
    torch.testing.assert_close(layer(x)[0], expected)


def test_woodbury_is_a_product_of_two_matrices() -> None:
    torch.manual_seed(0)
    layer = WoodburyConv2d((4, 2, 3), rank=2)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 2 * 2 * (4 + 6)
    matrices = [torch.eye(len(part.u)) + part.u @ part.v for part in (layer.channels, layer.pixels)]
    x = torch.randn(2, 4, 2, 3)
    expected = matrices[0] @ x.flatten(2) @ matrices[1].mT
    torch.testing.assert_close(layer(x)[0], expected.reshape(x.shape))
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        WoodburyConv2d((4, 2, 3), rank=0)


@pytest.mark.parametrize("amount", [0.01, 1.0])
def test_exponential_is_that_of_the_matrix(amount: float) -> None:
    torch.manual_seed(0)
    layer = perturb(ConvExponential((2, 3, 4)).double(), amount)
    assert isinstance(layer, ConvExponential)
    impulses = torch.eye(24, dtype=torch.float64).view(24, 2, 3, 4)
    matrix = conv2d(impulses, layer.kernel, padding=1).reshape(24, 24).mT
    assert torch.linalg.matrix_norm(matrix, 2) <= 1
    actual = layer(impulses)[0].reshape(24, 24).mT
    torch.testing.assert_close(actual, torch.linalg.matrix_exp(matrix), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("direction", "rows", "columns"),
    [("down", (1, 3), (2, 5)), ("up", (4, 6), (2, 5)), ("right", (2, 5), (1, 3)), ("left", (2, 5), (4, 6))],
)
def test_macow_sees_two_rows_on_one_side(direction: str, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    expected = torch.zeros(7, 7, dtype=torch.bool)
    expected[slice(*rows), slice(*columns)] = True
    expected[3, 3] = True
    torch.testing.assert_close(sees(MaCowConv2d((1, 7, 7), 3, direction), (3, 3)), expected)


def test_macow_refuses_an_unknown_direction() -> None:
    with pytest.raises(ValueError, match="direction: expected one of down, up, right, left, got 'top'"):
        MaCowConv2d((1, 4, 4), direction="top")


@pytest.mark.parametrize(("kernel_size", "size"), [(1, (2, 3)), (3, (5, 4)), (5, (5, 3)), (5, (1, 4)), (7, (4, 2))])
def test_self_normalizing_logdet_is_exact(kernel_size: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = perturb(SelfNormalizingConv2d((2, *size), kernel_size).double())
    x = torch.rand(2, *size, dtype=torch.float64)
    expected = torch.linalg.slogdet(jacobian(layer, x).reshape(x.numel(), x.numel())).logabsdet
    torch.testing.assert_close(layer(x[None])[1][0], expected)
    torch.testing.assert_close(layer.eval()(x[None])[1][0], expected)


def test_self_normalizing_logdet_follows_the_kernel() -> None:
    torch.manual_seed(0)
    layer, x = SelfNormalizingConv2d((2, 3, 4)), torch.rand(1, 2, 3, 4)
    for amount in (0.0, 0.1):
        perturb(layer, amount)
        for dtype in (torch.float32, torch.float64):
            _, logdet = layer.to(dtype)(x.to(dtype))
            torch.testing.assert_close(logdet[0], zero_padded_logdet(layer.weight, (3, 4)), rtol=0, atol=0)


def test_self_normalizing_gradient_is_exact_where_the_inverse_is() -> None:
    torch.manual_seed(0)
    layer = perturb(SelfNormalizingConv2d((3, 4, 5), 1).double()).eval()
    assert isinstance(layer, SelfNormalizingConv2d)
    matrix = layer.weight.detach()[:, :, 0, 0]
    with torch.no_grad():
        layer.inverse_weight.copy_(torch.linalg.inv(matrix)[:, :, None, None])
    layer(torch.randn(1, 3, 4, 5, dtype=torch.float64))[1].sum().backward()
    torch.testing.assert_close(layer.weight.grad[:, :, 0, 0], 4 * 5 * torch.linalg.inv(matrix).mT)
    assert layer.inverse_weight.grad is None


def test_self_normalizing_gradient_approaches_that_of_the_determinant() -> None:
    torch.manual_seed(0)
    layer = perturb(SelfNormalizingConv2d((2, 5, 6)).double().eval(), 0.0)
    assert isinstance(layer, SelfNormalizingConv2d)
    small = 1e-4 * torch.randn_like(layer.weight)
    center = layer.weight.detach()[:, :, 1, 1]
    with torch.no_grad():
        layer.weight.add_(small)
        # The inverse to the first order: Q^T - Q^T N Q^T, with the taps of N on the other side.
        first_order = torch.einsum("ji,jkhw,lk->ilhw", center, small, center)
        layer.inverse_weight.sub_(first_order)
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    layer(x)[1].sum().backward()
    weight = layer.weight.detach().requires_grad_()
    impulses = torch.eye(60, dtype=torch.float64).view(60, 2, 5, 6)
    torch.linalg.slogdet(conv2d(impulses, weight, padding=1).reshape(60, 60)).logabsdet.backward()
    torch.testing.assert_close(layer.weight.grad, weight.grad, rtol=0, atol=1e-5)


def smooth_images() -> Tensor:
    noise = torch.randn(32, 2, 6, 6, dtype=torch.float64)
    return noise + 0.5 * noise.roll(1, 2) + 0.5 * noise.roll(1, 3) + 0.3 * noise.flip(1)


def test_self_normalizing_inverse_improves_while_the_likelihood_is_maximized() -> None:
    torch.manual_seed(0)
    layer = perturb(SelfNormalizingConv2d((2, 6, 6)).double(), 0.05)
    images = smooth_images()
    optimizer = torch.optim.Adam(layer.parameters(), lr=5e-3)
    errors, likelihoods = [], []
    for _ in range(60):
        z, logdet = layer(images)
        likelihood = (logdet - 0.5 * (z.square() + math.log(2 * math.pi)).sum((1, 2, 3))).mean()
        errors.append((layer.inverse(z) - images).abs().max().item())
        likelihoods.append(likelihood.item())
        optimizer.zero_grad()
        (-likelihood).backward()
        optimizer.step()
    assert errors[-1] < errors[0] / 3
    assert likelihoods[-1] > likelihoods[0]
