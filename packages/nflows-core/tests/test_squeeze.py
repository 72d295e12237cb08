"""Space to channels."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import pixel_unshuffle

from nflows_core.bijections import Squeeze


def test_known_values() -> None:
    x = torch.arange(8.0).view(1, 1, 2, 4)
    z, logdet = Squeeze((1, 2, 4))(x)
    assert z.tolist() == [[[[0.0, 2.0]], [[1.0, 3.0]], [[4.0, 6.0]], [[5.0, 7.0]]]]
    assert logdet.tolist() == [0.0]


def test_order_is_that_of_pixel_unshuffle() -> None:
    x = torch.randn(2, 3, 4, 6)
    torch.testing.assert_close(Squeeze((3, 4, 6))(x)[0], pixel_unshuffle(x, 2), rtol=0, atol=0)


@pytest.mark.parametrize("size", [(3, 4), (4, 7), (5, 5)])
def test_odd_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]}; crop or pad the images, or choose fewer levels"):
        Squeeze((1, *size))
