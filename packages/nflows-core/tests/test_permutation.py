"""The permutation of the channels."""

from __future__ import annotations

import pytest
import torch

from nflows_core.bijections import Permutation


def test_known_values() -> None:
    x = torch.arange(3.0).view(1, 3, 1, 1)
    z, logdet = Permutation((3, 1, 1), order=[2, 0, 1])(x)
    assert z.flatten().tolist() == [2.0, 0.0, 1.0]
    assert logdet.tolist() == [0.0]


def test_reverses_unless_told_otherwise() -> None:
    x = torch.randn(2, 5, 3, 4)
    layer = Permutation((5, 3, 4))
    torch.testing.assert_close(layer(x)[0], x.flip(1), rtol=0, atol=0)
    torch.testing.assert_close(layer.inverse(x.flip(1)), x, rtol=0, atol=0)


def test_a_loaded_model_keeps_its_order() -> None:
    x = torch.randn(2, 4, 2, 2)
    trained, loaded = Permutation((4, 2, 2), order=[1, 3, 0, 2]), Permutation((4, 2, 2))
    loaded.load_state_dict(trained.state_dict())
    torch.testing.assert_close(loaded(x)[0], trained(x)[0], rtol=0, atol=0)


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [0, 1, 3], [3, 2, 1]])
def test_what_is_no_permutation_is_refused(order: list[int]) -> None:
    with pytest.raises(ValueError, match="each of 3 channels from 0 once, got"):
        Permutation((3, 2, 2), order)
