r"""Flows to start from: the models of the literature as presets of `Flow`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nflows_core.bijections import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    Bijection,
    Composition,
    Conv1x1,
    FInCUnit,
    InverseConv2d,
    InvertibleConv2d,
    Logit,
    QuadCoupling,
    SplineActivation,
    Squeeze,
)
from nflows_core.bijections.base import Shape, check_above, check_count, check_shape
from nflows_core.bijections.baselines import (
    ConvExponential,
    EmergingConv2d,
    PeriodicConv2d,
    SelfNormalizingConv2d,
    WoodburyConv2d,
)
from nflows_core.flow import Flow
from nflows_core.models.multi_scale import LOGIT_ALPHA, MultiScaleFlow

CORNERS = ("tl", "br", "tr", "bl")
MAX_AMPLIFICATION = 10.0
"""The bound of the presets' inverse convolutions; ``docs/reproduction.md`` says what a tighter one costs."""
LEVEL_AMPLIFICATION = 1e16
"""Ten for each of sixteen steps. With ten for each of many, what becomes of float32's rounding is seen in decoded
images early in a training; ``docs/reproduction.md`` has the figures."""


class Glow(MultiScaleFlow):
    """Glow: a step is ActNorm, an invertible 1 x 1 convolution and a coupling (Kingma & Dhariwal 2018).

    Arguments of its own:
        coupling: The class of the coupling: "affine"; "additive", which preserves volumes (Dinh et al. 2014), so that
            a step has the same log-determinant everywhere; or "quad" for `QuadCoupling`, which needs four channels.
    """

    def step(
        self, index: int, depth: int, shape: Shape, width: int, context_features: int, coupling: str = "affine"
    ) -> list[Bijection]:
        return [ActNorm(shape), Conv1x1(shape), _coupling(coupling)(shape, width, context_features)]


class CInCFlow(MultiScaleFlow):
    r"""CInC Flow: a step convolves, :math:`k \times k` and invertible, before it couples (Nagar 2025, fig. 2.5).

    A step is ActNorm, an invertible :math:`k \times k` convolution, an invertible 1 x 1 convolution and a coupling. The
    corner of the convolution changes from step to step, so that two steps together see all of the image.

    Arguments of its own:
        kernel_size: Height and width :math:`k` of the kernels.
        coupling: The class of the coupling, as `Glow` has it.
        max_amplification: The largest amplification of an `InvertibleConv2d`, or none for no bound.
        level_amplification: That of all in a level, of which each has the ``depth``-th root at most.
    """

    def step(
        self,
        index: int,
        depth: int,
        shape: Shape,
        width: int,
        context_features: int,
        kernel_size: int = 3,
        coupling: str = "affine",
        max_amplification: float | None = MAX_AMPLIFICATION,
        level_amplification: float = LEVEL_AMPLIFICATION,
    ) -> list[Bijection]:
        return [
            ActNorm(shape),
            InvertibleConv2d(
                shape, kernel_size, corner_of(index), bound_of_one(max_amplification, level_amplification, depth)
            ),
            Conv1x1(shape),
            _coupling(coupling)(shape, width, context_features),
        ]


class FInCFlow(MultiScaleFlow):
    r"""FInC Flow: CInC Flow with a `FInCUnit` as its convolution (Kallappa et al. 2023; Nagar 2025, section 3.2).

    Arguments of its own:
        kernel_size: Height and width of the kernels.
        max_amplification: The largest amplification of a `FInCUnit`, or none for no bound.
        level_amplification: That of all in a level, of which each has the ``depth``-th root at most.
    """

    def step(
        self,
        index: int,
        depth: int,
        shape: Shape,
        width: int,
        context_features: int,
        kernel_size: int = 3,
        max_amplification: float | None = MAX_AMPLIFICATION,
        level_amplification: float = LEVEL_AMPLIFICATION,
    ) -> list[Bijection]:
        return [
            ActNorm(shape),
            FInCUnit(shape, kernel_size, bound_of_one(max_amplification, level_amplification, depth)),
            Conv1x1(shape),
            AffineCoupling(shape, width, context_features),
        ]


