r"""A discriminator of patches, and what it and the autoencoder lower."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import check_count

_LARGEST_WEIGHT = 1e4
_WIDEST = 8  # times the first width: pix2pix stops there


class PatchDiscriminator(nn.Sequential):
    r"""Whether each patch of a picture is real: PatchGAN (Isola et al. 2017, section 3.2.2).

    Convolutions 4 x 4 with leaky rectifiers, batch normalization between the first and the last; with three layers
    an output sees 70 x 70 pixels.

    Arguments:
        width: Channels of the first layer, doubled with each further one up to eight times.
        layers: Convolutions of stride 2.
        channels: Channels of a picture.

    Raises:
        ValueError: A size is no whole number above 0.
    """

    def __init__(self, width: int = 64, layers: int = 3, channels: int = 3) -> None:
        for name, value in (("width", width), ("layers", layers), ("channels", channels)):
            check_count(name, value)
        widths = [width * min(2**index, _WIDEST) for index in range(layers + 1)]
        blocks: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for index, (before, after) in enumerate(pairwise(widths), start=1):
            stride = 2 if index < layers else 1
            blocks += [nn.Conv2d(before, after, 4, stride, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        super().__init__(*blocks, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.least_side = 3 << layers  # below it the last convolution has nothing left
        self.apply(_initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Maps pictures in [-1, 1], :math:`(B, C, H, W)`, to one logit for each patch, :math:`(B, 1, H', W')`."""
        if min(x.shape[-2:]) < self.least_side:
            raise ValueError(
                f"the discriminator needs pictures of {self.least_side} x {self.least_side} pixels or more, got "
                f"{x.shape[-2]} x {x.shape[-1]}; give larger ones or fewer layers"
            )
        return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]


def adaptive_weight(loss: Tensor, adversarial_loss: Tensor, layer: Tensor) -> Tensor:
    r"""The weight by which an adversarial loss pulls at a layer as strongly as the other losses.

    .. math:: \lambda = \frac{\lVert \nabla_\theta L \rVert}{\lVert \nabla_\theta L_{adv} \rVert + 10^{-4}}

    It is at most :math:`10^4`, and a constant for the gradient (Esser et al. 2021, equation 7).

    Arguments:
        loss: :math:`L`, a scalar.
        adversarial_loss: :math:`L_{adv}`, a scalar.
        layer: Parameters :math:`\theta` that both depend on, those of the decoder's last layer.
    """
    ours, theirs = (torch.autograd.grad(one, layer, retain_graph=True)[0].norm() for one in (loss, adversarial_loss))
    weight: Tensor = (ours / (theirs + 1e-4)).clamp(max=_LARGEST_WEIGHT)
    return weight.detach()


def _initialize(module: nn.Module) -> None:
    """As pix2pix does: weights of mean 0, scales of mean 1, and standard deviation .02."""
    if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, float(isinstance(module, nn.BatchNorm2d)), 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
