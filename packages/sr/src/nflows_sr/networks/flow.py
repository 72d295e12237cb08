r"""A conditional flow that enlarges a channel: not one large picture of a small one, but all that it may be of."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from nflows_core.bijections import ActNorm, AffineCoupling, Bijection, Composition, ContextAffine, Conv1x1
from nflows_core.bijections.base import check_count
from nflows_core.distributions.normal import standard_normal_log_prob
from nflows_sr.networks.upscaler import bicubic, coupling_upscaler

_STEP_REACH = 2  # pixels that the network of a coupling reaches


class Encoded(NamedTuple):
    r"""What `UpscalingFlow` makes of large pictures.

    Arguments:
        z: The noise, :math:`(B, s^2, h, w)`.
        logdet: :math:`\log |\det \partial z / \partial y|`, :math:`(B,)`.
        expected: The pictures that were expected, :math:`(B, 1, sh, sw)`, before the flow.
    """

    z: Tensor
    logdet: Tensor
    expected: Tensor


class UpscalingFlow(nn.Module):
    r"""The density of large pictures given the small one, as a change of variables from Gaussian noise.

    .. math:: y = \mathrm{bicubic}(x) + \mathrm{shuffle}\left(\mathrm{conv}(c) + f^{-1}(z; c)\right), \qquad
        c = f_n \circ \dots \circ f_1(\mathrm{conv}(x)), \qquad z \sim N(0, \tau^2 I)

    Coupling blocks give the features c of each pixel of the small picture, and a convolution what is to be expected of
    the :math:`s^2` pixels that it becomes. A flow f of :math:`s^2` channels, whose couplings are conditioned on the
    features as in SRFlow (Lugmayr et al. 2020), makes noise of what is left. All of it are convolutions at the size of
    the small picture, so that pictures may have any size, and noise of a place makes pixels of that place.

    Temperature :math:`\tau = 0` gives one picture, near the likeliest. Without the flow, it is a `coupling_upscaler`,
    whose weights fit under the same names. The flow takes what is expected as given: no gradient goes from the noise to
    the last convolution before it, for a likelihood cares about the edges of pictures, of which it is least certain,
    much less than a regression does (Seitzer et al. 2022, "On the pitfalls of heteroscedastic uncertainty estimation").

    Arguments:
        scale: How many times the sides grow, 2, 3 or 4.
        channels: The number of features of a pixel, even.
        width: The hidden features of a block, and of the flow's couplings.
        blocks: The number of blocks.
        depth: The number of steps of the flow, each a 1 x 1 convolution and an affine coupling.
    """

    def __init__(self, scale: int, channels: int = 64, width: int = 32, blocks: int = 5, depth: int = 4) -> None:
        super().__init__()
        upscaler = coupling_upscaler(scale, channels, width, blocks)
        self.scale = scale
        self.head, self.blocks, self.tail = upscaler.head, upscaler.blocks, upscaler.tail
        self.flow = _conditional_flow((scale**2, 1, 1), channels, width, check_count("depth", depth))
        self.reach = upscaler.reach + _STEP_REACH * depth

    @property
    def noise_channels(self) -> int:
        """Entries of the noise at a pixel of the small picture."""
        return self.scale**2

    def forward(self, x: Tensor, y: Tensor) -> Encoded:
        """The noise that makes large pictures of small ones, and what was expected of these.

        Arguments:
            x: Small pictures of one channel in [0, 1], :math:`(B, 1, h, w)`.
            y: Large ones, :math:`(B, 1, sh, sw)`.
        """
        features = self._features(x)
        expected = bicubic(x, self.scale) + pixel_shuffle(self.tail(features), self.scale)
        z, logdet = self.flow(pixel_unshuffle(y - expected.detach(), self.scale), features)
        return Encoded(z, logdet, expected)

    def inverse(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """The large pictures that small ones become by noise; by none, at temperature 0. Shapes as in `forward`."""
        return bicubic(x, self.scale) + self.details(x, z)

    def details(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """What `inverse` adds to the bicubic enlargement."""
        features = self._features(x)
        z = x.new_zeros(len(x), self.noise_channels, *x.shape[2:]) if z is None else z
        details: Tensor = pixel_shuffle(self.tail(features) + self.flow.inverse(z, features), self.scale)
        return details

    @torch.no_grad()
    def initialize(self, x: Tensor, y: Tensor) -> None:
        """Sets what depends on the data (ActNorm) from one batch, shapes as in `forward`."""
        rest = y - self(x, y).expected
        self.flow.initialize(pixel_unshuffle(rest, self.scale), self._features(x))

    def _features(self, x: Tensor) -> Tensor:
        return self.blocks(self.head(x - 0.5))  # type: ignore[no-any-return]


def bits_per_pixel(encoded: Encoded) -> Tensor:
    r"""Bits for each pixel of large pictures of whole grey levels, :math:`(B,)`, by what the flow makes of them.

    .. math:: -\frac{\log_2 p(y \mid x)}{s^2 h w} + \log_2 255

    They bound those of a compressor from above where y is dequantized, :math:`y = (Y + u) / 255` with :math:`u \sim
    U[-1/2, 1/2)` (Theis et al. 2016).
    """
    z, logdet, _ = encoded
    return -(standard_normal_log_prob(z) + logdet) / (math.log(2) * z[0].numel()) + math.log2(255)


def _conditional_flow(shape: tuple[int, int, int], features: int, width: int, depth: int) -> Composition:
    steps: list[Bijection] = [ActNorm(shape), ContextAffine(shape, features)]
    for _ in range(depth):
        steps += [Conv1x1(shape), AffineCoupling(shape, width, features)]
    chain = Composition([*steps, ContextAffine(shape, features)])
    for part in chain.modules():
        if isinstance(part, Bijection):
            part.has_fixed_size = False
    return chain
