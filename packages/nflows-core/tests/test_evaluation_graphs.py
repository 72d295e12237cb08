"""Sampling by a CUDA graph is sampling."""

from __future__ import annotations

import pytest
import torch

from nflows_core.evaluation.graphs import GraphedSampler
from nflows_core.models import MODELS, Glow

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_refuses_a_flow_that_is_not_on_a_gpu() -> None:
    with pytest.raises(ValueError, match="on a CUDA device only, and the flow is on cpu: use its sample"):
        GraphedSampler(Glow((1, 4, 4), 1, 1, width=4), 2)


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("name", MODELS)
def test_gives_the_samples_of_the_flow(name: str) -> None:
    torch.manual_seed(0)
    flow = MODELS[name]((1, 16, 16), levels=2).cuda()
    sampler = GraphedSampler(flow, 5)
    for temperature in (1.0, 0.5):
        one, other = (torch.Generator("cuda").manual_seed(7) for _ in range(2))
        expected = flow.sample(5, temperature, generator=one)
        torch.testing.assert_close(sampler(temperature, generator=other), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.cuda
@needs_cuda
def test_follows_parameters_and_context() -> None:
    torch.manual_seed(0)
    flow = Glow((1, 8, 8), 2, 2, width=8, context_features=3).cuda()
    context = torch.randn(4, 3, device="cuda")
    sampler = GraphedSampler(flow, 4, context)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    for given in (context, -context):
        one, other = (torch.Generator("cuda").manual_seed(7) for _ in range(2))
        expected = flow.sample(4, context=given, generator=one)
        torch.testing.assert_close(sampler(context=given, generator=other), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="a context is needed in every call"):
        sampler()
