"""Pieces of an array that overlap along one axis, put together by weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from torch import Tensor

Piece = tuple[Tensor, Tensor, int]
"""Values, their weights along one axis, and how many of them, from the first on, no later piece reaches."""


def blend(pieces: Iterable[Piece], dim: int) -> Iterator[Tensor]:
    """The weighted mean of pieces that follow each other along one axis, in parts, as they are finished."""
    rest: tuple[Tensor, Tensor] | None = None
    for piece, weight, finished in pieces:
        weight = weight.view(-1, *[1] * (-1 - dim))
        piece.mul_(weight)
        if rest is not None:
            piece, weight = _add(piece, rest[0], dim), _add(weight, rest[1], dim)
        rest = _after(piece, finished, dim), _after(weight, finished, dim)
        yield piece.narrow(dim, 0, finished).div_(weight.narrow(dim, 0, finished))


def _add(first: Tensor, second: Tensor, dim: int) -> Tensor:
    """The sum of two that begin at the same pixel; either may be longer, as where the side was halved."""
    longer, shorter = (first, second) if first.shape[dim] >= second.shape[dim] else (second, first)
    longer.narrow(dim, 0, shorter.shape[dim]).add_(shorter)
    return longer


def _after(tensor: Tensor, start: int, dim: int) -> Tensor:
    # A copy, that the rest need not be kept.
    return tensor.narrow(dim, start, tensor.shape[dim] - start).clone()


def join(parts: Iterator[Tensor], length: int, dim: int) -> Tensor:
    """The parts put together along one axis, each let go as it is copied."""
    first = next(parts)
    shape = list(first.shape)
    shape[dim] = length
    joined, start = first.new_empty(shape), 0
    for part in chain([first], parts):
        joined.narrow(dim, start, part.shape[dim]).copy_(part)
        start += part.shape[dim]
    return joined
