r"""A multi-scale flow: the density of images as a change of variables from Gaussian noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape, leaf_bijections
from nflows_core.bijections.split import Split
from nflows_core.distributions.dequantization import dequantize
from nflows_core.distributions.normal import standard_normal_log_prob


class Flow(nn.Module):
    r"""A normalizing flow with a standard normal base and latents factored out at every level but the last.

    .. math:: \log p(x) = \sum_l \log N(z_l; 0, I) + \log |\det \partial z / \partial x|

    A level is a bijection; after each but the last, a `Split` normalizes the second half of the channels given
    the first, and this half leaves the flow as a latent (Dinh et al. 2017, section 3.6; Kingma & Dhariwal 2018,
    section 2). All latents together have as many entries as the image, so nothing is lost:
    ``decode(encode(x)) == x``.

    Arguments:
        levels: The bijections, from the data on.
        splits: The splits, one for each level but the last.
        quantization: The number of values that a pixel of the data can take; 256 for 8-bit images.
    """

    def __init__(self, levels: Sequence[Bijection], splits: Sequence[Split] = (), *, quantization: int = 256) -> None:
        super().__init__()
        if len(splits) != len(levels) - 1:
            raise ValueError(f"{len(levels)} levels need {len(levels) - 1} splits, got {len(splits)}")
        for i, split in enumerate(splits):
            kept = (split.kept, *split.shape[1:])
            if (levels[i].output_shape, kept) != (split.shape, levels[i + 1].shape):
                raise ValueError(
                    f"level {i} gives {levels[i].output_shape}, but its split takes {split.shape} and keeps {kept}, "
                    f"and the next level takes {levels[i + 1].shape}"
                )
        self.levels = nn.ModuleList(levels)
        self.splits = nn.ModuleList(splits)
        self.quantization = quantization

    @property
    def shape(self) -> Shape:
        """Channels, height, width of an image."""
        return self._levels()[0].shape

    @property
    def latent_shapes(self) -> list[Shape]:
        """The event shape of every latent, in the order of `encode`."""
        factored = [split.latent_shape for split in self._splits()]
        return [*factored, self._levels()[-1].output_shape]

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        r"""Maps images to latents.

        Arguments:
            x: Images with values in :math:`[0, 1]`, :math:`(B, C, H, W)`.
            context: Conditioning vectors, :math:`(B, D)`, or nothing.

        Returns:
            Every latent, the ones factored out first, and the log-determinant, :math:`(B,)`.
        """
        latents = []
        logdet = x.new_zeros(x.shape[0])
        for level, split in zip(self.levels, [*self.splits, None], strict=True):
            x, term = level(x, context)
            logdet = logdet + term
            if split is not None:
                x, term = split(x, context)
                logdet = logdet + term
                x, latent = x[:, : split.kept], x[:, split.kept :]
                latents.append(latent)
        return [*latents, x], logdet

    def encode(self, x: Tensor, context: Tensor | None = None) -> list[Tensor]:
        """Every latent of the images ``x``, each standard normal under the model."""
        return self(x, context)[0]  # type: ignore[no-any-return]

    def decode(self, latents: Sequence[Tensor], context: Tensor | None = None) -> Tensor:
        """The images, :math:`(B, C, H, W)`, of the latents that `encode` gave."""
        if len(latents) != len(self.levels):
            raise ValueError(f"this flow has {len(self.levels)} latents an image, got {len(latents)}")
        *factored, x = latents
        for level, split in zip(reversed(self._levels()), [None, *reversed(self._splits())], strict=True):
            if split is not None:
                x = split.inverse(torch.cat([x, factored.pop()], dim=1), context)
            x = level.inverse(x, context)
        return x

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The log-density of the images ``x`` in nats, :math:`(B,)`."""
        latents, logdet = self(x, context)
        return log_density(latents, logdet)

    def bits_per_dim(
        self, pixels: Tensor, context: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        r"""Bits per dimension of quantized images, by one sample of uniform dequantization noise.

        .. math:: -\frac{\log p((x + u) / n)}{D \log 2} + \log_2 n, \qquad u \sim U[0, 1)^D

        with :math:`n` the `quantization` and :math:`D = CHW`: an upper bound of the discrete negative
        log-likelihood in expectation (Theis et al. 2016), and the convention of Glow.

        Arguments:
            pixels: Integers in :math:`[0, n)`, :math:`(B, C, H, W)`.
            context: Conditioning vectors, :math:`(B, D)`, or nothing.
            generator: The source of the noise.

        Returns:
            Bits per dimension, :math:`(B,)`.
        """
        x = dequantize(pixels.to(self._parameter().dtype), self.quantization, generator)
        return density_to_bits_per_dim(self.log_prob(x, context), self.shape, self.quantization)

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Sets what depends on the data (ActNorm) from one batch of images with values in :math:`[0, 1]`."""
        for level, split in zip(self._levels(), [*self._splits(), None], strict=True):
            x = level.initialize(x, context)
            if split is not None:
                x = split.initialize(x, context)[:, : split.kept]

    @torch.no_grad()
    def sample(
        self,
        n: int,
        temperature: float = 1.0,
        context: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draws ``n`` images, :math:`(n, C, H, W)`, with values about :math:`[0, 1]`.

        Arguments:
            n: The number of images.
            temperature: Standard deviation of the latents; below 1 the samples are likelier and less varied.
            context: Conditioning vectors, :math:`(n, D)`, or one for all of them, :math:`(1, D)`, or nothing.
            generator: The source of the noise, on the device of the flow.
        """
        context = None if context is None else _rows(context, n)
        return self.decode(self.draw_latents(n, temperature, generator), context)

    def draw_latents(self, n: int, temperature: float = 1.0, generator: torch.Generator | None = None) -> list[Tensor]:
        """Latents of ``n`` images, normal with standard deviation ``temperature``; see `sample`."""
        if temperature < 0:
            raise ValueError(f"temperature must not be negative, got {temperature}")
        like = self._parameter()
        return [
            temperature * torch.randn(n, *shape, generator=generator, device=like.device, dtype=like.dtype)
            for shape in self.latent_shapes
        ]

    def _parameter(self) -> Tensor:
        return next(self.parameters())

    def summary(self) -> str:
        """A table of the bijections in order: name, class, the shape that each gives, parameters."""
        rows = [("bijection", "", "output", "parameters")]
        for name, bijection in leaf_bijections(self):
            rows.append((name, type(bijection).__name__, str(bijection.output_shape), f"{_parameters(bijection):,}"))
        rows.append(("total", "", str(self.shape), f"{_parameters(self):,}"))
        return "\n".join(f"{name:<28} {kind:<20} {shape:<16} {count:>12}" for name, kind, shape, count in rows)

    def _levels(self) -> list[Bijection]:
        return list(self.levels)  # type: ignore[arg-type]

    def _splits(self) -> list[Split]:
        return list(self.splits)  # type: ignore[arg-type]


def _rows(context: Tensor, n: int) -> Tensor:
    if context.ndim != 2 or len(context) not in (1, n):
        raise ValueError(
            f"{n} samples need a context of {n} rows, or of one for all of them, got shape {tuple(context.shape)}"
        )
    return context.expand(n, -1)


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def log_density(latents: Sequence[Tensor], logdet: Tensor) -> Tensor:
    """The log-density in nats, :math:`(B,)`, of images that `Flow.forward` mapped to these."""
    total = logdet
    for latent in latents:
        total = total + standard_normal_log_prob(latent)
    return total


def density_to_bits_per_dim(log_prob: Tensor, shape: Shape, quantization: int) -> Tensor:
    """Log-density in nats over :math:`[0, 1)^{C H W}` to bits per dimension of quantized images."""
    return -log_prob / (math.prod(shape) * math.log(2)) + math.log2(quantization)
