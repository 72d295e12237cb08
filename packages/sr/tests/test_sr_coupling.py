from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nflows_core.bijections import ConditionalAffine
from nflows_sr.networks.coupling import Coupling


class _Network(nn.Conv2d):
    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x)


def coupling(channels: int = 4) -> Coupling:
    return Coupling(channels, _Network(channels // 2, channels, 3, padding=1)).double()


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 8)])
def test_inverse_undoes_a_coupling_of_any_size(size: tuple[int, int]) -> None:
    x, layer = torch.randn(2, 4, *size, dtype=torch.float64), coupling()
    torch.testing.assert_close(layer.inverse(layer(x)[0]), x)


def test_logdet_is_that_of_the_jacobian() -> None:
    x, layer = torch.randn(1, 4, 2, 3, dtype=torch.float64), coupling()
    jacobian = torch.autograd.functional.jacobian(lambda y: layer(y)[0].flatten(), x).reshape(24, 24)
    torch.testing.assert_close(layer(x)[1][0], torch.linalg.slogdet(jacobian).logabsdet)


def test_halves_change_their_places() -> None:
    x = torch.randn(1, 4, 2, 3, dtype=torch.float64)
    assert torch.equal(coupling()(x)[0][:, 2:], x[:, :2])


def test_it_is_the_affine_coupling_of_flows_but_for_the_places() -> None:
    x, layer = torch.randn(2, 4, 5, 3, dtype=torch.float64), coupling()
    z, logdet = ConditionalAffine((4, 5, 3), 2, layer.network)(x)
    torch.testing.assert_close(layer(x), (z.roll(2, 1), logdet))


def test_an_odd_number_of_channels_has_no_halves() -> None:
    with pytest.raises(ValueError, match=r"channels: expected an even number, got 5"):
        coupling(5)


def test_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a batch of images with 4 channels"):
        coupling()(torch.zeros(1, 6, 2, 2, dtype=torch.float64))
