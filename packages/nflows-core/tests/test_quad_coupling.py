"""The quad-coupling against its formula, and against the slice that the public code of CInC takes in the inverse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nflows_core.bijections import QuadCoupling


def coupling(shape: tuple[int, int, int] = (8, 3, 3)) -> QuadCoupling:
    torch.manual_seed(0)
    layer = QuadCoupling(shape, width=8).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return layer


def shift_and_log_scale(layer: QuadCoupling, part: int, given: list[Tensor]) -> tuple[Tensor, Tensor]:
    shift, raw = layer.couplings[part - 1].network(torch.cat(given, dim=1), None).chunk(2, dim=1)  # type: ignore[operator, union-attr]
    return shift, 2 * (raw / 2).tanh()


def test_each_part_is_scaled_and_shifted_given_the_data_before_it() -> None:
    layer = coupling()
    x = torch.randn(2, 8, 3, 3, dtype=torch.float64)
    z, logdet = layer(x)
    parts, expected = list(x.chunk(4, dim=1)), torch.zeros(2, dtype=torch.float64)
    torch.testing.assert_close(z[:, :2], parts[0])
    for part in (1, 2, 3):
        shift, log_scale = shift_and_log_scale(layer, part, parts[:part])
        torch.testing.assert_close(z[:, 2 * part : 2 * part + 2], (parts[part] + shift) * log_scale.exp())
        expected += log_scale.sum((1, 2, 3))
    torch.testing.assert_close(logdet, expected)


def test_the_inverse_takes_the_slice_of_each_part() -> None:
    layer = coupling()
    x = torch.randn(2, 8, 3, 3, dtype=torch.float64)
    z, _ = layer(x)
    shift, log_scale = shift_and_log_scale(layer, 2, [x[:, :2], x[:, 2:4]])
    wrong_slice = z[:, 2:4] * (-log_scale).exp() - shift
    assert (wrong_slice - x[:, 4:6]).abs().max() > 0.1
    torch.testing.assert_close(layer.inverse(z), x)


def test_starts_as_the_identity_and_takes_channels_that_four_does_not_divide() -> None:
    x = torch.randn(3, 7, 4, 5)
    z, logdet = QuadCoupling((7, 4, 5), width=4)(x)
    torch.testing.assert_close(z, x)
    torch.testing.assert_close(logdet, torch.zeros(3))


def test_too_few_channels() -> None:
    with pytest.raises(ValueError, match=r"at least four channels, got an image of shape \(3, 4, 4\)"):
        QuadCoupling((3, 4, 4))
