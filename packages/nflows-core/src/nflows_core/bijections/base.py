r"""What every bijection promises, and how to chain several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import index

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]
"""Channels, height, width of one image."""


def check_shape(shape: object) -> Shape:
    """The event shape as a tuple; ValueError unless it is three whole numbers above 0."""
    try:
        sizes = tuple(index(size) for size in shape)  # type: ignore[attr-defined]
    except TypeError:
        sizes = ()
    if len(sizes) != 3 or min(sizes) < 1:
        raise ValueError(
            f"shape: expected channels, height and width of an image, three whole numbers above 0, got {shape!r}"
        )
    return sizes


def check_count(name: str, value: object, least: int = 1) -> int:
    """The value as a number; ValueError unless it is a whole one, and at least so large."""
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name}: expected a whole number, at least {least}, got {value!r}")
    return number


def check_above(name: str, value: object, least: float) -> float:
    """The value; ValueError unless it is a finite number above this."""
    if not isinstance(value, int | float) or not least < value < math.inf:
        raise ValueError(f"{name}: expected a number above {least}, got {value!r}")
    return value


class Bijection(nn.Module):
    r"""An invertible, differentiable map :math:`z = f(x)` between images.

    ``forward`` goes from data to latent and ``inverse`` back. A subclass implements ``_forward`` and
    ``_inverse``; the shapes are checked here. One that takes a context has an attribute ``context_features``, the
    number :math:`D` of its entries, unless a part of it has; `ContextLinear` takes vectors and maps alike.

    Arguments:
        shape: The event shape :math:`(C, H, W)` of ``x``.
        output_shape: The event shape of ``z``; that of ``x`` unless given.
    """

    is_exact: bool = True
    """Whether ``inverse`` undoes ``forward`` up to rounding; a baseline may be approximate."""
    has_fixed_size: bool = True
    """Whether images must have the height and width of ``shape``.

    A subclass that works on any size may say no, and so may whoever builds a chain of layers whose parameters are of no
    size: `ActNorm`, `Conv1x1`, couplings, `Split` and `ContextAffine`, and the `Composition` itself.
    """

    def __init__(self, shape: Shape, output_shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = check_shape(shape)
        self.output_shape = self.shape if output_shape is None else check_shape(output_shape)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Maps data to latent.

        Arguments:
            x: Data, :math:`(B, C, H, W)`.
            context: The context of the images, vectors, :math:`(B, D)`, or maps, :math:`(B, D, H', W')`, or nothing.

        Returns:
            The latent, and :math:`\log |\det \partial f / \partial x|` as natural logarithm, :math:`(B,)`.
        """
        self._check(x, self.shape)
        return self._forward(x, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Maps a latent, :math:`(B, C', H', W')`, back to its data."""
        self._check(z, self.output_shape)
        return self._inverse(z, context)

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Sets what depends on the data from one batch ``x`` and returns the latent of that batch."""
        return self(x, context)[0]  # type: ignore[no-any-return]

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        raise NotImplementedError

    def _check(self, x: Tensor, shape: Shape) -> None:
        if not self.has_fixed_size:
            if x.ndim != 4 or x.shape[1] != shape[0]:
                raise ValueError(
                    f"{type(self).__name__}: expected a batch of images with {shape[0]} channels, got {tuple(x.shape)}"
                )
        elif x.ndim != 4 or tuple(x.shape[1:]) != shape:
            raise ValueError(
                f"{type(self).__name__}: expected a batch of images of shape (B, {shape[0]}, {shape[1]}, "
                f"{shape[2]}), got {tuple(x.shape)}"
            )


class Composition(Bijection):
    r"""The composition :math:`f_n \circ \dots \circ f_1`, its log-determinants added up.

    Arguments:
        bijections: At least one bijection, the one that sees the data first; each one's ``output_shape`` is the
            next one's ``shape``.
    """

    def __init__(self, bijections: Iterable[Bijection]) -> None:
        chain = list(bijections)
        if not chain:
            raise ValueError("Composition: needs at least one bijection, got none")
        if strangers := [part for part in chain if not isinstance(part, Bijection)]:
            raise TypeError(f"Composition: expected bijections, got a {type(strangers[0]).__name__} among them")
        for first, second in pairwise(chain):
            if first.output_shape != second.shape:
                raise ValueError(
                    f"{type(first).__name__} gives {first.output_shape}, but {type(second).__name__} "
                    f"after it takes {second.shape}"
                )
        super().__init__(chain[0].shape, chain[-1].output_shape)
        self.bijections = nn.ModuleList(chain)

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        logdet = x.new_zeros(x.shape[0])
        for bijection in self.bijections:
            x, term = bijection(x, context)
            logdet = logdet + term
        return x, logdet

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        for bijection in reversed(list(self._chain())):
            z = bijection.inverse(z, context)
        return z

    def initialize(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        for bijection in self._chain():
            x = bijection.initialize(x, context)
        return x

    def _chain(self) -> Iterable[Bijection]:
        return self.bijections  # type: ignore[return-value]


def leaf_bijections(module: nn.Module) -> Iterator[tuple[str, Bijection]]:
    """The bijections in a module that contain no other, with their dotted names."""
    for name, part in module.named_modules():
        inner = (inside for inside in part.modules() if inside is not part)
        if isinstance(part, Bijection) and not any(isinstance(inside, Bijection) for inside in inner):
            yield name, part
