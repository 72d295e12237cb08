"""The k x k convolutions against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
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


def test_inverse_conv_sees_all_of_the_image_on_one_side() -> None:
    torch.manual_seed(0)
    layer = InverseConv2d((1, 6, 6))
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0][0, 0, 5, 5], torch.zeros(1, 1, 6, 6))
    assert (jacobian[0, 0] != 0).all()
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x)[0][0, 0, 0, 0], torch.zeros(1, 1, 6, 6))
    assert jacobian.count_nonzero() == 1
