r"""Flows to start from: the models of the literature as presets of `Flow`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nflows_core.bijections import (
    ActNorm,
    AffineCoupling,
    Bijection,
    Composition,
    ContextAffine,
    Conv1x1,
    InverseConv2d,
    Logit,
    SplineActivation,
    Split,
    Squeeze,
)
from nflows_core.bijections.base import Shape
from nflows_core.flow import Flow

CORNERS = ("tl", "br", "tr", "bl")
_LOGIT_ALPHA = 1e-4
"""Small, because black and white are common: on MNIST 0.05 costs more than a bit per dimension at first."""


class MultiScaleFlow(Flow):
    r"""A `Logit`, then ``levels`` times: `Squeeze`, ``depth`` steps, and a `Split` at each level but the last.

    Given a context, it ends in a `ContextAffine`.

    Arguments:
        shape: Channels, height, width of an image. Height and width must be divisible by :math:`2^{levels}`.
        levels: How often the image is squeezed.
        step: Makes the bijections of one step: gets the shape of its images, its level and its index in the level.
        depth: Steps of a level.
        context_features: Length of the conditioning vectors; 0 for none.
        quantization: How many values a pixel of the data can take.
    """

    def __init__(
        self,
        shape: Shape,
        levels: int,
        depth: int,
        step: Callable[[Shape, int, int], Iterable[Bijection]],
        *,
        context_features: int = 0,
        quantization: int = 256,
    ) -> None:
        for name, value in (("levels", levels), ("depth", depth)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        chains: list[Bijection] = []
        splits: list[Split] = []
        first: list[Bijection] = [Logit(shape, _LOGIT_ALPHA)]
        for level in range(levels):
            squeeze = Squeeze(shape)
            shape = squeeze.output_shape
            steps = [bijection for index in range(depth) for bijection in step(shape, level, index)]
            if context_features and level == levels - 1:
                steps.append(ContextAffine(shape, context_features))
            chains.append(Composition([*first, squeeze, *steps]))
            first = []
            if level < levels - 1:
                split = Split(shape, context_features)
                splits.append(split)
                shape = (split.kept, shape[1], shape[2])
        super().__init__(chains, splits, quantization=quantization)


class Glow(MultiScaleFlow):
    """Glow: a step is ActNorm, an invertible 1 x 1 convolution and an affine coupling (Kingma & Dhariwal 2018).

    Arguments:
        shape: Channels, height, width of an image.
        levels: How often the image is squeezed.
        depth: Steps of a level.
        width: Hidden channels of the coupling networks in the first level; each further level, of a quarter as many
            pixels, has twice as many.
        context_features: Length of the conditioning vectors; 0 for none.
        quantization: How many values a pixel of the data can take.
    """

    def __init__(
        self,
        shape: Shape,
        levels: int = 2,
        depth: int = 4,
        width: int = 96,
        context_features: int = 0,
        quantization: int = 256,
    ) -> None:
        def step(shape: Shape, level: int, index: int) -> list[Bijection]:
            return [ActNorm(shape), Conv1x1(shape), AffineCoupling(shape, width * 2**level, context_features)]

        super().__init__(shape, levels, depth, step, context_features=context_features, quantization=quantization)


class InverseFlow(MultiScaleFlow):
    r"""Inverse-Flow: a step begins with the inverse of a convolution; sampling convolves (Nagar 2025, fig. 3.3).

    A step is the inverse of a :math:`k \times k` convolution, a spline activation, ActNorm, an invertible 1 x 1
    convolution and an affine coupling. The corner of the convolution changes from step to step, so that two steps
    together see all of the image. The splines have 16 bins on [-8, 8], where normalized activations lie; the thesis's 5
    on [-20, 20] leave nearly all of them in one bin: on MNIST, after 100 updates, 1.64 bits per dimension, and 1.46
    with 8 bins on [-8, 8].

    Arguments:
        shape: Channels, height, width of an image.
        levels: How often the image is squeezed.
        depth: Steps of a level.
        kernel_size: :math:`k`.
        width: Hidden channels of the coupling networks in the first level; each further level, of a quarter as many
            pixels, has twice as many.
        context_features: Length of the conditioning vectors; 0 for none.
        quantization: How many values a pixel of the data can take.
    """

    def __init__(
        self,
        shape: Shape,
        levels: int = 2,
        depth: int = 4,
        kernel_size: int = 3,
        width: int = 96,
        context_features: int = 0,
        quantization: int = 256,
    ) -> None:
        def step(shape: Shape, level: int, index: int) -> list[Bijection]:
            return [
                InverseConv2d(shape, kernel_size, CORNERS[index % len(CORNERS)]),
                SplineActivation(shape, bins=16, tail=8.0),
                ActNorm(shape),
                Conv1x1(shape),
                AffineCoupling(shape, width * 2**level, context_features),
            ]

        super().__init__(shape, levels, depth, step, context_features=context_features, quantization=quantization)


MODELS: dict[str, type[MultiScaleFlow]] = {"glow": Glow, "inverse-flow": InverseFlow}
"""The presets by the names that the command line knows."""
