"""ResShift: a picture restored, and enlarged if it is wished, by a short chain between its latent and a good one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nflows_core.runtime.tiles import Tiling
from nflows_sr.autoencoders.libraries import diffusers
from nflows_sr.degradations import resize_bicubic
from nflows_sr.diffusion.latents import decoded, encoded, factor
from nflows_sr.diffusion.shifting import ShiftSchedule

_LEVELS = 3
_OVERLAP = Fraction(1, 4)  # of a tile, which memory may halve once


def shifting_network(channels: int, width: int, groups: int = 8) -> nn.Module:
    """The U-Net of ResShift, untrained: from latents on the way and bad ones, side by side, to good ones.

    Arguments:
        channels: The channels of a latent.
        width: The features of the first level; the others have twice as many.
        groups: The groups of each normalization.
    """
    network: nn.Module = diffusers().UNet2DModel(
        in_channels=2 * channels,
        out_channels=channels,
        block_out_channels=(width, 2 * width, 2 * width),
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=groups,
        attention_head_dim=groups,
    )
    return network


def restored_latents(
    network: nn.Module, schedule: ShiftSchedule, latents: Tensor, bad: Tensor, times: Tensor
) -> Tensor:
    """The good latents that a network sees in latents on the way, at steps :math:`(B,)`."""
    seen: Any = network(torch.cat([schedule.scaled(latents, times), bad], 1), times)
    restored: Tensor = seen.sample
    return restored.float()


@dataclass(frozen=True)
class ResShift:
    """A trained network with its autoencoder, tile by tile: pictures of any size.

    As of `StableSR`, the tiles of the U-Net are blended in every step, so that all of them work on one picture.

    Arguments:
        network: What restores latents.
        autoencoder: What makes latents of pictures, and pictures of latents.
        schedule: The chain.
        side: The side of a tile, in pixels: that of the crops that it was trained on.
    """

    network: nn.Module
    autoencoder: Any
    schedule: ShiftSchedule
    side: int

    def __post_init__(self) -> None:
        for part in (self.network, self.autoencoder):
            part.eval().requires_grad_(False)

    def to(self, device: torch.device) -> ResShift:
        """The same on another device; the networks are moved, not copied."""
        return ResShift(self.network.to(device), self.autoencoder.to(device), self.schedule, self.side)

    @property
    def networks(self) -> nn.ModuleList:
        """All that has weights."""
        return nn.ModuleList([self.network, self.autoencoder])

    @torch.no_grad()
    def enlarge(self, picture: Tensor, scale: int, seed: int = 0) -> Tensor:
        r"""The picture restored, at so many times its sides.

        Arguments:
            picture: RGB in [0, 1], :math:`(3, h, w)`, on the CPU.
            scale: How many times the sides grow.
            seed: The seed of the noise.

        Returns:
            :math:`(3, sh, sw)` in [0, 1], on the CPU.

        Raises:
            FloatingPointError: A network made values that are not finite.
            MemoryError: Memory runs out for the smallest tiles.
        """
        height, width = (side * scale for side in picture.shape[1:])
        low = resize_bicubic(picture, (height, width)).clamp_(0, 1)
        bad = self._encoding.whole(self._encoded, self._padded(low))
        generator = torch.Generator().manual_seed(seed)
        latent = self.schedule.sample(lambda latents, time: self._restored(latents, bad, time), bad[None], generator)
        return self._decoding.whole(self._decoded, latent[0])[:, :height, :width].clamp_(0, 1)

    def _padded(self, low: Tensor) -> Tensor:
        """With the sides of a tile at least, and such that each level of the U-Net can halve them."""
        unit = factor(self.autoencoder) * 2 ** (_LEVELS - 1)
        missing = [max(self.side, length + -length % unit) - length for length in low.shape[1:]]
        return F.pad(low[None], (0, missing[1], 0, missing[0]), "replicate")[0]

    def _restored(self, latents: Tensor, bad: Tensor, time: int) -> Tensor:
        return self._shifting.whole(partial(self._tile, time), torch.cat([latents[0], bad]))[None]

    # What is done with a tile, on the device of the networks.

    def _tile(self, time: int, tile: Tensor) -> Tensor:
        latents, bad = tile[None].to(self._device).chunk(2, 1)
        times = torch.full((1,), time, device=self._device)
        return restored_latents(self.network, self.schedule, latents, bad, times)[0]

    def _encoded(self, pixels: Tensor) -> Tensor:
        return encoded(self.autoencoder, pixels[None].to(self._device))[0]

    def _decoded(self, latent: Tensor) -> Tensor:
        return decoded(self.autoencoder, latent[None].to(self._device))[0]

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    # A smaller tile that memory asked for stays for all pictures that follow.

    @cached_property
    def _encoding(self) -> Tiling:
        side = factor(self.autoencoder)
        return Tiling(self.side, self._overlap * side, Fraction(1, side))

    @cached_property
    def _shifting(self) -> Tiling:
        return Tiling(self.side // factor(self.autoencoder), self._overlap)

    @cached_property
    def _decoding(self) -> Tiling:
        return Tiling(self.side // factor(self.autoencoder), self._overlap, factor(self.autoencoder))

    @property
    def _overlap(self) -> int:
        """Of tiles, in pixels of the latent: whole units of the U-Net."""
        unit = int(2 ** (_LEVELS - 1))
        return int(self.side // factor(self.autoencoder) * _OVERLAP) // unit * unit
