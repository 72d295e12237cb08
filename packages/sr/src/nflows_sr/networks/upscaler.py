r"""Small networks that enlarge a channel: features of the small picture, whose pixels are shuffled into a large one."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

from nflows_core.bijections.base import check_count
from nflows_core.bijections.coupling_network import zero_initialized
from nflows_sr.networks.coupling import Coupling

SCALES = (2, 3, 4)
_BLOCK_REACH = 2  # pixels that two convolutions of 3 x 3 reach


class Upscaler(nn.Module):
    r"""What blocks make of the features of a small picture, added to its bicubic enlargement.

    .. math:: \hat y = \mathrm{bicubic}(x)
        + \mathrm{shuffle}(\mathrm{conv}(f_n \circ \dots \circ f_1(\mathrm{conv}(x))))

    All features have the size of the small picture, and the last convolution gives the :math:`s^2` pixels that each of
    its pixels becomes (Shi et al. 2016, "Real-time single image and video super-resolution"). It starts at zero, so
    that the network begins as bicubic enlargement.

    Arguments:
        scale: How many times the sides grow, 2, 3 or 4.
        channels: The number of features of a pixel.
        blocks: Maps of features to as many of the same size, by two convolutions of 3 x 3 each.
    """

    def __init__(self, scale: int, channels: int, blocks: Iterable[nn.Module]) -> None:
        if scale not in SCALES:
            raise ValueError(f"`scale`: expected 2, 3 or 4, got {scale!r}")
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(*blocks)
        self.tail = zero_initialized(nn.Conv2d(channels, scale**2, 3, padding=1))
        # With the channels innermost a CPU's convolutions take two thirds of the time.
        self.to(memory_format=torch.channels_last)

    @property
    def reach(self) -> int:
        """How far the receptive field of a pixel reaches to each side, in pixels of the small picture."""
        return 2 + _BLOCK_REACH * len(self.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges pictures of one channel in [0, 1], :math:`(B, 1, h, w)`, to :math:`(B, 1, sh, sw)`."""
        return bicubic(x, self.scale) + self.details(x)

    def details(self, x: Tensor) -> Tensor:
        """What is added to the bicubic enlargement; shapes as in `forward`."""
        return pixel_shuffle(self.tail(self.blocks(self.head(x - 0.5))), self.scale)


def bicubic(x: Tensor, scale: int) -> Tensor:
    """Pictures, :math:`(B, C, h, w)`, enlarged by Keys's kernel of a = -1/2, as MATLAB has it but at their edges."""
    # Without antialias torch takes a = -3/4; with it, one that only shrinking would widen.
    return interpolate(x, scale_factor=scale, mode="bicubic", antialias=True)


class CouplingBlock(nn.Module):
    r"""An affine `Coupling` of features, whose network is two convolutions of 3 x 3 on one half of them.

    Each block changes the half that the one before kept. It is a residual block of half the width, with a factor
    :math:`e^s` at each pixel besides, and it starts as the identity.

    Arguments:
        channels: The number of features, even.
        width: The number of hidden features.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.coupling = Coupling(channels, _ConditionalConvolutions(channels // 2, width, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps features, :math:`(B, C, h, w)`, to as many."""
        return self.coupling(x)[0]  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    r""":math:`x + \mathrm{conv}(\mathrm{relu}(\mathrm{conv}(x)))` (Lim et al. 2017, section 3.1).

    Arguments:
        channels: The number of features.
        width: The number of hidden features.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.network = _convolutions(channels, width, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Maps features, :math:`(B, C, h, w)`, to as many."""
        return x + self.network(x)  # type: ignore[no-any-return]


def coupling_upscaler(scale: int, channels: int = 32, width: int = 32, blocks: int = 10) -> Upscaler:
    """An `Upscaler` of couplings; many narrow blocks learn faster than few wide ones."""
    _check_counts(channels, width, blocks)
    return Upscaler(scale, channels, (CouplingBlock(channels, width) for _ in range(blocks)))


def residual_upscaler(scale: int, channels: int = 32, width: int = 32, blocks: int = 8) -> Upscaler:
    """An `Upscaler` of residual blocks, which couplings are compared with; its defaults have about as many weights."""
    _check_counts(channels, width, blocks)
    return Upscaler(scale, channels, (ResidualBlock(channels, width) for _ in range(blocks)))


class _ConditionalConvolutions(nn.Module):
    def __init__(self, channels_in: int, width: int, channels_out: int) -> None:
        super().__init__()
        self.layers = _convolutions(channels_in, width, channels_out)

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


def _convolutions(channels_in: int, width: int, channels_out: int) -> nn.Sequential:
    last = zero_initialized(nn.Conv2d(width, channels_out, 3, padding=1))
    return nn.Sequential(nn.Conv2d(channels_in, width, 3, padding=1), nn.ReLU(), last)


def _check_counts(channels: int, width: int, blocks: int) -> None:
    for name, value in (("channels", channels), ("width", width), ("blocks", blocks)):
        check_count(name, value)
