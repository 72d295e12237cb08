"""From a picture through the latent and back, as a training sees it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Reconstructor(nn.Module):
    r"""An autoencoder as one module, which gives a reconstruction and what its latent costs.

    A Gaussian latent costs its divergence from the standard normal distribution (Kingma & Welling 2014, appendix B),
    and one of codes what Van den Oord et al. 2017 (equation 3) call codebook and commitment loss, the latter by 1/4:

    .. math:: \tfrac12 \sum (\mu^2 + \sigma^2 - 1 - \log \sigma^2) \qquad
        \overline{(\operatorname{sg}[z] - e)^2} + \tfrac14 \, \overline{(z - \operatorname{sg}[e])^2}

    Arguments:
        autoencoder: As `build_autoencoder` makes it.
    """

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.has_codes = hasattr(autoencoder, "quantize")
        self.factor = 2 ** (len(autoencoder.config.block_out_channels) - 1)

    def forward(self, x: Tensor, generator: torch.Generator | None = None, mode: bool = False) -> tuple[Tensor, Tensor]:
        """Encodes and decodes pictures in [-1, 1], :math:`(B, 3, H, W)`.

        Arguments:
            x: The pictures; height and width divide by the autoencoder's factor.
            generator: Where a Gaussian latent is drawn from, torch's own by default.
            mode: Whether the mean of a Gaussian latent is taken instead.

        Returns:
            The reconstructions, and the cost of each latent, :math:`(B,)`; of codes, the mean of the batch.

        Raises:
            ValueError: The pictures have another shape.
        """
        self._check(x)
        if self.has_codes:
            made, cost = self.autoencoder.decode(self.autoencoder.encode(x).latents, return_dict=False)
            return made, cost.expand(len(x))
        posterior = self.autoencoder.encode(x).latent_dist
        latent = posterior.mode() if mode else posterior.sample(generator)
        return self.autoencoder.decode(latent).sample, posterior.kl()

    @property
    def last_layer(self) -> Tensor:
        """The last weights on the way of a picture that are trained, at which losses are compared."""
        layers = [self.autoencoder.decoder.conv_out, *reversed(list(self.autoencoder.decoder.up_blocks.modules()))]
        weights = (layer.weight for layer in layers if isinstance(layer, nn.Conv2d))
        return next(weight for weight in weights if weight.requires_grad)

    def _check(self, x: Tensor) -> None:
        channels = self.autoencoder.config.in_channels
        if x.ndim != 4 or x.shape[1] != channels or x.shape[2] % self.factor or x.shape[3] % self.factor:
            raise ValueError(
                f"this autoencoder takes pictures (B, {channels}, H, W) whose height and width are multiples of "
                f"{self.factor}, got {tuple(x.shape)}; crop or pad them"
            )


def draw_latent(autoencoder: Any, moments: Tensor) -> Tensor:
    """The latent of what an encoder gives: drawn from a Gaussian, or the nearest codes.

    Arguments:
        autoencoder: As `build_autoencoder` makes it.
        moments: What its ``quant_conv`` gives: means and log-variances, or what lies near to codes.
    """
    if hasattr(autoencoder, "quantize"):
        codes: Tensor = autoencoder.quantize(moments)[0]
        return codes
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    return DiagonalGaussianDistribution(moments).sample()
