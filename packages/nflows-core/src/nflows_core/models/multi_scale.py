r"""The architecture that the presets share: levels of steps, half of the channels leaving after each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nflows_core.bijections import Bijection, Composition, ContextAffine, Logit, Split, Squeeze
from nflows_core.bijections.base import Shape, check_above, check_count, check_shape
from nflows_core.bijections.context import ContextNetwork
from nflows_core.bijections.coupling import Scaling
from nflows_core.flow import Flow

LOGIT_ALPHA = 1e-4
"""Small, because black and white are common; ``docs/reproduction.md`` says what a larger one costs."""
LEVEL_LOG_SCALE = 32.0
"""Two for each of sixteen couplings. Drawn latents are nothing that the networks have seen, and send log-scales to
their bounds: with 2 for each of 96 couplings, samples overflow; ``docs/reproduction.md`` has the figures."""


class MultiScaleFlow(Flow):
    r"""A `Logit`, then ``levels`` times: `Squeeze`, ``depth`` steps, and a `Split` at each level but the last.

    Given a context, it ends in a `ContextAffine`. What a step is, a subclass says by its method `step`.

    Example:
        >>> from nflows_core.bijections import ActNorm, AffineCoupling, Permutation
        >>> class RealNVP(MultiScaleFlow):
        ...     def step(self, index, depth, shape, width, context_features, couplings=1):
        ...         chosen = [AffineCoupling(shape, width, context_features) for _ in range(couplings)]
        ...         return [ActNorm(shape), Permutation(shape), *chosen]
        >>> len(RealNVP((3, 8, 8), depth=2, couplings=2).sample(5))
        5
    """

    def __init__(
        self,
        shape: Shape,
        levels: int = 2,
        depth: int = 4,
        *,
        width: int = 96,
        context_features: int = 0,
        context_width: int = 0,
        quantization: int = 256,
        level_log_scale: float = LEVEL_LOG_SCALE,
        **own: Any,
    ) -> None:
        r"""Builds the flow.

        Arguments:
            shape: Channels, height, width of an image. Height and width must be divisible by :math:`2^{levels}`.
            levels: The number of times that the image is squeezed.
            depth: The number of steps of a level.
            width: Hidden channels of the coupling networks in the first level; each further level, of a quarter as many
                pixels, has twice as many.
            context_features: Entries of the context, of a vector or at each place of a map; 0 for none.
            context_width: Features that a `ContextNetwork` makes of the context for the layers; 0 for layers that take
                the context as it is, which is as good for classes, and not for pictures.
            quantization: The number of values that a pixel of the data can take.
            level_log_scale: The log-scales of a level's couplings are bounded by so much altogether: those of each step
                by its ``depth``-th part, and by 2 at most.
            own: The arguments that the subclass's `step` has a default for.
        """
        shape = check_shape(shape)
        counts = {
            "levels": (levels, 1),
            "depth": (depth, 1),
            "width": (width, 1),
            "context_features": (context_features, 0),
            "context_width": (context_width, 0),
        }
        arguments = {name: check_count(name, *value) for name, value in counts.items()} | own | {"shape": shape}
        _check_halved(shape, levels)
        check_above("level_log_scale", level_log_scale, 0)
        network = _context_network(context_features, context_width, shape)
        features = context_features if network is None else network.width
        chains: list[Bijection] = []
        splits: list[Split] = []
        chain: list[Bijection] = [Logit(shape, LOGIT_ALPHA)]
        for level in range(levels):
            chain.append(Squeeze(shape))
            shape = chain[-1].output_shape
            for index in range(depth):
                step = self.step(index, depth, shape, width * 2**level, features, **own)
                _bound_log_scales(step, level_log_scale / depth)
                chain += step
            if features and level == levels - 1:
                chain.append(ContextAffine(shape, features))
            chains.append(Composition(chain))
            chain = []
            if level < levels - 1:
                split = Split(shape, features)
                splits.append(split)
                shape = (split.kept, shape[1], shape[2])
        super().__init__(chains, splits, quantization=quantization, context_network=network)
        self.arguments = arguments | {"quantization": self.quantization, "level_log_scale": level_log_scale}

    def step(self, index: int, depth: int, shape: Shape, width: int, context_features: int) -> list[Bijection]:
        """The bijections of one step; what a subclass adds here with a default is an argument of the flow.

        Arguments:
            index: The place of the step in its level, from 0.
            depth: The number of steps of the level.
            shape: Channels, height, width of the images that the step is given.
            width: Hidden channels of its coupling network.
            context_features: Entries of what the layers are given as a context; 0 for none.
        """
        raise NotImplementedError


def _bound_log_scales(step: Iterable[Bijection], bound: float) -> None:
    """Lowers the bounds of a step's couplings to this one."""
    for bijection in step:
        for module in bijection.modules():
            if isinstance(module, Scaling):
                module.max_log_scale = min(module.max_log_scale, bound)


def _context_network(context_features: int, width: int, shape: Shape) -> ContextNetwork | None:
    """A network of no more pixels than the first level has."""
    if not (context_features and width):
        return None
    return ContextNetwork(context_features, width, largest=(shape[1] // 2, shape[2] // 2))


def _check_halved(shape: Shape, levels: int) -> None:
    """Each level halves the images; what is said of those that cannot be must help."""
    height, width = shape[1:]
    halves = [(height >> level, width >> level) for level in range(levels)]
    odd = next((sides for sides in halves if sides[0] % 2 or sides[1] % 2), None)
    if odd is None:
        return
    step, side, possible = 2**levels, min(height, width), halves.index(odd)
    fewer = f"choose fewer levels, {possible} at most, or " if possible else ""
    sizes = " or ".join(str(size) for size in (side // step * step, (side // step + 1) * step) if size)
    raise ValueError(
        f"height and width must be even, got {odd[0]} x {odd[1]} at level {possible + 1} of {levels} from images of "
        f"{height} x {width}; {fewer}give images of a size that {step} divides, such as {sizes}"
    )
