"""The 1 x 1 convolution: its factors, its start, its precision."""

from __future__ import annotations

import torch
from torch.nn.functional import conv2d

from nflows_core.bijections import Conv1x1


def matrix_of(layer: Conv1x1) -> torch.Tensor:
    channels = layer.shape[0]
    basis = torch.eye(channels, dtype=layer.sign.dtype).view(channels, channels, 1, 1)
    rows = basis.expand(-1, -1, *layer.shape[1:])
    return layer(rows)[0][:, :, 0, 0].mT


def test_starts_orthogonal() -> None:
    torch.manual_seed(0)
    layer = Conv1x1((7, 2, 3))
    matrix = matrix_of(layer)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(7), rtol=0, atol=1e-5)
    torch.testing.assert_close(layer(torch.randn(2, 7, 2, 3))[1], torch.zeros(2), rtol=0, atol=1e-4)


def test_known_values() -> None:
    layer = Conv1x1((2, 1, 2))
    with torch.no_grad():
        layer.permutation.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        layer.sign.copy_(torch.tensor([1.0, -1.0]))
        # L = [[1, 0], [0.5, 1]], U = [[2, 3], [0, -4]], hence W = P L U = [[1, -2.5], [2, 3]].
        layer.factors.copy_(torch.tensor([[2.0, 3.0], [0.5, 4.0]]))
        layer.factors.diagonal().log_()
    torch.testing.assert_close(matrix_of(layer), torch.tensor([[1.0, -2.5], [2.0, 3.0]]))
    torch.testing.assert_close(layer(torch.zeros(1, 2, 1, 2))[1], torch.full((1,), 8.0).log() * 2)


def test_is_a_convolution() -> None:
    torch.manual_seed(0)
    layer = Conv1x1((5, 3, 4))
    x = torch.randn(2, 5, 3, 4)
    torch.testing.assert_close(layer(x)[0], conv2d(x, matrix_of(layer)[:, :, None, None]))


def test_has_as_many_parameters_as_the_matrix() -> None:
    assert sum(parameter.numel() for parameter in Conv1x1((6, 1, 1)).parameters()) == 36


def test_autocast_costs_no_precision() -> None:
    torch.manual_seed(0)
    layer = Conv1x1((6, 4, 4))
    x = torch.randn(2, 6, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z, _ = layer(x)
        back = layer.inverse(z)
    assert z.dtype == torch.float32
    torch.testing.assert_close(z, layer(x)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-5)
