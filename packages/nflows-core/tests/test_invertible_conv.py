"""The k x k convolutions against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from nflows_core.bijections import InverseConv2d, InvertibleConv2d

PADDING = {"tl": (2, 0, 2, 0), "tr": (0, 2, 2, 0), "bl": (2, 0, 0, 2), "br": (0, 2, 0, 2)}


@pytest.mark.parametrize("corner", PADDING)
def test_convolution_with_the_padding_of_its_corner(corner: str) -> None:
    torch.manual_seed(0)
    invertible, inverse = InvertibleConv2d((3, 5, 4), 3, corner), InverseConv2d((3, 5, 4), 3, corner)
    inverse.load_state_dict(invertible.state_dict())
    x = torch.randn(2, 3, 5, 4)
    expected = conv2d(pad(x, PADDING[corner]), invertible.conv.weight)
    torch.testing.assert_close(invertible(x)[0], expected)
    torch.testing.assert_close(inverse.inverse(x), expected)
    torch.testing.assert_close(inverse(expected)[0], x)


def matrix(kernel: Tensor, before: int, side: int = 6) -> Tensor:
    """The convolution of images of one channel with so many zeros above and left, and the others below and right."""
    after = kernel.shape[-1] - 1 - before
    images = torch.eye(side * side, dtype=torch.float64).view(-1, 1, side, side)
    return conv2d(pad(images, (before, after, before, after)), kernel).flatten(1).T


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5, 7])
def test_only_padding_of_one_side_is_triangular(kernel_size: int) -> None:
    torch.manual_seed(0)
    layer = InvertibleConv2d((1, 6, 6), kernel_size, "tl").double()
    kernel = layer.conv.weight.detach()
    padding = kernel_size - 1
    x = torch.rand(1, 1, 6, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[0].flatten(), matrix(kernel, padding) @ x.flatten())
    dense = torch.randn(1, 1, kernel_size, kernel_size, dtype=torch.float64)
    for before in range(1, padding):
        assert matrix(dense, before).triu(1).any()
        assert matrix(dense, before).tril(-1).any()
    assert not matrix(dense, padding).triu(1).any()
    # The other number that the thesis gives is this one for 3 x 3 alone.
    assert ((kernel_size + 1) / 2 == padding) is (kernel_size == 3)


def test_inverse_conv_sees_all_of_the_image_on_one_side() -> None:
    torch.manual_seed(0)
    layer = InverseConv2d((1, 6, 6))
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0][0, 0, 5, 5], torch.zeros(1, 1, 6, 6))
    assert (jacobian[0, 0] != 0).all()
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0][0, 0, 0, 0], torch.zeros(1, 1, 6, 6))
    assert jacobian.count_nonzero() == 1
