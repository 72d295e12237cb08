"""What PyTorch and Pyro ask of transforms and of distributions made with them, asked of our bijections.

Pyro's transforms are PyTorch's, and its releases ship without their tests: these are the same questions in our words.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import ComposeTransform, Independent, Normal, TransformedDistribution

from bijection_cases import CASES, perturbed
from nflows_core.bijections import Bijection
from nflows_core.flow import Flow
from torch_transforms import Adapter

Made = tuple[Bijection, Tensor, Tensor, Tensor | None]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Made:
    torch.manual_seed(0)
    return perturbed(CASES[request.param])


def base(bijection: Bijection) -> Independent:
    shape = bijection.output_shape
    return Independent(Normal(torch.zeros(shape, dtype=torch.float64), torch.ones(shape, dtype=torch.float64)), 3)


def test_inverses_undo_each_other_and_are_kept(case: Made) -> None:
    bijection, x, z, context = case
    transform = Adapter(bijection, context)
    assert transform.inv.inv is transform
    torch.testing.assert_close(transform.inv(transform(x)), x)
    torch.testing.assert_close(transform(transform.inv(z)), z)
    cached = transform.with_cache()
    assert cached.inv(cached(x)) is x
    assert cached(cached.inv(z)) is z


def test_shapes_before_the_image_stay(case: Made) -> None:
    bijection, x, _, context = case
    transform = Adapter(bijection, context)
    many = torch.stack([x, x.flip(0), x])
    y = transform(many)
    assert y.shape == transform.forward_shape(many.shape)
    assert many.shape == transform.inverse_shape(y.shape)
    assert transform.log_abs_det_jacobian(many, y).shape == many.shape[:-3]
    torch.testing.assert_close(y[0], transform(x))


def test_log_determinants_of_both_directions_and_of_chains(case: Made) -> None:
    bijection, x, _, context = case
    transform = Adapter(bijection, context)
    y = transform(x)
    forward, backward = transform.log_abs_det_jacobian(x, y), transform.inv.log_abs_det_jacobian(y, x)
    torch.testing.assert_close(forward, -backward)
    there_and_back = ComposeTransform([transform, transform.inv])
    torch.testing.assert_close(there_and_back(x), x)
    torch.testing.assert_close(there_and_back.log_abs_det_jacobian(x, x), torch.zeros(len(x), dtype=torch.float64))


def test_density_and_gradients_of_a_transformed_normal(case: Made) -> None:
    bijection, x, _, context = case
    transformed = TransformedDistribution(base(bijection), [Adapter(bijection, context).inv])
    assert transformed.event_shape == bijection.shape
    x.requires_grad_()
    expected = Flow([bijection]).log_prob(x, context)
    actual = transformed.log_prob(x)
    torch.testing.assert_close(actual, expected)
    scores = (torch.autograd.grad(density.sum(), x)[0] for density in (actual, expected))
    torch.testing.assert_close(*scores)


def test_samples_have_the_density_that_they_are_said_to_have(case: Made) -> None:
    bijection, _, _, context = case
    one = None if context is None else context[:1]
    transformed = TransformedDistribution(base(bijection), [Adapter(bijection, one).with_cache().inv])
    samples = transformed.rsample((2, 3))
    assert samples.shape == (2, 3, *bijection.shape)
    assert samples.isfinite().all()
    latents = Adapter(bijection, one)(samples)
    forgetful = TransformedDistribution(base(bijection), [Adapter(bijection, one).inv])
    expected = base(bijection).log_prob(latents) + Adapter(bijection, one).log_abs_det_jacobian(samples, latents)
    torch.testing.assert_close(forgetful.log_prob(samples), expected)
    torch.testing.assert_close(transformed.log_prob(samples), expected)


def test_samples_are_differentiable_by_the_normal(case: Made) -> None:
    bijection, _, _, context = case
    one = None if context is None else context[:1]
    mean = torch.zeros(bijection.output_shape, dtype=torch.float64, requires_grad=True)
    state = torch.get_rng_state()
    weight = torch.randn(bijection.shape, dtype=torch.float64)

    def sample(mean: Tensor) -> Tensor:
        torch.set_rng_state(state)
        moved = Independent(Normal(mean, torch.ones_like(mean)), 3)
        return (TransformedDistribution(moved, [Adapter(bijection, one).inv]).rsample((1,)) * weight).sum()

    assert torch.autograd.gradcheck(sample, mean, fast_mode=True)
