r"""Flows for comparison tables: Glow with the layers of other papers in the place of its 1 x 1 convolution."""

from __future__ import annotations

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


class BaselineFlow(MultiScaleFlow):
    """A step is ActNorm, the `layers` of a paper, and an affine coupling.

    Arguments of its own:
        kernel_size: Height and width of the kernels; odd.
    """

    def step(
        self, index: int, depth: int, shape: Shape, width: int, context_features: int, kernel_size: int = 3
    ) -> list[Bijection]:
        coupling = AffineCoupling(shape, width, context_features)
        return [ActNorm(shape), *self.layers(shape, kernel_size), coupling]

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        """What stands in the place of Glow's 1 x 1 convolution."""
        raise NotImplementedError


class EmergingFlow(BaselineFlow):
    """A 1 x 1 convolution and an emerging convolution (Hoogeboom et al. 2019)."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [Conv1x1(shape), EmergingConv2d(shape, kernel_size)]


class PeriodicFlow(BaselineFlow):
    """A periodic convolution, which mixes the channels too (Hoogeboom et al. 2019)."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [PeriodicConv2d(shape, kernel_size)]


class ExponentialFlow(BaselineFlow):
    """A 1 x 1 convolution and a convolution exponential (Hoogeboom et al. 2020)."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [Conv1x1(shape), ConvExponential(shape, kernel_size)]


class SelfNormalizingFlow(BaselineFlow):
    """A self-normalizing convolution (Keller et al. 2021).

    APPROXIMATE: it reconstructs and samples only as well as its learned inverses are trained.
    """

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [SelfNormalizingConv2d(shape, kernel_size)]


class MaCowFlow(BaselineFlow):
    """Four masked convolutions and a 1 x 1 convolution (Ma et al. 2019)."""

    def layers(self, shape: Shape, kernel_size: int) -> list[Bijection]:
        return [MaCowUnit(shape, kernel_size), Conv1x1(shape)]


class WoodburyFlow(MultiScaleFlow):
    """A step is ActNorm, a Woodbury transformation of rank 16 (Lu & Huang 2020), and an affine coupling."""

    def step(self, index: int, depth: int, shape: Shape, width: int, context_features: int) -> list[Bijection]:
        coupling = AffineCoupling(shape, width, context_features)
        return [ActNorm(shape), WoodburyConv2d(shape), coupling]


BASELINES: dict[str, type[MultiScaleFlow]] = {
    "emerging": EmergingFlow,
    "exponential": ExponentialFlow,
    "macow": MaCowFlow,
    "periodic": PeriodicFlow,
    "self-normalizing": SelfNormalizingFlow,
    "woodbury": WoodburyFlow,
}
"""The presets by the names that the command line knows."""
