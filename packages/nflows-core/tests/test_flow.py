"""The flow: nothing is lost on the way, the density is one, the bits are honest."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from nflows_core.bijections import (
    ActNorm,
    AffineCoupling,
    Bijection,
    Composition,
    Conv1x1,
    Logit,
    SplineActivation,
    Split,
    Squeeze,
)
from nflows_core.bijections.base import Shape
from nflows_core.distributions.dequantization import dequantize
from nflows_core.flow import Flow
from nflows_core.models import InverseFlow


def step(shape: Shape, context_features: int = 0) -> list[Bijection]:
    coupling = [AffineCoupling(shape, 8, context_features)] if shape[0] > 1 else []
    return [ActNorm(shape), Conv1x1(shape), *coupling, SplineActivation(shape)]


def make_flow(shape: Shape, levels: int, *, squeeze: bool = True, context_features: int = 0, **options: int) -> Flow:
    """A flow whose every parameter is away from where it starts."""
    torch.manual_seed(0)
    chains: list[Bijection] = []
    splits: list[Split] = []
    for level in range(levels):
        first: list[Bijection] = [Squeeze(shape)] if squeeze else []
        shape = first[0].output_shape if squeeze else shape
        chains.append(Composition([*first, *step(shape, context_features)]))
        if level < levels - 1:
            splits.append(Split(shape, context_features))
            shape = (splits[-1].kept, *shape[1:])
    flow = Flow(chains, splits, **options).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return flow


FLOWS = {
    "one-level": ((2, 4, 6), 1, True),
    "two-levels": ((3, 8, 4), 2, True),
    "three-levels": ((1, 8, 8), 3, True),
    "odd-channels": ((7, 3, 2), 3, False),
}


@pytest.fixture(params=FLOWS.values(), ids=FLOWS.keys())
def flow(request: pytest.FixtureRequest) -> Flow:
    shape, levels, squeeze = request.param
    return make_flow(shape, levels, squeeze=squeeze)


def images(flow: Flow, n: int = 3) -> Tensor:
    return torch.rand(n, *flow.shape, dtype=torch.float64)


def test_decode_undoes_encode(flow: Flow) -> None:
    x = images(flow)
    torch.testing.assert_close(flow.decode(flow.encode(x)), x, rtol=0, atol=1e-10)


def test_encode_undoes_decode(flow: Flow) -> None:
    latents = [torch.randn(3, *shape, dtype=torch.float64) for shape in flow.latent_shapes]
    torch.testing.assert_close(flow.encode(flow.decode(latents)), latents, rtol=0, atol=1e-10)


def test_no_entry_is_lost(flow: Flow) -> None:
    latents = flow.encode(images(flow))
    assert [tuple(latent.shape[1:]) for latent in latents] == flow.latent_shapes
    assert sum(math.prod(shape) for shape in flow.latent_shapes) == math.prod(flow.shape)


def test_log_prob_is_the_change_of_variables(flow: Flow) -> None:
    x = images(flow, 1)

    def encode(x: Tensor) -> Tensor:
        return torch.cat([latent.flatten() for latent in flow.encode(x)])

    jacobian = torch.autograd.functional.jacobian(encode, x).flatten(1)
    expected = Normal(0, 1).log_prob(encode(x)).sum() + torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(flow.log_prob(x)[0], expected)


@pytest.mark.parametrize("levels", [1, 2])
def test_density_integrates_to_one(levels: int) -> None:
    flow = make_flow((2, 1, 1), levels, squeeze=False)
    axis = torch.linspace(-12, 12, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis).view(-1, 2, 1, 1)
    with torch.no_grad():
        mass = flow.log_prob(grid).exp().sum() * (axis[1] - axis[0]).square()
    assert mass.item() == pytest.approx(1, abs=1e-3)


def test_samples_follow_the_density() -> None:
    flow = make_flow((2, 1, 1), 2, squeeze=False)
    generator = torch.Generator().manual_seed(0)
    samples = flow.sample(20_000, generator=generator)
    # The mean of p over the uniform density on a box, against the share of samples in it.
    box = torch.rand(20_000, 2, 1, 1, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        expected = flow.log_prob(box).exp().mean().item()
    share = ((samples > 0) & (samples < 1)).all(1).double().mean().item()
    assert share == pytest.approx(expected, abs=5 * math.sqrt(expected / 20_000))


def test_bits_per_dim_of_a_known_density() -> None:
    flow = Flow([ActNorm((1, 2, 3))], quantization=16).double()
    pixels = torch.randint(0, 16, (4, 1, 2, 3), dtype=torch.uint8)
    bits = flow.bits_per_dim(pixels, generator=torch.Generator().manual_seed(1))
    x = dequantize(pixels.double(), 16, torch.Generator().manual_seed(1))
    expected = (0.5 * x.square().mean((1, 2, 3)) + 0.5 * math.log(2 * math.pi)) / math.log(2) + 4
    torch.testing.assert_close(bits, expected)


def test_bits_per_dim_are_those_of_the_discrete_distribution() -> None:
    # The mean over the noise of 2^-bits is the probability of the pixel; together they have the mass on [0, 1].
    flow = Flow([Composition([Logit((1, 1, 1), alpha=0.05), ActNorm((1, 1, 1))])]).double()
    pixels = torch.arange(256).repeat_interleave(500).view(-1, 1, 1, 1)
    bits = flow.bits_per_dim(pixels, generator=torch.Generator().manual_seed(0))
    total = (2**-bits).view(256, 500).mean(1).sum()
    mass = math.erf(math.log(0.95 / 0.05) / math.sqrt(2))
    assert total.item() == pytest.approx(mass, abs=2e-4)


def test_bits_per_dim_follow_the_precision_of_the_flow() -> None:
    flow = make_flow((2, 4, 4), 1)
    pixels = torch.randint(0, 256, (2, 2, 4, 4), dtype=torch.uint8)
    assert flow.bits_per_dim(pixels).dtype == torch.float64
    assert flow.float().bits_per_dim(pixels).dtype == torch.float32


def test_sample_of_the_same_seed_has_the_same_bytes(flow: Flow) -> None:
    one, same, other = (flow.sample(4, generator=torch.Generator().manual_seed(seed)) for seed in (7, 7, 8))
    assert one.shape == (4, *flow.shape)
    assert not one.requires_grad
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_temperature_zero_is_the_mode_of_the_latents(flow: Flow) -> None:
    zeros = [torch.zeros(2, *shape, dtype=torch.float64) for shape in flow.latent_shapes]
    torch.testing.assert_close(flow.sample(2, temperature=0), flow.decode(zeros))


def test_temperature_scales_the_latents(flow: Flow) -> None:
    cold, warm = (flow.encode(flow.sample(2, t, generator=torch.Generator().manual_seed(0))) for t in (0.5, 1.0))
    torch.testing.assert_close([2 * latent for latent in cold], warm)


def test_negative_temperature_is_refused(flow: Flow) -> None:
    with pytest.raises(ValueError, match=r"temperature must not be negative, .*, got -1"):
        flow.sample(1, temperature=-1)


def test_context_reaches_every_level() -> None:
    flow = make_flow((2, 4, 4), 2, context_features=3)
    x, context = images(flow), torch.randn(3, 3, dtype=torch.float64)
    latents = flow.encode(x, context)
    torch.testing.assert_close(flow.decode(latents, context), x, rtol=0, atol=1e-10)
    for latent, other in zip(latents, flow.encode(x, -context), strict=True):
        assert not torch.allclose(latent, other)
    assert flow.sample(3, context=context).shape == x.shape
    with pytest.raises(ValueError, match=r"conditioned on a context of shape \(3, 3\), or .* got none"):
        flow.log_prob(x)


def test_initialize_normalizes_the_latents_of_every_level() -> None:
    torch.manual_seed(0)
    shapes = [(4, 2, 2), (2, 2, 2)]
    levels = [Composition([Squeeze((1, 4, 4)), Conv1x1(shapes[0]), ActNorm(shapes[0])]), ActNorm(shapes[1])]
    flow = Flow(levels, [Split(shapes[0])])
    x = 5 + 3 * torch.randn(64, 1, 4, 4)
    flow.initialize(x)
    for latent in flow.encode(x):
        channels = latent.shape[1]
        torch.testing.assert_close(latent.mean((0, 2, 3)), torch.zeros(channels), rtol=0, atol=1e-4)
        torch.testing.assert_close(latent.std((0, 2, 3), correction=0), torch.ones(channels), rtol=0, atol=1e-3)


def test_gradients_reach_every_parameter() -> None:
    flow = make_flow((1, 8, 8), 3)
    flow.log_prob(images(flow)).sum().backward()
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_state_dict_carries_the_density(flow: Flow) -> None:
    x = images(flow)
    expected = flow.log_prob(x)
    state = {name: value.clone() for name, value in flow.state_dict().items()}
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.zero_()
    flow.load_state_dict(state)
    torch.testing.assert_close(flow.log_prob(x), expected, rtol=0, atol=0)


def test_refuses_levels_and_splits_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="2 levels need 1 splits, got 0"):
        Flow([ActNorm((4, 2, 2)), ActNorm((2, 2, 2))])
    with pytest.raises(ValueError, match=r"keeps \(2, 2, 2\), and the next level takes \(3, 2, 2\)"):
        Flow([ActNorm((4, 2, 2)), ActNorm((3, 2, 2))], [Split((4, 2, 2))])


def test_refuses_the_wrong_number_of_latents(flow: Flow) -> None:
    with pytest.raises(ValueError, match="latents an image, got"):
        flow.decode([*flow.encode(images(flow)), torch.zeros(1)])


def test_summary_lists_every_bijection_once_and_all_parameters() -> None:
    flow = InverseFlow((1, 8, 8), levels=2, depth=1)
    lines = flow.summary().splitlines()
    names = [line.split()[1] for line in lines[1:-1]]
    step = ["InverseConv2d", "SplineActivation", "ActNorm", "Conv1x1", "AffineCoupling"]
    assert names == ["Logit", "Squeeze", *step, "Squeeze", *step, "Split"]
    counts = [int(line.split()[-1].replace(",", "")) for line in lines[1:]]
    assert sum(counts[:-1]) == counts[-1] == sum(parameter.numel() for parameter in flow.parameters())
