"""The logit at the ends of the interval."""

from __future__ import annotations

import math

import pytest
import torch

from nflows_core.bijections import Logit


def test_known_values() -> None:
    x = torch.tensor([0.0, 0.5, 1.0, 0.25]).view(1, 1, 2, 2)
    z, logdet = Logit((1, 2, 2), alpha=0.1)(x)
    torch.testing.assert_close(z.flatten(), torch.tensor([1 / 9, 1.0, 9.0, 3 / 7]).log())
    slopes = [0.8 / (p * (1 - p)) for p in (0.1, 0.5, 0.9, 0.3)]
    torch.testing.assert_close(logdet, torch.tensor([math.log(math.prod(slopes))]))


@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-6])
def test_every_8_bit_value_survives_in_float32(alpha: float) -> None:
    x = (torch.arange(256.0).view(1, 1, 16, 16) + 0.5) / 256
    layer = Logit((1, 16, 16), alpha)
    torch.testing.assert_close(layer.inverse(layer(x)[0]), x, rtol=0, atol=2e-7)


@pytest.mark.parametrize("alpha", [0.05, 1e-6])
def test_float32_agrees_with_float64_up_to_the_ends(alpha: float) -> None:
    x = torch.tensor([0.0, 1e-7, 1e-3, 0.3, 1 - 2**-10, 1 - 2**-24, 1.0]).view(1, 1, 1, 7)
    layer = Logit((1, 1, 7), alpha)
    z, logdet = layer(x)
    exact, exact_logdet = layer(x.double())
    torch.testing.assert_close(z.double(), exact, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(logdet.double(), exact_logdet, rtol=1e-6, atol=1e-6)


def test_symmetric() -> None:
    x = torch.rand(2, 1, 4, 4)
    layer = Logit((1, 4, 4))
    torch.testing.assert_close(layer(1 - x)[0], -layer(x)[0], rtol=0, atol=1e-5)


def test_any_latent_gives_an_image_within_the_margin() -> None:
    z = torch.tensor([-1e4, -30.0, 0.0, 30.0, 1e4]).view(1, 1, 1, 5)
    x = Logit((1, 1, 5), alpha=0.05).inverse(z).flatten()
    torch.testing.assert_close(x, torch.tensor([-0.05 / 0.9] * 2 + [0.5] + [1 + 0.05 / 0.9] * 2))


ALPHAS = [0.05, 1e-3, 1e-6, 1e-9]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("dtype", "exact_to"), [(torch.float32, 9.0), (torch.float64, 29.0)])
def test_latents_come_back_up_to_the_documented_range(dtype: torch.dtype, exact_to: float, alpha: float) -> None:
    z = torch.linspace(-exact_to, exact_to, 4001, dtype=dtype).view(1, 1, 1, -1)
    layer = Logit((1, 1, 4001), alpha)
    torch.testing.assert_close(layer(layer.inverse(z))[0], z, rtol=0, atol=1e-3)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_latent_gives_an_image_with_a_finite_density(dtype: torch.dtype, alpha: float) -> None:
    far = [10.0**power for power in range(-30, 31)]
    z = torch.tensor([*torch.linspace(-60, 60, 4001).tolist(), *far, *(-number for number in far)], dtype=dtype)
    z = z.view(1, 1, 1, -1)
    layer = Logit((1, 1, z.numel()), alpha)
    x = layer.inverse(z).requires_grad_()
    back, logdet = layer(x)
    largest = -math.log(torch.finfo(dtype).eps / 2)
    assert back.isfinite().all()
    assert logdet.isfinite()
    assert torch.autograd.grad(back.sum() + logdet.sum(), x)[0].isfinite().all()
    saturated = z.abs() > largest + 2
    assert (back[saturated].abs() > largest - 2).all()
    assert (back[saturated].sign() == z[saturated].sign()).all()
    torch.testing.assert_close(layer.inverse(back), x, rtol=0, atol=8 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("x", [-1.0, -0.06, 1.06, 255.0, math.nan])
def test_what_is_no_image_of_a_latent_gives_nan(x: float) -> None:
    z, logdet = Logit((1, 1, 1), alpha=0.05)(torch.full((1, 1, 1, 1), x))
    assert z.isnan()
    assert logdet.isnan()


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.1, 0.7])
def test_alpha_outside_its_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie between 0 and 0\.5"):
        Logit((1, 2, 2), alpha)
