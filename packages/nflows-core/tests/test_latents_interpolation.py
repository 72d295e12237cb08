from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nflows_core.flow import Flow
from nflows_core.latents import decode_vectors, encode_vectors, interpolate, slerp
from nflows_core.models import Glow

SHAPE = (1, 8, 8)


def make_flow(context_features: int = 0) -> Flow:
    """Two levels of float64 that are not the identity."""
    generator = torch.Generator().manual_seed(0)
    flow = Glow(SHAPE, levels=2, depth=1, width=4, context_features=context_features).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return flow.eval()


def images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# On the sphere


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_slerp_of_a_quarter_circle(weight: float) -> None:
    a, b = torch.eye(2, dtype=torch.float64).unsqueeze(1)
    angle = weight * math.pi / 2
    expected = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    torch.testing.assert_close(slerp(a, b, weight), expected)


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0])
def test_length_goes_from_one_to_the_other(weight: float) -> None:
    a, b = noise(2, 5, 64)
    z = slerp(a, 3 * b, weight)
    torch.testing.assert_close(z.norm(dim=1), (1 - weight) * a.norm(dim=1) + weight * 3 * b.norm(dim=1))


def test_slerp_is_the_same_backwards() -> None:
    a, b = noise(2, 5, 64)
    torch.testing.assert_close(slerp(a, b, 0.3), slerp(b, a, 0.7))


def test_slerp_of_nearly_equal_vectors_in_single_precision() -> None:
    a = noise(5, 64).float()
    b = a + 1e-5 * noise(2, 5, 64)[1].float()
    torch.testing.assert_close(slerp(a, b, 0.5), (a + b) / 2, atol=1e-6, rtol=0)


@pytest.mark.parametrize("factor", [-1.0, 1.0, 2.0])
def test_slerp_of_parallel_vectors_is_straight(factor: float) -> None:
    a = noise(5, 64)
    length, direction = 0.75 + 0.25 * abs(factor), 0.75 + 0.25 * math.copysign(1, factor)
    torch.testing.assert_close(slerp(a, factor * a, 0.25), length * direction * a)


# Latents as one vector


@pytest.mark.parametrize("context", [None, noise(3, 2)])
def test_vectors_hold_every_latent_and_decode(context: Tensor | None) -> None:
    flow, x = make_flow(0 if context is None else 2), images(3)
    z = encode_vectors(flow, x, context)
    expected = torch.cat([latent.flatten(1) for latent in flow.encode(x, context)], dim=1)
    assert torch.equal(z, expected)
    assert z.shape == (3, 64)
    torch.testing.assert_close(decode_vectors(flow, z, context), x)


# Between images


@pytest.mark.parametrize("context", [None, noise(3, 2)])
def test_an_interpolation_begins_and_ends_with_its_images(context: Tensor | None) -> None:
    flow, start, end = make_flow(0 if context is None else 2), images(3), images(3, seed=1)
    between = interpolate(flow, start, end, 4, context)
    assert between.shape == (3, 4, *SHAPE)
    torch.testing.assert_close(between[:, 0], start)
    torch.testing.assert_close(between[:, -1], end)
    lengths = torch.stack([encode_vectors(flow, between[:, i], context).norm(dim=1) for i in range(4)])
    torch.testing.assert_close(lengths.diff(dim=0), (lengths[-1] - lengths[0]).expand(3, 3) / 3)


def test_an_interpolation_of_one_step() -> None:
    with pytest.raises(ValueError, match="at least 2 steps"):
        interpolate(make_flow(), images(1), images(1), 1)


def test_vectors_and_pairs_that_do_not_fit() -> None:
    flow = make_flow()
    for wrong in (noise(2, 63), noise(64), noise(2, 128)):
        with pytest.raises(ValueError, match=r"expected vectors of shape \(B, 64\), got"):
            decode_vectors(flow, wrong)
    with pytest.raises(ValueError, match=r"every image needs a partner: start has shape \(3, .* end \(2,"):
        interpolate(flow, images(3), images(2), steps=3)


def test_between_contexts_each_end_has_its_own() -> None:
    flow, start, end, a, b = make_flow(2), images(3), images(3, seed=1), noise(3, 2), noise(3, 2, seed=2)
    between = interpolate(flow, start, end, 5, a, b)
    torch.testing.assert_close(between[:, 0], start)
    torch.testing.assert_close(between[:, -1], end)
    # Halfway, the context is the mean: encoded by it, the image gives the latent that it was made of.
    halfway = slerp(encode_vectors(flow, start, a), encode_vectors(flow, end, b), 0.5)
    torch.testing.assert_close(encode_vectors(flow, between[:, 2], (a + b) / 2), halfway)
    torch.testing.assert_close(interpolate(flow, start, end, 5, a, a), interpolate(flow, start, end, 5, a))


def test_contexts_of_starts_and_ends_that_do_not_fit() -> None:
    flow, x = make_flow(2), images(3)
    with pytest.raises(ValueError, match=r"the starts have nothing, the ends \(3, 2\); give both alike"):
        interpolate(flow, x, x, 3, None, noise(3, 2))
    with pytest.raises(ValueError, match=r"the starts have one of shape \(3, 2\), the ends \(3, 2, 1, 1\)"):
        interpolate(flow, x, x, 3, noise(3, 2), noise(3, 2, 1, 1))