class InverseFlow(MultiScaleFlow):
    r"""Inverse-Flow: a step begins with the inverse of a convolution; sampling convolves (Nagar 2025, fig. 3.3).

    A step is the inverse of a :math:`k \times k` convolution, a spline activation, ActNorm, an invertible 1 x 1
    convolution and an affine coupling. The corner of the convolution changes from step to step, so that two steps
    together see all of the image. The splines have 16 bins on [-8, 8], where normalized activations lie; the thesis's 5
    on [-20, 20] leave nearly all of them in one bin (``docs/reproduction.md`` says what that costs).

    Arguments of its own:
        kernel_size: Height and width :math:`k` of the kernels.
        max_amplification: The largest amplification of an `InverseConv2d`, or none for no bound.
        level_amplification: That of all in a level, of which each has the ``depth``-th root at most.
    """

    def step(
        self,
        index: int,
        depth: int,
        shape: Shape,
        width: int,
        context_features: int,
        kernel_size: int = 3,
        max_amplification: float | None = MAX_AMPLIFICATION,
        level_amplification: float = LEVEL_AMPLIFICATION,
    ) -> list[Bijection]:
        return [
            InverseConv2d(
                shape, kernel_size, corner_of(index), bound_of_one(max_amplification, level_amplification, depth)
            ),
            SplineActivation(shape, bins=16, tail=8.0),
            ActNorm(shape),
            Conv1x1(shape),
            AffineCoupling(shape, width, context_features),
        ]


class PlanarStack(Flow):
    r"""Linear layers of one kind, each followed by a `SplineActivation`: compares them with nothing else in between.

    The experiment of Table 3.4 (Nagar 2025; Keller et al. 2021, section 5): nine layers, no coupling and no split. A
    `Squeeze` stands before the first layer, and the others stand evenly between the layers.

    Arguments:
        shape: Channels, height, width of an image.
        levels: The number of times that the image is squeezed.
        depth: The number of linear layers altogether, at least as many as levels.
        kernel_size: Height and width of their kernels.
        layer: The kind of linear layer, a name in `LAYERS`.
        quantization: The number of values that a pixel of the data can take.
    """

    def __init__(
        self,
        shape: Shape,
        levels: int = 2,
        depth: int = 9,
        kernel_size: int = 3,
        layer: str = "inverse-conv",
        quantization: int = 256,
    ) -> None:
        arguments: dict[str, Any] = {"shape": check_shape(shape), "kernel_size": kernel_size, "layer": layer}
        arguments |= {"levels": check_count("levels", levels, 1), "depth": check_count("depth", depth, levels)}
        if layer not in LAYERS:
            raise ValueError(f"layer must be one of {', '.join(LAYERS)}, got {layer!r}")
        squeezed = {round(level * depth / levels) for level in range(levels)}
        chain: list[Bijection] = [Logit(shape, LOGIT_ALPHA)]
        for index in range(depth):
            if index in squeezed:
                chain.append(Squeeze(shape))
                shape = chain[-1].output_shape
            linear = LAYERS[layer](shape, kernel_size, corner_of(index))
            chain += [ActNorm(shape), linear, SplineActivation(shape, bins=16, tail=8.0)]
        super().__init__([Composition(chain)], quantization=quantization)
        self.arguments = arguments | {"quantization": self.quantization}


def bound_of_one(each: float | None, level: float, depth: int) -> float | None:
    """The bound of one of ``depth`` convolutions of which all together have one too."""
    share = check_above("level_amplification", level, 1) ** (1 / depth)
    return None if each is None else min(each, share)


def corner_of(index: int) -> str:
    return CORNERS[index % len(CORNERS)]


_Coupling = type[AffineCoupling] | type[AdditiveCoupling] | type[QuadCoupling]
_COUPLINGS: dict[str, _Coupling] = {"affine": AffineCoupling, "additive": AdditiveCoupling, "quad": QuadCoupling}


def _coupling(name: str) -> _Coupling:
    if name not in _COUPLINGS:
        raise ValueError(f"coupling must be one of {', '.join(_COUPLINGS)}, got {name!r}")
    return _COUPLINGS[name]


LAYERS: dict[str, Callable[[Shape, int, str], Bijection]] = {
    "inverse-conv": partial(InverseConv2d, max_amplification=MAX_AMPLIFICATION),
    "invertible-conv": partial(InvertibleConv2d, max_amplification=MAX_AMPLIFICATION),
    "emerging": lambda shape, kernel_size, corner: EmergingConv2d(shape, kernel_size),
    "exponential": lambda shape, kernel_size, corner: ConvExponential(shape, kernel_size),
    "periodic": lambda shape, kernel_size, corner: PeriodicConv2d(shape, kernel_size),
    "self-normalizing": lambda shape, kernel_size, corner: SelfNormalizingConv2d(shape, kernel_size),
    "woodbury": lambda shape, kernel_size, corner: WoodburyConv2d(shape),
}
"""The linear layers that `PlanarStack` compares, made from a shape, a kernel size and a corner."""
