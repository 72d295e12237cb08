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


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.1, 0.7])
def test_alpha_outside_its_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie between 0 and 0\.5"):
        Logit((1, 2, 2), alpha)
