r"""Controllable feature wrapping: the decoder takes back from the low-resolution picture what the latent has lost.

Wang et al. (2024), "Exploiting Diffusion Prior for Real-World Image Super-Resolution", arXiv 2305.07015, section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_sr.autoencoders.libraries import diffusers
from nflows_sr.diffusion.latents import decoded, encoded
from nflows_sr.diffusion.taps import tap, tapped

_GROUPS, _GROWTH, _DENSE_BLOCKS = 32, 32, 2
_SLOPE, _SHARE = 0.2, 0.2
_INITIAL = 0.1  # deep residual networks begin small: ESRGAN, section 3.1


class FeatureWrapping(nn.Module):
    r"""For each inner level of an autoencoder :math:`F = F_d + w \, C(F_e, F_d)` (equation 4).

    :math:`F_e` are features of the low-resolution picture in the encoder, :math:`F_d` those of the latent in the
    decoder, both behind the last residual block of a level, and :math:`w \in [0, 1]` the fidelity: 0 is the plain
    decoder, 1 the nearest to the picture. The levels of the full size and of the latent's are left as they are, by
    which the module has the 44.39 M parameters of the published one for Stable Diffusion's autoencoder.

    Arguments:
        widths: The channels of each level of the autoencoder that is wrapped; it stays as it is, and apart.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.fusions = nn.ModuleList(map(_Fusion, widths[1:-1]))

    def forward(self, autoencoder: Any, latent: Tensor, low: Tensor, fidelity: float = 1.0) -> Tensor:
        r"""The decoded picture, :math:`(B, 3, H, W)`.

        Arguments:
            autoencoder: The tapped autoencoder.
            latent: The latent, :math:`(B, C, h, w)`.
            low: The low-resolution picture at the size of the decoded one, in [0, 1].
            fidelity: :math:`w`.
        """
        features: list[Tensor] = []
        levels = range(len(self.fusions))
        with torch.no_grad(), tapped({("encoder", level): partial(_keep, features) for level in levels}):
            encoded(autoencoder, low)
        fuse = [partial(self._fused, fidelity, level, features[level]) for level in levels]
        with tapped({("decoder", level): fuse[level] for level in levels}):
            return decoded(autoencoder, latent)

    def _fused(self, fidelity: float, level: int, encoded: Tensor, decoded: Tensor) -> Tensor:
        fused: Tensor = self.fusions[level](encoded, decoded)
        return decoded + fidelity * fused


def tap_levels(autoencoder: Any) -> None:
    """Taps the levels of an autoencoder that are wrapped."""
    for level, resnet in _levels(autoencoder.encoder.down_blocks):
        tap(resnet, ("encoder", level))
    for level, resnet in _levels(reversed(autoencoder.decoder.up_blocks)):
        tap(resnet, ("decoder", level))


def _levels(blocks: Any) -> Iterator[tuple[int, Any]]:
    """The last residual block of each level, the largest first, but for those of the picture and of the latent."""
    inner = list(blocks)[1:-1]
    return enumerate(block.resnets[-1] for block in inner)


def _keep(features: list[Tensor], output: Tensor) -> Tensor:
    features.append(output)
    return output


class _Fusion(nn.Module):
    """A residual block, two residual-in-residual dense blocks, and a residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _residual_block(2 * channels, channels)
        self.dense = nn.Sequential(*(_ResidualInResidual(channels) for _ in range(_DENSE_BLOCKS)))
        self.last = _residual_block(channels, channels)

    def forward(self, encoded: Tensor, decoded: Tensor) -> Tensor:
        joined = self.first(torch.cat([encoded, decoded], 1), None)
        fused: Tensor = self.last(self.dense(joined), None)
        return fused


class _ResidualInResidual(nn.Module):
    """Three dense blocks in a row, a fifth of what they make added to the input (Wang et al. 2018, "ESRGAN")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(_Dense(channels) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.blocks(x)
        return x + _SHARE * added


class _Dense(nn.Module):
    """Five convolutions, each of all that came before; a fifth of what the last makes is added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(nn.Conv2d(channels + n * _GROWTH, _GROWTH, 3, padding=1) for n in range(4))
        self.last = nn.Conv2d(channels + 4 * _GROWTH, channels, 3, padding=1)
        for layer in (*self.grow, self.last):
            nn.init.kaiming_normal_(layer.weight, _SLOPE).data.mul_(_INITIAL)

    def forward(self, x: Tensor) -> Tensor:
        joined = x
        for layer in self.grow:
            joined = torch.cat([joined, F.leaky_relu(layer(joined), _SLOPE)], 1)
        added: Tensor = self.last(joined)
        return x + _SHARE * added


def _residual_block(inputs: int, outputs: int) -> Any:
    resnet, groups = diffusers("diffusers.models.resnet").ResnetBlock2D, math.gcd(_GROUPS, inputs, outputs)
    return resnet(in_channels=inputs, out_channels=outputs, temb_channels=None, groups=groups, eps=1e-6)
