"""The checks that zuko makes of its own transforms, on our bijections, and its spline against ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, Transform
from zuko.distributions import NormalizingFlow
from zuko.transforms import ComposedTransform, MonotonicRQSTransform

from bijection_cases import CASES, perturbed
from nflows_core.bijections import AffineCoupling, Bijection, Composition, Conv1x1, InverseConv2d
from nflows_core.bijections.channel_spline import channel_spline
from nflows_core.bijections.spline_coupling import entry_spline, inverse_entry_spline
from nflows_core.flow import Flow
from torch_transforms import Adapter

SHAPE = (4, 2, 2)


def logabsdet(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    jacobian = torch.autograd.functional.jacobian(function, x)
    return torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel())).logabsdet[None]


def check(transform: Transform, x: Tensor) -> None:
    y = transform(x)
    torch.testing.assert_close(transform.inv(y), x)
    both, ladj = transform.call_and_ladj(x)
    torch.testing.assert_close(both, y)
    torch.testing.assert_close(ladj, transform.log_abs_det_jacobian(x, y))
    torch.testing.assert_close(ladj, logabsdet(transform, x))
    torch.testing.assert_close(transform.inv.log_abs_det_jacobian(y, x), logabsdet(transform.inv, y))


@pytest.mark.parametrize("name", CASES)
def test_passes_the_checks_of_zuko(name: str) -> None:
    torch.manual_seed(0)
    bijection, x, _, context = perturbed(CASES[name])
    check(Adapter(bijection, None if context is None else context[:1]), x[:1])


def layers() -> list[Bijection]:
    return [layer.double() for layer in (Conv1x1(SHAPE), InverseConv2d(SHAPE), AffineCoupling(SHAPE, width=8))]


def test_composes_with_the_transforms_of_zuko() -> None:
    torch.manual_seed(0)
    spline = MonotonicRQSTransform(*torch.randn(2, 2, 8, dtype=torch.float64), torch.randn(2, 7, dtype=torch.float64))
    first, *others = map(Adapter, layers())
    check(ComposedTransform(first, spline, *others), torch.rand(1, *SHAPE, dtype=torch.float64))


def test_density_is_that_of_zuko() -> None:
    torch.manual_seed(0)
    bijections = layers()
    base = Normal(torch.zeros(SHAPE, dtype=torch.float64), 1.0)
    theirs = NormalizingFlow(ComposedTransform(*map(Adapter, bijections)), base)
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(Flow([Composition(bijections)]).log_prob(x), theirs.log_prob(x))


def test_spline_is_that_of_zuko() -> None:
    torch.manual_seed(0)
    widths, heights = torch.randn(2, 3, 5, dtype=torch.float64)
    theirs = MonotonicRQSTransform(widths, heights, torch.randn(3, 4, dtype=torch.float64), bound=5.0)
    x = torch.linspace(-8, 8, 501, dtype=torch.float64).view(1, 1, -1, 1).repeat(1, 3, 1, 1)
    y, logdet = channel_spline(x, torch.stack([theirs.horizontal, theirs.vertical]), theirs.derivatives)
    expected, ladj = theirs.call_and_ladj(x.movedim(1, -1))
    torch.testing.assert_close(y, expected.movedim(-1, 1))
    torch.testing.assert_close(logdet, ladj.sum()[None])


def test_spline_of_an_entry_is_that_of_zuko() -> None:
    torch.manual_seed(0)
    widths, heights = 2 * torch.randn(2, 50, 7, 8, dtype=torch.float64)
    theirs = MonotonicRQSTransform(widths, heights, 2 * torch.randn(50, 7, 7, dtype=torch.float64), bound=4.0)
    x = torch.linspace(-6, 6, 350, dtype=torch.float64).view(50, 7)
    knots = torch.stack([theirs.horizontal, theirs.vertical]).movedim(-1, 2)
    derivatives = theirs.derivatives.movedim(-1, 1)
    y, log_slope = entry_spline(x, knots, derivatives)
    expected, ladj = theirs.call_and_ladj(x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(log_slope, ladj)
    torch.testing.assert_close(inverse_entry_spline(expected, knots, derivatives), theirs.inv(expected))
