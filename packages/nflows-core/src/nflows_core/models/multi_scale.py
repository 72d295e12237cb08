r"""The architecture that the presets share: levels of steps, half of the channels leaving after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nflows_core.bijections import Bijection, Composition, ContextAffine, Logit, Split, Squeeze
from nflows_core.bijections.base import Shape
from nflows_core.flow import Flow

LOGIT_ALPHA = 1e-4
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
        first: list[Bijection] = [Logit(shape, LOGIT_ALPHA)]
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
