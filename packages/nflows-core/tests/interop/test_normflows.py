"""normflows' own checks on our bijections, and our bijections as its flows."""

from __future__ import annotations

import math

import normflows
import pytest
import torch
from normflows.flows.flow_test import FlowTest
from torch import Tensor

from bijection_cases import CASES, perturbed
from nflows_core.bijections import AffineCoupling, Bijection, Composition, Conv1x1, InverseConv2d, SplineActivation
from nflows_core.flow import Flow


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


@pytest.mark.parametrize("name", CASES)
def test_passes_the_check_of_normflows(name: str) -> None:
    torch.manual_seed(0)
    bijection, _, z, context = perturbed(CASES[name])
    conditions = [] if context is None else [context]
    FlowTest().checkForwardInverse(Adapter(bijection), z.flatten(1), *conditions, atol=1e-8, rtol=0)


def test_density_is_that_of_normflows() -> None:
    torch.manual_seed(0)
    shape = (4, 2, 6)
    layers = [Conv1x1(shape), SplineActivation(shape), InverseConv2d(shape), AffineCoupling(shape, width=8)]
    ours = Flow([Composition(layers)]).double()
    base = normflows.distributions.DiagGaussian(math.prod(shape), trainable=False).double()
    theirs = normflows.NormalizingFlow(base, [Adapter(layer) for layer in reversed(layers)])
    x = torch.randn(5, *shape, dtype=torch.float64)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x.flatten(1)))
