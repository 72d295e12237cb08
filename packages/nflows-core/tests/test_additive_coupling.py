"""Additive coupling."""

from __future__ import annotations

import pytest
import torch

from nflows_core.bijections import AdditiveCoupling


def test_known_values() -> None:
    layer = AdditiveCoupling((3, 2, 2), width=4)
    torch.nn.init.constant_(layer.network.last.bias, 3.0)
    x = torch.arange(12.0).view(1, 3, 2, 2)
    z, logdet = layer(x)
    torch.testing.assert_close(z, x + torch.tensor([0.0, 0.0, 3.0]).view(3, 1, 1), rtol=0, atol=0)
    assert logdet.tolist() == [0.0]
    torch.testing.assert_close(layer.inverse(z), x, rtol=0, atol=0)


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 5, 4, 3)
    torch.testing.assert_close(AdditiveCoupling((5, 4, 3), width=4)(x)[0], x, rtol=0, atol=0)


def test_one_channel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 4, 4\).*put a Squeeze before"):
        AdditiveCoupling((1, 4, 4))
