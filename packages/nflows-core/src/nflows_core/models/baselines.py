r"""Flows for comparison tables: Glow with the layers of other papers in the place of its 1 x 1 convolution."""

from __future__ import annotations

from collections.abc import Callable

from nflows_core.bijections import ActNorm, AffineCoupling, Bijection, Conv1x1
from nflows_core.bijections.base import Shape
from nflows_core.bijections.baselines import (
    ConvExponential,
    EmergingConv2d,
    MaCowUnit,
    PeriodicConv2d,
    SelfNormalizingConv2d,
    WoodburyConv2d,
)
from nflows_core.models.multi_scale import MultiScaleFlow

Layers = Callable[[Shape], list[Bijection]]
Step = Callable[[Shape, int, int], list[Bijection]]


class BaselineFlow(MultiScaleFlow):
    """A step is ActNorm, the `layers` of a paper, and an affine coupling.

    Arguments:
        shape: Channels, height, width of an image.
        levels: How often the image is squeezed.
        depth: Steps of a level.
        kernel_size: Height and width of the kernels; odd.
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
        step = _step(lambda shape: self.layers(shape, kernel_size), width, context_features)
        super().__init__(shape, levels, depth, step, context_features=context_features, quantization=quantization)

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        """What stands in the place of Glow's 1 x 1 convolution."""
        raise NotImplementedError


class EmergingFlow(BaselineFlow):
    """A 1 x 1 convolution and an emerging convolution (Hoogeboom et al. 2019); arguments as for `BaselineFlow`."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [Conv1x1(shape), EmergingConv2d(shape, kernel_size)]


class PeriodicFlow(BaselineFlow):
    """A periodic convolution, which mixes the channels too (Hoogeboom et al. 2019); arguments as for `BaselineFlow`."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [PeriodicConv2d(shape, kernel_size)]


class ExponentialFlow(BaselineFlow):
    """A 1 x 1 convolution and a convolution exponential (Hoogeboom et al. 2020); arguments as for `BaselineFlow`."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [Conv1x1(shape), ConvExponential(shape, kernel_size)]


class SelfNormalizingFlow(BaselineFlow):
    """A self-normalizing convolution (Keller et al. 2021); arguments as for `BaselineFlow`.

    APPROXIMATE: it reconstructs and samples only as well as its learned inverses are trained.
    """

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [SelfNormalizingConv2d(shape, kernel_size)]


class MaCowFlow(BaselineFlow):
    """Four masked convolutions and a 1 x 1 convolution (Ma et al. 2019); arguments as for `BaselineFlow`."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [MaCowUnit(shape, kernel_size), Conv1x1(shape)]


class WoodburyFlow(MultiScaleFlow):
    """A Woodbury transformation of rank 16 (Lu & Huang 2020).

    Arguments:
        shape: Channels, height, width of an image.
        levels: How often the image is squeezed.
        depth: Steps of a level.
        width: As for `BaselineFlow`.
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
        step = _step(lambda shape: [WoodburyConv2d(shape)], width, context_features)
        super().__init__(shape, levels, depth, step, context_features=context_features, quantization=quantization)


def _step(layers: Layers, width: int, context_features: int) -> Step:
    def step(shape: Shape, level: int, index: int) -> list[Bijection]:
        coupling = AffineCoupling(shape, width * 2**level, context_features)
        return [ActNorm(shape), *layers(shape), coupling]

    return step


BASELINES: dict[str, type[MultiScaleFlow]] = {
    "emerging": EmergingFlow,
    "exponential": ExponentialFlow,
    "macow": MaCowFlow,
    "periodic": PeriodicFlow,
    "self-normalizing": SelfNormalizingFlow,
    "woodbury": WoodburyFlow,
}
"""The presets by the names that the command line knows."""
