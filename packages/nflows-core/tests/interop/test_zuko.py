"""The checks that zuko makes of its own transforms, on our bijections, and its spline against ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, Transform, constraints
from zuko.distributions import NormalizingFlow
from zuko.transforms import ComposedTransform, MonotonicRQSTransform

from nflows_core.bijections import (
    ActNorm,
    AffineCoupling,
    Bijection,
    Composition,
    Conv1x1,
    InverseConv2d,
    InvertibleConv2d,
    Logit,
    QuadCoupling,
    SplineActivation,
    Split,
    Squeeze,
)
from nflows_core.bijections.rational_quadratic import rational_quadratic
from nflows_core.flow import Flow

SHAPE = (4, 2, 2)
BIJECTIONS: dict[str, Callable[[], Bijection]] = {
    "actnorm": lambda: ActNorm(SHAPE),
    "conv1x1": lambda: Conv1x1(SHAPE),
    "invertible-conv": lambda: InvertibleConv2d(SHAPE),
    "inverse-conv": lambda: InverseConv2d(SHAPE),
    "coupling": lambda: AffineCoupling(SHAPE, width=8),
    "quad-coupling": lambda: QuadCoupling(SHAPE, width=8),
    "split": lambda: Split(SHAPE),
    "spline": lambda: SplineActivation(SHAPE, tail=2.0),
    "squeeze": lambda: Squeeze(SHAPE),
    "logit": lambda: Logit(SHAPE),
    "composition": lambda: Composition([Conv1x1(SHAPE), InverseConv2d(SHAPE), AffineCoupling(SHAPE, width=8)]),
}


class Adapter(Transform):
    """A bijection as a transform of PyTorch's distributions, which zuko's transforms are."""

    domain = codomain = constraints.independent(constraints.real, 3)
    bijective = True

    def __init__(self, bijection: Bijection) -> None:
        super().__init__()
        self.bijection = bijection

    def _call(self, x: Tensor) -> Tensor:
        return self.bijection(x)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        return self.bijection.inverse(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.bijection(x)[1]


def adapted(name: str) -> Adapter:
    bijection = BIJECTIONS[name]()
    with torch.no_grad():
        for parameter in bijection.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return Adapter(bijection.double())


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


@pytest.mark.parametrize("name", BIJECTIONS)
def test_passes_the_checks_of_zuko(name: str) -> None:
    torch.manual_seed(0)
    check(adapted(name), torch.rand(1, *SHAPE, dtype=torch.float64))


def test_composes_with_the_transforms_of_zuko() -> None:
    torch.manual_seed(0)
    spline = MonotonicRQSTransform(*torch.randn(2, 2, 8, dtype=torch.float64), torch.randn(2, 7, dtype=torch.float64))
    composed = ComposedTransform(adapted("conv1x1"), spline, adapted("inverse-conv"), adapted("coupling"))
    check(composed, torch.rand(1, *SHAPE, dtype=torch.float64))


def test_density_is_that_of_zuko() -> None:
    torch.manual_seed(0)
    transforms = [adapted(name) for name in BIJECTIONS if name not in ("squeeze", "logit")]
    base = Normal(torch.zeros(SHAPE, dtype=torch.float64), 1.0)
    theirs = NormalizingFlow(ComposedTransform(*transforms), base)
    ours = Flow([Composition([transform.bijection for transform in transforms])])
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))


def test_spline_is_that_of_zuko() -> None:
    torch.manual_seed(0)
    widths, heights = torch.randn(2, 3, 5, dtype=torch.float64)
    theirs = MonotonicRQSTransform(widths, heights, torch.randn(3, 4, dtype=torch.float64), bound=5.0)
    x = torch.linspace(-8, 8, 501, dtype=torch.float64).view(1, 1, -1, 1).repeat(1, 3, 1, 1)
    y, logdet = rational_quadratic(x, theirs.horizontal, theirs.vertical, theirs.derivatives)
    expected, ladj = theirs.call_and_ladj(x.movedim(1, -1))
    torch.testing.assert_close(y, expected.movedim(-1, 1))
    torch.testing.assert_close(logdet, ladj.sum()[None])
