"""A flow as one of torch's distributions: what torch's own tests ask of every distribution, asked of ours."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    Normal,
    TransformedDistribution,
    kl_divergence,
)

from nflows_core.bijections import ActNorm, Composition, Logit, Squeeze
from nflows_core.flow import Flow, density_to_bits_per_dim
from nflows_core.flow_distribution import FlowDistribution
from nflows_core.models import Glow

SHAPE = (2, 4, 8)
SAMPLE_SHAPES = [(), (3,), (2, 3), (0,), (1,)]
CONTEXTS = {
    "none": None,
    "one vector": (3,),
    "vectors": (5, 3),
    "one map": (3, 2, 4),
    "maps": (5, 3, 2, 4),
    "batch of batches": (2, 5, 3),
    "no contexts": (0, 3),
}
BATCHES = {"vectors": (5,), "maps": (5,), "batch of batches": (2, 5), "no contexts": (0,)}


def glow(context_features: int = 0) -> Flow:
    """A flow whose every parameter is away from where it starts."""
    torch.manual_seed(0)
    flow = Glow(SHAPE, levels=2, depth=1, width=4, context_features=context_features).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return flow


def gaussian(mean: float, deviation: float) -> Flow:
    """ActNorm alone, whose images are normal."""
    flow = Flow([ActNorm((1, 1, 2))]).double()
    flow.initialize(mean + deviation * torch.tensor([-1.0, 1.0]).double().view(2, 1, 1, 1).expand(2, 1, 1, 2))
    return flow


@pytest.fixture(params=CONTEXTS)
def case(request: pytest.FixtureRequest) -> tuple[FlowDistribution, tuple[int, ...]]:
    shape = CONTEXTS[request.param]
    flow = glow(0 if shape is None else 3)
    context = None if shape is None else torch.randn(*shape, dtype=torch.float64)
    ndims = 2 if request.param == "batch of batches" else None
    return flow.distribution(context, batch_ndims=ndims), BATCHES.get(request.param, ())


Case = tuple[FlowDistribution, tuple[int, ...]]


def each(distribution: FlowDistribution, images: Tensor) -> Tensor:
    """The density of each image by the flow itself, one after the other."""
    event = 0 if distribution.context is None else distribution.context.ndim - len(distribution.batch_shape)
    flat = images.reshape(-1, *SHAPE)
    contexts: Sequence[Tensor | None] = [None] * len(flat)
    if distribution.context is not None:
        own = distribution.context.shape[-event:]
        contexts = list(distribution.context.expand(*images.shape[:-3], *own).reshape(-1, *own))
    rows = [
        distribution.flow.log_prob(x[None], None if c is None else c[None])  # type: ignore[attr-defined]
        for x, c in zip(flat, contexts, strict=True)
    ]
    return torch.cat([images.new_zeros(0), *rows]).reshape(images.shape[:-3])


def test_shapes_are_of_the_sample_the_contexts_and_the_image(case: Case) -> None:
    distribution, batch = case
    assert (distribution.batch_shape, distribution.event_shape) == (batch, SHAPE)
    for shape in SAMPLE_SHAPES:
        samples = distribution.sample(shape)
        assert samples.shape == (*shape, *batch, *SHAPE)
        assert distribution.log_prob(samples).shape == (*shape, *batch)


def test_the_density_of_samples_is_that_of_the_flow(case: Case) -> None:
    distribution, _ = case
    for shape in SAMPLE_SHAPES:
        samples = distribution.sample(shape)
        torch.testing.assert_close(distribution.log_prob(samples), each(distribution, samples))


def test_images_broadcast_with_the_contexts(case: Case) -> None:
    distribution, batch = case
    one = torch.rand(SHAPE, dtype=torch.float64)
    torch.testing.assert_close(distribution.log_prob(one), each(distribution, one.expand(*batch, *SHAPE)))
    single = torch.rand(4, *[1] * len(batch), *SHAPE, dtype=torch.float64)
    expected = each(distribution, single.expand(4, *batch, *SHAPE))
    torch.testing.assert_close(distribution.log_prob(single), expected)


def test_samples_are_those_of_the_global_generator_with_or_without_gradients(case: Case) -> None:
    distribution, _ = case
    torch.manual_seed(3)
    sample = distribution.sample((2,))
    torch.manual_seed(3)
    rsample = distribution.rsample((2,))
    assert (sample.requires_grad, rsample.requires_grad) == (False, True)
    torch.testing.assert_close(sample, rsample, rtol=0, atol=0)


def test_every_image_has_its_own_noise_and_its_own_context() -> None:
    context = torch.eye(3, dtype=torch.float64)
    distribution = glow(3).distribution(context)
    assert len(distribution.sample((4,)).reshape(12, -1).unique(dim=0)) == 12
    x = torch.rand(SHAPE, dtype=torch.float64)
    assert len(distribution.log_prob(x).unique()) == 3


def test_expanded_is_the_same_distribution(case: Case) -> None:
    distribution, batch = case
    for shape in (batch, (4, *batch), (1, 4, *batch)):
        expanded = distribution.expand(shape)
        assert (expanded.batch_shape, expanded.event_shape) == (shape, SHAPE)
        samples = expanded.sample((2,))
        assert samples.shape == (2, *shape, *SHAPE)
        torch.testing.assert_close(expanded.log_prob(samples), distribution.log_prob(samples))
        assert expanded.expand((2, *shape)).batch_shape == (2, *shape)
        if distribution.context is not None:
            assert expanded.context is not None
            assert expanded.context.data_ptr() == distribution.context.data_ptr()
    if math.prod(batch) > 1:
        with pytest.raises(RuntimeError, match="expanded size"):
            distribution.expand((4,) * len(batch))


def test_expanded_checks_what_the_first_checks() -> None:
    for checks in (True, False):
        assert glow().distribution(validate_args=checks).expand((2,))._validate_args is checks


def test_what_has_no_closed_form_says_so(case: Case) -> None:
    distribution, _ = case
    assert (distribution.has_rsample, distribution.has_enumerate_support) == (True, False)
    for name in ("mean", "variance", "stddev", "mode"):
        with pytest.raises(NotImplementedError):
            getattr(distribution, name)
    for call in (distribution.entropy, distribution.enumerate_support, distribution.perplexity):
        with pytest.raises(NotImplementedError):
            call()
    for method in (distribution.cdf, distribution.icdf):
        with pytest.raises(NotImplementedError):
            method(torch.rand(SHAPE))
    with pytest.raises(NotImplementedError):
        kl_divergence(distribution, distribution)


def test_the_support_has_every_sample_and_black_and_white(case: Case) -> None:
    distribution, batch = case
    assert distribution.support.event_dim == 3
    if math.prod(batch):
        inside = distribution.support.check(distribution.sample((20,)))
        assert inside.shape == (20, *batch)
        assert inside.all()
    low, high = distribution.flow.domain
    for value in (0.0, 1.0, low, high):
        x = torch.full(SHAPE, value, dtype=torch.float64)
        assert distribution.support.check(x)
        assert distribution.log_prob(x).isfinite().all()


@pytest.mark.parametrize("value", [-0.01, 1.01, 255.0, math.inf, math.nan])
def test_outside_of_the_support_is_an_error_or_nan(value: float) -> None:
    x = torch.full(SHAPE, 0.5, dtype=torch.float64)
    x[0, 0, 0] = value
    distribution = glow().distribution(validate_args=True)
    assert not distribution.support.check(x)
    with pytest.raises(ValueError, match="to be within the support"):
        distribution.log_prob(x)
    assert glow().distribution(validate_args=False).log_prob(x).isnan()


@pytest.mark.parametrize("shape", [(4, 8), (2, 4, 5), (3, *SHAPE), (1, 1, 1)])
@pytest.mark.parametrize("validate", [True, False])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...], validate: bool) -> None:
    distribution = glow(3).distribution(torch.zeros(5, 3, dtype=torch.float64), validate_args=validate)
    with pytest.raises((ValueError, RuntimeError), match=r"shape|size|broadcast"):
        distribution.log_prob(torch.full(shape, 0.5, dtype=torch.float64))


def test_a_flow_without_a_logit_takes_every_number() -> None:
    distribution = Flow([Squeeze((1, 2, 2))]).double().distribution()
    x = torch.randn(3, 1, 2, 2, dtype=torch.float64) * 10
    assert distribution.support.check(x).all()
    torch.testing.assert_close(distribution.log_prob(x), Normal(0, 1).log_prob(x).sum((1, 2, 3)))


def test_the_density_has_the_mass_one_on_its_support() -> None:
    flow = Flow([Composition([Logit((1, 1, 1), alpha=0.1), ActNorm((1, 1, 1))])]).double()
    distribution = flow.distribution()
    low, high = flow.domain
    n = 20_000
    middle = low + (high - low) * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    density = distribution.log_prob(middle.view(n, 1, 1, 1)).exp()
    assert (density.sum() * (high - low) / n).item() == pytest.approx(1, abs=1e-6)
    # On [0, 1] alone it is less: what the flow gives to values that no picture has.
    inside = (middle >= 0) & (middle <= 1)
    mass = (density * inside).sum() * (high - low) / n
    assert mass.item() == pytest.approx(math.erf(math.log(9) / math.sqrt(2)), abs=1e-4)
    samples = distribution.sample((5000,)).flatten().sort().values
    cdf = torch.searchsorted(samples, middle).double() / 5000
    distance = (cdf - density.cumsum(0) * (high - low) / n).abs().max()
    assert distance < 1.95 / math.sqrt(5000), "Kolmogorov-Smirnov, beyond this with probability 0.001"


def test_bits_per_dimension_are_the_density_of_dequantized_pixels() -> None:
    flow = glow()
    pixels = torch.randint(0, 256, (3, *SHAPE))
    bits = flow.bits_per_dim(pixels, generator=torch.Generator().manual_seed(1))
    noise = torch.rand(pixels.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    density = flow.distribution().log_prob((pixels + noise) / 256)
    torch.testing.assert_close(density_to_bits_per_dim(density, SHAPE, 256), bits)


# Gradients


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2, 2)], ids=["vectors", "maps"])
def test_samples_and_densities_are_differentiable_by_the_context(shape: tuple[int, ...]) -> None:
    flow = glow(3)
    context = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    x, weight = torch.rand(2, *SHAPE, dtype=torch.float64), torch.randn(3, 2, *SHAPE, dtype=torch.float64)

    def sampled(context: Tensor) -> Tensor:
        torch.manual_seed(1)
        return (flow.distribution(context).rsample((3,)) * weight).sum()

    assert torch.autograd.gradcheck(sampled, context, fast_mode=True)
    assert torch.autograd.gradcheck(lambda c: flow.distribution(c).log_prob(x), context, fast_mode=True)


def test_samples_reach_every_parameter() -> None:
    flow = glow()
    flow.distribution().rsample((4,)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in flow.parameters())


def test_the_gradients_of_normal_samples_are_the_known_ones() -> None:
    flow = gaussian(2.0, 0.5)
    sample = flow.distribution().rsample((1000,))
    parameters = dict(flow.named_parameters())
    shift, scale = torch.autograd.grad(sample.sum(), [parameters["levels.0.loc"], parameters["levels.0.log_scale"]])
    # x = z exp(-s) - l: by l it changes by -1, by s by -z exp(-s) = -(x + l), with l = -2.
    assert shift.item() == pytest.approx(-2000)
    torch.testing.assert_close(scale.sum(), (2 - sample).sum())


# Together with torch's own


def test_a_flow_of_actnorm_is_a_normal_distribution() -> None:
    ours, torchs = gaussian(2.0, 0.5).distribution(), Independent(Normal(torch.full((1, 1, 2), 2.0).double(), 0.5), 3)
    x = torchs.sample((10,))
    torch.testing.assert_close(ours.log_prob(x), torchs.log_prob(x))
    samples = ours.sample((20_000,))
    assert samples.mean().item() == pytest.approx(2, abs=5 * 0.5 / 200)
    assert samples.std().item() == pytest.approx(0.5, abs=5 * 0.5 / 200 / math.sqrt(2))


def test_divergence_by_samples_is_the_closed_form_of_normals() -> None:
    first, second = gaussian(0.0, 1.0).distribution(), gaussian(0.5, 2.0).distribution()
    x = first.sample((20_000,))
    differences = first.log_prob(x) - second.log_prob(x)
    closed = 2 * kl_divergence(Normal(0.0, 1.0), Normal(0.5, 2.0)).item()
    assert differences.mean().item() == pytest.approx(closed, abs=5 * differences.std().item() / math.sqrt(20_000))


def test_independent_sums_over_the_contexts() -> None:
    distribution = glow(3).distribution(torch.randn(5, 3, dtype=torch.float64))
    together = Independent(distribution, 1)
    assert (together.batch_shape, together.event_shape) == ((), (5, *SHAPE))
    x = together.rsample((2,))
    torch.testing.assert_close(together.log_prob(x), distribution.log_prob(x).sum(-1))
    assert together.support.check(x).all()
    torch.testing.assert_close(together.expand((7,)).log_prob(x[:, None]).shape, torch.Size([2, 7]))


def test_a_mixture_over_contexts_is_the_weighted_sum_of_densities() -> None:
    context, weights = torch.eye(3, dtype=torch.float64), torch.tensor([0.2, 0.3, 0.5]).double()
    distribution = glow(3).distribution(context)
    mixture: Distribution = MixtureSameFamily(Categorical(weights), distribution, validate_args=True)
    x = mixture.sample((4,))
    assert x.shape == (4, *SHAPE)
    expected = (distribution.log_prob(x[:, None]).exp() * weights).sum(-1).log()
    torch.testing.assert_close(mixture.log_prob(x), expected)
    with pytest.raises(ValueError, match="support"):
        mixture.log_prob(x + 2)


def test_scaled_to_pixels_the_density_changes_by_the_scale() -> None:
    flow = glow()
    scaled = TransformedDistribution(flow.distribution(), [AffineTransform(0.0, 256.0, event_dim=3)])
    y = scaled.rsample((3,))
    torch.testing.assert_close(scaled.log_prob(y), flow.log_prob(y / 256) - math.prod(SHAPE) * math.log(256))
    assert scaled.expand((2,)).sample().shape == (2, *SHAPE)


def test_copies_are_the_distribution_again(case: Case) -> None:
    distribution, batch = case
    x = torch.rand(*batch, *SHAPE, dtype=torch.float64)
    for again in (copy.deepcopy(distribution), pickle.loads(pickle.dumps(distribution)), copy.copy(distribution)):
        assert (again.batch_shape, again.event_shape) == (distribution.batch_shape, distribution.event_shape)
        torch.testing.assert_close(again.log_prob(x), distribution.log_prob(x), rtol=0, atol=0)


def test_a_distribution_follows_the_training_of_its_flow() -> None:
    flow, x = gaussian(0.0, 1.0), torch.zeros(1, 1, 2, dtype=torch.float64)
    distribution = flow.distribution()
    before = distribution.log_prob(x)
    flow.load_state_dict(gaussian(0.0, 4.0).state_dict())
    torch.testing.assert_close(distribution.log_prob(x), before - 2 * math.log(4))


def test_its_name_says_what_it_is() -> None:
    distribution = glow(3).distribution(torch.zeros(5, 3, dtype=torch.float64))
    assert repr(distribution) == "FlowDistribution(Glow, event_shape=(2, 4, 8), batch_shape=(5,))"
    assert {name: c.event_dim for name, c in distribution.arg_constraints.items()} == {"context": 1}
    assert glow().distribution().arg_constraints == {}


# Bad input


@pytest.mark.parametrize(
    ("context", "ndims", "message"),
    [
        (None, None, "conditioned on contexts of 3 entries: give its distribution one"),
        (torch.zeros(5, 4), None, r"\(3,\) or batch_shape \+ \(3, H, W\), got \(5, 4\) with a batch of 1 dimensions$"),
        (torch.zeros(4), None, r"got \(4,\) with a batch of 0 dimensions$"),
        (
            torch.zeros(2, 5, 3),
            None,
            r"got \(2, 5, 3\) with a batch of 0 dimensions; batch_ndims=2 says that its batch is \(2, 5\)$",
        ),
        (torch.zeros(2, 4, 3, 7, 5), None, r"got \(2, 4, 3, 7, 5\); batch_ndims=2 says that its batch is \(2, 4\)$"),
        (torch.zeros(2, 2, 2, 5, 4), None, r"got \(2, 2, 2, 5, 4\)$"),
        (torch.zeros(5, 3), 2, r"got \(5, 3\) with a batch of 2 dimensions; batch_ndims=1 says"),
        (torch.zeros(5, 3), -1, "batch_ndims=1 says that its batch is"),
        (torch.zeros(()), None, r"got \(\)$"),
        (torch.full((5, 3), math.nan), None, "found invalid values"),
    ],
)
def test_a_context_that_does_not_fit(context: Tensor | None, ndims: int | None, message: str) -> None:
    context = context.double() if isinstance(context, Tensor) else context
    with pytest.raises(ValueError, match=message):
        glow(3).distribution(context, batch_ndims=ndims, validate_args=True)


def test_contexts_of_another_type_or_for_nobody() -> None:
    with pytest.raises(TypeError, match=r"the flow is of torch\.float64, this is of torch\.float32"):
        glow(3).distribution(torch.zeros(5, 3))
    for call in (glow(3).distribution, lambda context: glow(3).sample(1, context=context)):
        with pytest.raises(TypeError, match=r"context: expected a tensor of torch\.float64, got list; labels become"):
            call([[1.0, 0.0, 0.0]])  # type: ignore[operator]
    with pytest.raises(ValueError, match="this flow takes no context"):
        glow().distribution(torch.zeros(5, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match="this flow takes no context"):
        glow().sample(2, context=torch.zeros(5, 3, dtype=torch.float64))
    with pytest.raises(TypeError, match="bits_per_dim takes integers"):
        glow().distribution().log_prob(torch.zeros(SHAPE, dtype=torch.uint8))
