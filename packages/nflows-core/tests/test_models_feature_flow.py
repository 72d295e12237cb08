"""The flow of features: exact, and with the same Jacobian determinant everywhere."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from invconv import inverse_conv2d
from nflows_core.bijections import ActNorm
from nflows_core.bijections.base import Shape
from nflows_core.flow import Flow, log_density
from nflows_core.models import FeatureFlow
from nflows_core.training import EngineConfig, Trainer, VectorLikelihood

SHAPES: list[Shape] = [(5, 1, 1), (3, 2, 4)]


def away_from_identity(shape: Shape, depth: int = 3) -> FeatureFlow:
    flow = FeatureFlow(shape, depth, width=4).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return flow


@given(
    channels=st.integers(2, 6),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    kernel_size=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=25, deadline=None)
def test_decode_undoes_encode(channels: int, height: int, width: int, kernel_size: int, seed: int) -> None:
    torch.manual_seed(seed)
    flow = FeatureFlow((channels, height, width), depth=2, width=4, kernel_size=kernel_size).double()
    x = 3 * torch.randn(4, channels, height, width, dtype=torch.float64)
    flow.initialize(x)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_log_determinant_is_that_of_the_jacobian_and_the_same_everywhere(shape: Shape) -> None:
    torch.manual_seed(0)
    flow = away_from_identity(shape)
    x = 3 * torch.randn(6, *shape, dtype=torch.float64)
    said = flow(x)[1]
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0].flatten(), row)  # type: ignore[no-untyped-call]
        torch.testing.assert_close(torch.linalg.slogdet(jacobian.flatten(1)).logabsdet, said[0])
    assert said[0] != 0
    torch.testing.assert_close(said, said[:1].expand(6), rtol=0, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_likelihood_is_a_distance_of_latents(shape: Shape) -> None:
    torch.manual_seed(0)
    flow = away_from_identity(shape)
    x = 3 * torch.randn(2, *shape, dtype=torch.float64)
    squares = flow.encode(x)[0].flatten(1).square().sum(1)
    said = flow.log_prob(x)
    torch.testing.assert_close(said[0] - said[1], (squares[1] - squares[0]) / 2)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_reach_every_parameter(shape: Shape) -> None:
    torch.manual_seed(0)
    flow = away_from_identity(shape)
    flow.log_prob(torch.randn(4, *shape, dtype=torch.float64)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in flow.parameters())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_state_brings_its_permutations(shape: Shape) -> None:
    flow, other = away_from_identity(shape), away_from_identity(shape)
    other.load_state_dict(flow.state_dict())
    x = torch.randn(3, *shape, dtype=torch.float64)
    torch.testing.assert_close(other.log_prob(x), flow.log_prob(x), rtol=0, atol=0)


def fields(n: int, seed: int) -> Tensor:
    """Noise through a recursion over rows, columns and channels, of determinant 1: each place leans on its neighbours.

    Its entropy is that of the noise.
    """
    noise = torch.randn(n, 2, 5, 5, generator=torch.Generator().manual_seed(seed))
    kernel = torch.zeros(2, 2, 2, 2)
    kernel[..., 1, 1] = torch.tensor([[1.0, 0.0], [-0.6, 1.0]])
    kernel[..., 1, 0] = kernel[..., 0, 1] = torch.tensor([[-0.4, 0.0], [0.0, 0.3]])
    return inverse_conv2d(noise, kernel, "tl")


def test_a_training_finds_how_places_depend_on_their_neighbours() -> None:
    torch.manual_seed(0)
    config = EngineConfig(epochs=12, batch_size=128, learning_rate=1e-2, warmup_steps=10, ema_decay=0.9)
    losses = []
    for flow in (FeatureFlow((2, 5, 5), depth=4, width=8, kernel_size=2), Flow([ActNorm((2, 5, 5))])):
        trained = Trainer(VectorLikelihood(flow, fields(4000, 0), config)).fit()
        with torch.no_grad():
            losses.append(-log_density(*trained(fields(4000, 1))).mean().item())
    entropy = 25 * (1 + math.log(2 * math.pi))
    assert losses[0] - entropy > -0.5, "nothing is likelier than the truth"
    assert losses[0] - entropy < 0.1 * (losses[1] - entropy)


def test_what_it_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match="has no channels to condition others on"):
        FeatureFlow((1, 4, 4))
    with pytest.raises(ValueError, match="depth: expected a whole number, at least 1, got 0"):
        FeatureFlow((2, 4, 4), depth=0)
    with pytest.raises(ValueError, match="width: expected a whole number, at least 1, got 0"):
        FeatureFlow((2, 1, 1), width=0)
    with pytest.raises(ValueError, match="shape: expected channels, height and width"):
        FeatureFlow((2, 0, 1))
