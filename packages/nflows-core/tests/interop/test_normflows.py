"""normflows' own checks on our bijections, and our bijections as its flows."""

from __future__ import annotations

import math
from collections.abc import Callable

import normflows
import pytest
import torch
from normflows.flows.flow_test import FlowTest
from torch import Tensor

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
from nflows_core.flow import Flow

SHAPE = (4, 2, 6)
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


class Adapter(normflows.flows.Flow):
    """A bijection on flat vectors, its forward from latent to data, as normflows has it."""

    def __init__(self, bijection: Bijection) -> None:
        super().__init__()
        self.bijection = bijection

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.bijection.inverse(z.unflatten(1, self.bijection.output_shape), context)
        return x.flatten(1), -self.bijection(x, context)[1]

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z, logdet = self.bijection(x.unflatten(1, self.bijection.shape), context)
        return z.flatten(1), logdet


def perturbed(bijection: Bijection) -> Bijection:
    with torch.no_grad():
        for parameter in bijection.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return bijection.double()


@pytest.mark.parametrize("name", BIJECTIONS)
def test_passes_the_check_of_normflows(name: str) -> None:
    torch.manual_seed(0)
    z = torch.randn(5, math.prod(SHAPE), dtype=torch.float64)
    FlowTest().checkForwardInverse(Adapter(perturbed(BIJECTIONS[name]())), z, atol=1e-8, rtol=0)


def test_passes_the_check_of_normflows_with_context() -> None:
    torch.manual_seed(0)
    coupling = AffineCoupling(SHAPE, width=8, context_features=3)
    z, context = torch.randn(5, math.prod(SHAPE)).double(), torch.randn(5, 3).double()
    FlowTest().checkForwardInverse(Adapter(perturbed(coupling)), z, context, atol=1e-8, rtol=0)


def test_density_is_that_of_normflows() -> None:
    torch.manual_seed(0)
    bijections = [perturbed(make()) for name, make in BIJECTIONS.items() if name not in ("squeeze", "logit")]
    base = normflows.distributions.DiagGaussian(math.prod(SHAPE), trainable=False).double()
    theirs = normflows.NormalizingFlow(base, [Adapter(bijection) for bijection in reversed(bijections)])
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(Flow([Composition(bijections)]).log_prob(x), theirs.log_prob(x.flatten(1)))
