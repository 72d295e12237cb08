"""Affine coupling and its network."""

from __future__ import annotations

import math

import pytest
import torch

from nflows_core.bijections import AffineCoupling
from nflows_core.bijections.coupling_network import CouplingNetwork


@pytest.mark.parametrize("context_features", [0, 3])
def test_starts_as_the_identity(context_features: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 4, 4)
    z, logdet = AffineCoupling((5, 4, 4), 8, context_features)(x, torch.randn(2, context_features))
    torch.testing.assert_close(z, x, rtol=0, atol=0)
    torch.testing.assert_close(logdet, torch.zeros(2), rtol=0, atol=0)


def test_known_values() -> None:
    layer = AffineCoupling((3, 2, 2), 4)
    with torch.no_grad():
        layer.network.last.bias.copy_(torch.tensor([3.0, 2 * math.atanh(math.log(1.5) / 2)]))
    x = torch.arange(12.0).view(1, 3, 2, 2)
    z, logdet = layer(x)
    torch.testing.assert_close(z[:, :2], x[:, :2], rtol=0, atol=0)
    torch.testing.assert_close(z[:, 2], (x[:, 2] + 3) * 1.5)
    torch.testing.assert_close(logdet, torch.full((1,), 4 * math.log(1.5)))


@pytest.mark.parametrize("raw", [-1e6, 1e6])
def test_scale_is_bounded(raw: float) -> None:
    layer = AffineCoupling((2, 3, 3), 4)
    with torch.no_grad():
        layer.network.last.bias[1] = raw
    _, logdet = layer(torch.randn(1, 2, 3, 3))
    torch.testing.assert_close(logdet, torch.full((1,), math.copysign(18.0, raw)))


def test_receptive_field_is_five_by_five() -> None:
    torch.manual_seed(0)
    network = CouplingNetwork(1, 1, 16)
    torch.nn.init.normal_(network.last.weight)
    gradient = torch.autograd.functional.jacobian(
        lambda x: network(x, None)[0, 0, 4, 4], torch.rand(1, 1, 9, 9)
    ).squeeze()
    assert (gradient != 0).nonzero().aminmax(dim=0).min.tolist() == [2, 2]
    assert (gradient != 0).nonzero().aminmax(dim=0).max.tolist() == [6, 6]


def test_autocast_keeps_the_precision_of_the_image() -> None:
    torch.manual_seed(0)
    layer = AffineCoupling((4, 4, 4), 8)
    torch.nn.init.normal_(layer.network.last.weight)
    x = torch.randn(2, 4, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z, logdet = layer(x)
        back = layer.inverse(z)
    assert (z.dtype, logdet.dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-5)


def test_one_channel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 4, 4\).*put a Squeeze before"):
        AffineCoupling((1, 4, 4))
