"""The checks that nflows makes of its own transforms, on our bijections as its transforms.

They are told again, since its release ships without its tests.
"""

from __future__ import annotations

import pytest
import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow as NflowsFlow
from nflows.transforms.base import CompositeTransform, InverseTransform, Transform
from torch import Tensor

from bijection_cases import CASES, perturbed
from nflows_core.bijections import Bijection, Composition
from nflows_core.flow import Flow


class Adapter(Transform):
    """A bijection whose inverse gives a log-determinant too, as nflows has it."""

    def __init__(self, bijection: Bijection) -> None:
        super().__init__()
        self.bijection = bijection

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.bijection(inputs, context)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.bijection.inverse(inputs, context)
        return x, -self.bijection(x, context)[1]


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_followed_by_its_inverse_is_the_identity(name: str) -> None:
    torch.manual_seed(0)
    bijection, x, z, context = perturbed(CASES[name])
    transform = Adapter(bijection)
    for pair, start in (([transform, InverseTransform(transform)], x), ([InverseTransform(transform), transform], z)):
        end, logabsdet = CompositeTransform(pair)(start, context)
        close(end, start)
        close(logabsdet, torch.zeros(len(x), dtype=torch.float64))


@pytest.mark.parametrize("name", CASES)
def test_density_is_that_of_nflows(name: str) -> None:
    torch.manual_seed(0)
    bijection, x, _, context = perturbed(CASES[name])
    theirs = NflowsFlow(CompositeTransform([Adapter(bijection)]), StandardNormal(bijection.output_shape))
    close(theirs.log_prob(x, context), Flow([bijection]).log_prob(x, context))


def test_samples_of_nflows_have_our_density() -> None:
    torch.manual_seed(0)
    bijection, _, _, _ = perturbed(CASES["composition"], torch.float32)
    assert isinstance(bijection, Composition)
    transform = CompositeTransform([Adapter(layer) for layer in bijection.bijections])
    x, log_prob = NflowsFlow(transform, StandardNormal(bijection.output_shape)).sample_and_log_prob(5)
    torch.testing.assert_close(Flow([bijection]).log_prob(x), log_prob, rtol=1e-4, atol=1e-4)
