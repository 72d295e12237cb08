"""The presets of other papers: nothing is lost on the way, and the density is one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nflows_core.baselines import BASELINES
from nflows_core.bijections.base import Shape
from nflows_core.flow import Flow

EXACT = [name for name in BASELINES if name != "self-normalizing"]


def make_flow(name: str, shape: Shape, levels: int, amount: float, context_features: int = 0) -> Flow:
    """A flow in float64, initialized on a batch and then away from where it starts."""
    torch.manual_seed(0)
    flow = BASELINES[name](shape, levels=levels, depth=1, width=4, context_features=context_features).double()
    context = torch.randn(16, context_features, dtype=torch.float64) if context_features else None
    flow.initialize(images(16, shape), context)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=amount)
    return flow.eval()


def images(n: int, shape: Shape) -> Tensor:
    return torch.rand(n, *shape, dtype=torch.float64)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize(("shape", "levels"), [((1, 2, 6), 1), ((3, 8, 4), 2), ((1, 8, 8), 3)])
def test_decode_undoes_encode(name: str, shape: Shape, levels: int) -> None:
    flow = make_flow(name, shape, levels, 0.05)
    x = images(3, shape)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-9)
    latents = [torch.randn(2, *shape, dtype=torch.float64) for shape in flow.latent_shapes]
    torch.testing.assert_close(flow.encode(flow.decode(latents)), latents, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", BASELINES)
def test_log_prob_is_that_of_the_jacobian(name: str) -> None:
    flow = make_flow(name, (1, 4, 4), 2, 0.1)
    x = images(1, flow.shape)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: torch.cat([latent.flatten() for latent in flow.encode(x)]), x
    )
    z = torch.cat([latent.flatten() for latent in flow.encode(x)])
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum()
    expected = expected + torch.linalg.slogdet(jacobian.reshape(16, 16)).logabsdet
    torch.testing.assert_close(flow.log_prob(x)[0], expected)


@pytest.mark.parametrize("name", EXACT)
def test_context_conditions_the_flow(name: str) -> None:
    flow = make_flow(name, (1, 4, 4), 2, 0.05, context_features=2)
    x, context = images(3, flow.shape), torch.randn(3, 2, dtype=torch.float64)
    torch.testing.assert_close(flow.decode(flow.encode(x, context), context), x, rtol=0, atol=1e-9)
    assert not torch.allclose(flow.log_prob(x, context), flow.log_prob(x, -context))


@pytest.mark.parametrize("name", BASELINES)
def test_training_reaches_every_parameter(name: str) -> None:
    flow = make_flow(name, (1, 8, 8), 2, 0.05).train()
    flow.log_prob(images(8, flow.shape)).sum().backward()
    for parameter_name, parameter in flow.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_self_normalizing_flow_reconstructs_better_when_trained() -> None:
    flow = make_flow("self-normalizing", (1, 4, 4), 1, 0.05).train()
    x = images(64, flow.shape)
    optimizer = torch.optim.Adam(flow.parameters(), lr=3e-3)
    errors = []
    for _ in range(60):
        with torch.no_grad():
            errors.append((flow.decode(flow.encode(x)) - x).abs().max().item())
        optimizer.zero_grad()
        (-flow.log_prob(x)).mean().backward()
        optimizer.step()
    assert errors[-1] < errors[0] / 4


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "woodbury"])
def test_larger_kernels_have_more_parameters(name: str) -> None:
    sizes = [sum(p.numel() for p in BASELINES[name]((1, 4, 4), depth=1, kernel_size=k).parameters()) for k in (1, 3, 5)]
    assert sizes == sorted(set(sizes))
