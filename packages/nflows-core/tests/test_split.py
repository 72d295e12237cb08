"""The conditional prior of the channels that leave."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from nflows_core.bijections import Split


@pytest.mark.parametrize(("channels", "kept"), [(2, 1), (5, 3), (8, 4)])
def test_kept_and_latent_channels(channels: int, kept: int) -> None:
    split = Split((channels, 2, 3))
    assert split.kept == kept
    assert split.latent_shape == (channels - kept, 2, 3)


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 5, 4, 4)
    z, logdet = Split((5, 4, 4))(x)
    torch.testing.assert_close(z, x, rtol=0, atol=0)
    torch.testing.assert_close(logdet, torch.zeros(2), rtol=0, atol=0)


def test_is_the_gaussian_given_the_kept_channels() -> None:
    torch.manual_seed(0)
    split = Split((4, 3, 3)).double()
    for parameter in split.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.randn(3, 4, 3, 3, dtype=torch.float64)
    shift, raw = split.network(x[:, :2], None).chunk(2, dim=1)
    prior = Normal(-shift, (-2 * (raw / 2).tanh()).exp())
    z, logdet = split(x)
    density = Normal(0, 1).log_prob(z[:, 2:]).sum((1, 2, 3)) + logdet
    torch.testing.assert_close(density, prior.log_prob(x[:, 2:]).sum((1, 2, 3)))


def test_sigma_is_bounded() -> None:
    split = Split((2, 1, 1))
    with torch.no_grad():
        split.network.conv.bias[1] = 1e6
    torch.testing.assert_close(split(torch.zeros(1, 2, 1, 1))[1].exp(), torch.full((1,), math.e**2))


def test_one_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="put a Squeeze before"):
        Split((1, 4, 4))
