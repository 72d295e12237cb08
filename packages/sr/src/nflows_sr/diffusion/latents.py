"""Pictures in [0, 1] to the latents of an autoencoder as its diffusion knows them, and back.

In mixed precision too they are float32: a schedule's noise is less than what a shorter type can hold beside a latent.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor


def encoded(autoencoder: Any, pictures: Tensor) -> Tensor:
    """The latents of pictures :math:`(B, 3, H, W)`: the modes of their posteriors, times the diffusion's scale."""
    mode: Tensor = autoencoder.encode(2 * pictures - 1).latent_dist.mode()
    return mode.float() * float(autoencoder.config.scaling_factor)


def decoded(autoencoder: Any, latents: Tensor) -> Tensor:
    """The pictures of latents; they may leave [0, 1]."""
    pictures: Tensor = autoencoder.decode(latents / float(autoencoder.config.scaling_factor)).sample
    return (pictures.float() + 1) / 2


def factor(autoencoder: Any) -> int:
    """How many pixels of a picture a pixel of the latent stands for along each axis."""
    return int(2 ** (len(autoencoder.config.block_out_channels) - 1))
