r"""A multi-scale flow: the density of images as a change of variables from Gaussian noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import Bijection, Shape, check_count, leaf_bijections
from nflows_core.bijections.split import Split
from nflows_core.distributions.dequantization import dequantize
from nflows_core.distributions.generator import seeded_generator
from nflows_core.distributions.normal import standard_normal_log_prob
from nflows_core.flow_distribution import FlowDistribution
from nflows_core.flow_inputs import (
    check_context,
    check_images,
    check_latents,
    check_pixels,
    check_values,
    context_tensor,
    domain_of,
)


class Flow(nn.Module):
    r"""A normalizing flow with a standard normal base and latents factored out at every level but the last.

    .. math:: \log p(x) = \sum_l \log N(z_l; 0, I) + \log |\det \partial z / \partial x|

    A level is a bijection; after each but the last, a `Split` normalizes the second half of the channels given
    the first, and this half leaves the flow as a latent (Dinh et al. 2017, section 3.6; Kingma & Dhariwal 2018,
    section 2). All latents together have as many entries as the image, so nothing is lost:
    ``decode(encode(x)) == x``.

    A context is a vector of :math:`D` entries for each image, :math:`(B, D)`, or a map that has one for each place,
    :math:`(B, D, H', W')`, of any height and width: a picture, labels of pixels, features. Each layer takes what
    lies at a pixel, as `ContextLinear` says, so that a vector is a map that is everywhere the same.

    Arguments:
        levels: The bijections, from the data on.
        splits: The splits, one for each level but the last.
        quantization: The number of values that a pixel of the data can take; 256 for 8-bit images.
        context_network: A module that makes of the context what the layers take, such as `ContextNetwork`; it is
            trained with the flow, and its attribute ``context_features`` says what it takes itself. None if the layers
            take the context as it is.

    Attributes:
        domain: The least and the largest value that an image may have.
        context_features: The entries :math:`D` of the context that the flow takes; 0 if it takes none.

    Raises:
        ValueError: Levels and splits do not fit each other. All methods raise it, or a TypeError, for images, latents
            or a context that do not fit the flow.
    """

    arguments: dict[str, Any] | None = None
    """What a preset was built with, by the names of its parameters."""
    _like: Tensor

    def __init__(
        self,
        levels: Sequence[Bijection],
        splits: Sequence[Split] = (),
        *,
        quantization: int = 256,
        context_network: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if not levels:
            raise ValueError("a flow has at least one level")
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
        self.quantization = check_count("quantization", quantization, 2)
        self.domain = domain_of(levels[0])
        taking = self.modules() if context_network is None else [context_network]
        self.context_features = max(getattr(module, "context_features", 0) for module in taking)
        self.context_network = context_network
        # Stands in for parameters, which not every flow has, and no replica of `DataParallel`.
        self.register_buffer("_like", next(self.parameters(), torch.empty(0)).new_empty(0), persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        """The type of images, latents and contexts."""
        return next(self.parameters(), self._like).dtype

    @property
    def device(self) -> torch.device:
        """Where images, latents and contexts have to be."""
        return next(self.parameters(), self._like).device

    def generator(self, seed: int) -> torch.Generator:
        """A source of noise on the flow's device, for `sample` and `bits_per_dim`."""
        return seeded_generator(seed, self.device)

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
            context: The context of the images, vectors or maps, or nothing.

        Returns:
            Every latent, the ones factored out first, and the log-determinant, :math:`(B,)`.
        """
        self._check(x, context)
        context = self._features(context)
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
        self._check_with_values(x, context)
        return self(x, context)[0]  # type: ignore[no-any-return]

    def decode(self, latents: Sequence[Tensor], context: Tensor | None = None) -> Tensor:
        r"""The images, :math:`(B, C, H, W)`, of the latents that `encode` gave.

        It undoes `encode` up to rounding. The other way round, ``encode(decode(z))`` is ``z`` as long as no pixel is
        black or white to rounding. The presets begin with a `Logit`: a pixel near 1 is rounded by some
        :math:`\epsilon = 10^{-7}` in float32, its logit :math:`l` hence by :math:`\epsilon e^{|l|}`, and this goes
        through the rest of the flow. It is below a hundredth for :math:`|l| < 11`; beyond 17, all logits are one pixel
        (in float64, 31 and 37). Such samples, which temperatures above 1 draw, are pictures, and have a density, but
        not the latents that they were drawn from.
        """
        check_latents(latents, self.latent_shapes)
        check_context(context, self.context_features, latents[0].shape[0], self.dtype)
        context = self._features(context)
        *factored, x = latents
        for level, split in zip(reversed(self._levels()), [None, *reversed(self._splits())], strict=True):
            if split is not None:
                x = split.inverse(torch.cat([x, factored.pop()], dim=1), context)
            x = level.inverse(x, context)
        return x

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The log-density of the images ``x`` in nats, :math:`(B,)`."""
        self._check_with_values(x, context)
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
            context: The context of the images, vectors or maps, or nothing.
            generator: The source of the noise.

        Returns:
            Bits per dimension, :math:`(B,)`.
        """
        check_pixels(pixels, self.shape, self.quantization)
        x = dequantize(pixels.to(self.dtype), self.quantization, generator)
        return density_to_bits_per_dim(self.log_prob(x, context), self.shape, self.quantization)

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        r"""Sets what depends on the data (ActNorm) from one batch of images with values in :math:`[0, 1]`.

        Of :math:`n` grey levels, give it what the flow is trained on: :math:`(x + u) / n`, as `nflows_core.dequantize`
        and the `Trainer` make it, or :math:`(x + 1/2) / n`. With :math:`x / n`, which is as good for `encode` and all
        else that looks at a picture, black lies at the end of the interval: of 256 levels, the presets' `Logit` makes
        -9.2 of it, and -6.2 of half a level.
        """
        self._check_with_values(x, context)
        context = self._features(context)
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
            context: The context of the images, :math:`n` vectors or maps, or one for all of them, or nothing.
            generator: The source of the noise, on the device of the flow.
        """
        if context is not None:
            context = _rows(context_tensor(context, self.context_features, self.dtype), n)
        return self.decode(self.draw_latents(n, temperature, generator), context)

    def draw_latents(self, n: int, temperature: float = 1.0, generator: torch.Generator | None = None) -> list[Tensor]:
        """Latents of ``n`` images, normal with standard deviation ``temperature``; see `sample`."""
        if n < 0:
            raise ValueError(f"n must not be negative, got {n}")
        if not 0 <= temperature < math.inf:
            raise ValueError(f"temperature must not be negative, and must be finite, got {temperature}")
        return [
            temperature * torch.randn(n, *shape, generator=generator, device=self.device, dtype=self.dtype)
            for shape in self.latent_shapes
        ]

    def distribution(
        self, context: Tensor | None = None, *, batch_ndims: int | None = None, validate_args: bool | None = None
    ) -> FlowDistribution:
        """The flow as one of ``torch.distributions``, whose batch are the contexts; see `FlowDistribution`."""
        return FlowDistribution(self, context, batch_ndims=batch_ndims, validate_args=validate_args)

    def summary(self) -> str:
        """A table of the bijections in order: name, class, the shape that each gives, parameters."""
        rows = [("bijection", "", "output", "parameters")]
        for name, bijection in leaf_bijections(self):
            rows.append((name, type(bijection).__name__, str(bijection.output_shape), f"{_parameters(bijection):,}"))
        if self.context_network is not None:
            rows.append(
                ("context_network", type(self.context_network).__name__, "", f"{_parameters(self.context_network):,}")
            )
        rows.append(("total", "", str(self.shape), f"{_parameters(self):,}"))
        return "\n".join(f"{name:<28} {kind:<20} {shape:<16} {count:>12}" for name, kind, shape, count in rows)

    def _features(self, context: Tensor | None) -> Tensor | None:
        """What the layers take; where a context is missing, the layers that need it say so."""
        return context if context is None or self.context_network is None else self.context_network(context)

    def _check(self, x: Tensor, context: Tensor | None) -> None:
        dtype = self._dtype_of(x)
        check_images(x, self.shape, dtype)
        check_context(context, self.context_features, x.shape[0], dtype)

    def _dtype_of(self, x: Tensor) -> torch.dtype:
        """The type that images must have; without parameters, a flow takes any floats."""
        is_free = next(self.parameters(), None) is None and isinstance(x, Tensor) and x.is_floating_point()
        return x.dtype if is_free else self.dtype

    def _check_with_values(self, x: Tensor, context: Tensor | None) -> None:
        self._check(x, context)
        check_values(x, self.domain, self.quantization)

    def _levels(self) -> list[Bijection]:
        return list(self.levels)  # type: ignore[arg-type]

    def _splits(self) -> list[Split]:
        return list(self.splits)  # type: ignore[arg-type]


def _rows(context: Tensor, n: int) -> Tensor:
    if context.ndim not in (2, 4) or len(context) not in (1, n):
        raise ValueError(
            f"{n} samples need a context of {n} rows, or of one for all of them, got shape {tuple(context.shape)}"
        )
    return context.expand(n, *context.shape[1:])


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
