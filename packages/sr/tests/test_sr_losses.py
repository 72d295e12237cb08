"""Known values of what stage 1 lowers."""

from __future__ import annotations

import pytest
import torch

from nflows_sr.losses import PatchDiscriminator, adaptive_weight


def test_discriminator_of_pix2pix_has_its_parameters_and_patches() -> None:
    discriminator = PatchDiscriminator()
    assert (
        sum(parameter.numel() for parameter in discriminator.parameters()) == 2_765_633
    )  # with normalization, no bias
    assert discriminator(torch.zeros(2, 3, 256, 256)).shape == (2, 1, 30, 30)


def test_an_output_of_the_discriminator_sees_seventy_pixels() -> None:
    discriminator = PatchDiscriminator(width=2).double().eval()
    x = torch.randn(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    discriminator(x)[0, 0, 7, 7].backward()
    assert x.grad is not None
    assert [len(side.unique()) for side in x.grad[0].sum(0).nonzero().unbind(1)] == [70, 70]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_picture_without_a_patch_is_refused(layers: int) -> None:
    discriminator = PatchDiscriminator(width=1, layers=layers)
    least = discriminator.least_side
    assert discriminator(torch.zeros(1, 3, least, least)).numel() == 1
    with pytest.raises(ValueError, match=f"needs pictures of {least} x {least} pixels or more, got {least - 1} x 99"):
        discriminator(torch.zeros(1, 3, least - 1, 99))


def test_adaptive_weight_makes_both_gradients_equally_strong() -> None:
    layer = torch.tensor([3.0, 4.0], requires_grad=True)
    loss, adversarial = 6 * layer.sum(), -2 * layer.sum()
    weight = adaptive_weight(loss, adversarial, layer)
    assert weight.item() == pytest.approx(3, rel=1e-3)
    assert not weight.requires_grad


def test_adaptive_weight_of_a_vanished_gradient_is_bounded() -> None:
    layer = torch.ones(2, requires_grad=True)
    assert adaptive_weight(1e6 * layer.sum(), 0 * layer.sum(), layer) == 1e4
