"""The conditional prior at the top of a flow."""

from __future__ import annotations

import math

import pytest
import torch

from nflows_core.bijections import ContextAffine
from nflows_core.models import Glow


def test_known_values() -> None:
    layer = ContextAffine((1, 2, 3), context_features=2)
    with torch.no_grad():
        # The first entry shifts by 3; the second doubles, by s = 2 tanh(r / 2).
        layer.network.linear.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 2 * math.atanh(math.log(2) / 2)]]))
    x = torch.ones(2, 1, 2, 3)
    z, logdet = layer(x, torch.eye(2))
    torch.testing.assert_close(z[0], torch.full((1, 2, 3), 4.0))
    torch.testing.assert_close(z[1], torch.full((1, 2, 3), 2.0))
    torch.testing.assert_close(logdet, torch.tensor([0.0, 6 * math.log(2)]))


def test_starts_as_the_identity() -> None:
    x = torch.randn(4, 3, 2, 2)
    z, logdet = ContextAffine((3, 2, 2), context_features=5)(x, torch.randn(4, 5))
    torch.testing.assert_close(z, x, rtol=0, atol=0)
    torch.testing.assert_close(logdet, torch.zeros(4), rtol=0, atol=0)


def test_no_scale_leaves_its_bounds() -> None:
    layer = ContextAffine((1, 1, 1), context_features=1)
    torch.nn.init.constant_(layer.network.linear.weight, 1.0)
    _, logdet = layer(torch.zeros(2, 1, 1, 1), torch.tensor([[1e6], [-1e6]]))
    torch.testing.assert_close(logdet, torch.tensor([2.0, -2.0]))


def test_it_needs_a_context() -> None:
    with pytest.raises(ValueError, match="needs a context of at least one entry, got 0"):
        ContextAffine((1, 1, 1), context_features=0)


def test_the_last_latent_of_a_conditional_preset_depends_on_the_context_alone() -> None:
    torch.manual_seed(0)
    flow = Glow((1, 4, 4), levels=1, depth=1, width=4, context_features=2)
    top = flow.levels[-1].bijections[-1]  # type: ignore[union-attr, index]
    assert isinstance(top, ContextAffine)
    torch.nn.init.normal_(top.network.linear.weight)
    x = torch.rand(1, 1, 4, 4).expand(2, -1, -1, -1)
    (z,) = flow.encode(x, torch.eye(2))
    assert not torch.allclose(z[0], z[1])
    below = top.inverse(z, torch.eye(2))
    torch.testing.assert_close(below[0], below[1])  # couplings start as the identity: what differs is the top
    assert not any(isinstance(module, ContextAffine) for module in Glow((1, 4, 4), levels=1).modules())
