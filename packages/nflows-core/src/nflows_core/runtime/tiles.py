r"""A network over a picture too large for memory: in tiles that overlap, blended without seams.

Example:
    >>> def network(tile):  # to (C, 2H, 2W)
    ...     return tile.float().repeat_interleave(2, 1).repeat_interleave(2, 2)
    >>> tiling = Tiling(side=32, overlap=8, scale=2)
    >>> picture = torch.zeros(3, 50, 70, dtype=torch.uint8)
    >>> tiling.whole(network, picture).shape
    torch.Size([3, 100, 140])
    >>> [strip.shape[1] for strip in tiling.strips(network, picture)]
    [36, 64]
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
"""From a tile, :math:`(C, h, w)`, to :math:`(C', sh, sw)` for a scale s, on any device."""

_Piece = tuple[Tensor, Tensor, int]
"""Values, their weights along one axis, and how many of them, from the first on, no later piece reaches."""

_SIGMAS = 3.0
_OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "STATUS_ALLOC_FAILED")


class Tiling:
    r"""Cuts pictures into tiles, and blends what a function makes of them.

    A pixel whose center is d pixels from the nearest edge of a tile inside the picture has the weight

    .. math:: \exp(-\tfrac12 (3t)^2), \quad t = \max\left(0, \frac{o - m - d}{o - 2m}\right)

    for an overlap o and a margin m, and zero for d < m, along each axis; the blend is divided by the weights' sum. In
    the overlap of two tiles the share of one falls along a logistic curve, from 99 to 1 %. A function whose pixels
    depend on none farther than m gives what it gives for the whole picture, up to the rounding of float32.

    Memory beyond the picture and the function's own is that of three rows of tiles of the result, the strip that the
    caller holds included. Where a row needs more than there is, the side is halved, with a warning, and the row done
    again; what is finished stays, and later rows and pictures keep the smaller side. The same picture and the same side
    give the same bytes.

    Arguments:
        side: The side of a tile, in pixels of the picture. All tiles have it, the last ones of a row or column moved
            inwards; along an axis on which the picture is shorter, they are as long as the picture.
        overlap: The overlap of two tiles, in pixels of the picture. The side is never halved to this or less.
        scale: The scale of the function: 2 doubles the sides, ``Fraction(1, 8)`` is that of an autoencoder's encoder.
        margin: The reach of the function's receptive field, in pixels of the picture.

    Raises:
        ValueError: The side is not above the overlap, or the overlap below twice the margin; or one is no multiple of
            the denominator of the scale.
    """

    def __init__(self, side: int, overlap: int, scale: int | Fraction = 1, margin: int = 0) -> None:
        self.side, self.overlap, self.scale, self.margin = side, overlap, Fraction(scale), margin
        if self.scale <= 0 or margin < 0:
            raise ValueError(f"scale {scale} and margin {margin}: give a positive scale and no negative margin")
        if overlap < 2 * margin:
            raise ValueError(f"overlap {overlap} is less than two margins of {margin}: make it {2 * margin} or more")
        if side <= overlap:
            raise ValueError(f"tiles of {side} cannot overlap by {overlap}: give a larger side or a smaller overlap")
        self._check_multiples(side=side, overlap=overlap, margin=margin)

    def whole(self, function: Function, image: Tensor) -> Tensor:
        """The strips put together, :math:`(C', sH, sW)`; see `strips`."""
        return _join(self.strips(function, image), int(image.shape[-2] * self.scale), -2)

    def strips(self, function: Function, image: Tensor) -> Iterator[Tensor]:
        """Finished rows from top to bottom, without gradients.

        Arguments:
            function: The function of a tile. It may be called again for a part of the picture that it failed on.
            image: The picture or latent, :math:`(C, H, W)`, of any type; a tile is a view of it.

        Returns:
            Tensors :math:`(C', h, sW)`, float32, on the picture's device.

        Raises:
            ValueError: The image is not of this shape, or not divisible as the scale needs, or the function's result is
                not of the scale.
            MemoryError: Memory runs out for the smallest tile that the overlap allows.
        """
        if image.ndim != 3 or image.numel() == 0:
            raise ValueError(f"a picture of {tuple(image.shape)}: give one of (C, H, W), none of them zero")
        self._check_multiples(height=image.shape[1], width=image.shape[2])
        return _blend(self._rows(function, image), -2)

    def _check_multiples(self, **lengths: int) -> None:
        unit = self.scale.denominator
        for name, length in lengths.items():
            if length % unit:
                raise ValueError(f"the {name}, {length}, is no multiple of {unit}, as scale {self.scale} needs: pad it")

    def _rows(self, function: Function, image: Tensor) -> Iterator[_Piece]:
        top, height = 0, image.shape[1]
        while top < height:
            side = min(self.side, max(image.shape[1:]))
            row = self._attempt(function, image, top, side)
            if isinstance(row, Exception):
                self._halve(side, top, row)
                continue
            below = self._next(top, height, side)
            yield row, self._weights(top, height, side, image.device), int((below - top) * self.scale)
            top = below

    def _attempt(self, function: Function, image: Tensor, top: int, side: int) -> Tensor | Exception:
        """One row of tiles, or why there is no memory for it."""
        try:
            with torch.no_grad():
                return _join(_blend(self._tiles(function, image, top, side), -1), int(image.shape[2] * self.scale), -1)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            return error.with_traceback(None)  # whose frames hold what the function had made so far

    def _halve(self, side: int, top: int, error: Exception) -> None:
        unit = self.scale.denominator
        half = side // 2 // unit * unit
        if half <= self.overlap:
            raise MemoryError(
                f"out of memory at row {top} with tiles of {side}, and an overlap of {self.overlap} allows no half of"
                " that: use a smaller overlap, free memory, or take a device that has more"
            ) from error
        warnings.warn(f"out of memory with tiles of {side}: going on with {half}", RuntimeWarning, stacklevel=2)
        self.side = half
        gc.collect()
        torch.accelerator.empty_cache()

    def _tiles(self, function: Function, image: Tensor, top: int, side: int) -> Iterator[_Piece]:
        left, width = 0, image.shape[2]
        while left < width:
            result = self._result(function, image[:, top : top + side, left : left + side])
            right = self._next(left, width, side)
            yield result, self._weights(left, width, side, image.device), int((right - left) * self.scale)
            left = right

    def _result(self, function: Function, tile: Tensor) -> Tensor:
        result = function(tile)
        needed = tuple(int(length * self.scale) for length in tile.shape[1:])
        if result.ndim != 3 or result.shape[1:] != needed:
            raise ValueError(
                f"the function made {tuple(result.shape)} of a tile of {tuple(tile.shape)}:"
                f" scale {self.scale} needs (C, {needed[0]}, {needed[1]})"
            )
        # A copy, as what the function gave may be the picture itself, or a buffer that its next call fills.
        return result.to(tile.device, torch.float32, copy=True)

    def _next(self, start: int, length: int, side: int) -> int:
        """Where the tile after that at `start` begins along an axis of a `length`."""
        return length if start + side >= length else min(start + side - self.overlap, length - side)

    def _weights(self, start: int, length: int, side: int, device: torch.device) -> Tensor:
        """The weights of a tile's pixels along one axis, for each pixel of the result."""
        margin, overlap = int(self.margin * self.scale), int(self.overlap * self.scale)
        pixel = torch.arange(int(min(side, length) * self.scale), device=device, dtype=torch.float32) + 0.5
        before = pixel if start > 0 else torch.full_like(pixel, torch.inf)
        after = pixel.flip(0) if start + side < length else torch.full_like(pixel, torch.inf)
        distance = torch.minimum(before, after)
        ramp = (overlap - margin - distance) / max(overlap - 2 * margin, 1)
        return torch.exp(-0.5 * (_SIGMAS * ramp.clamp(min=0)) ** 2) * (distance >= margin)


def _blend(pieces: Iterable[_Piece], dim: int) -> Iterator[Tensor]:
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


def _join(parts: Iterator[Tensor], length: int, dim: int) -> Tensor:
    """The parts put together along one axis, each let go as it is copied."""
    first = next(parts)
    shape = list(first.shape)
    shape[dim] = length
    joined, start = first.new_empty(shape), 0
    for part in chain([first], parts):
        joined.narrow(dim, start, part.shape[dim]).copy_(part)
        start += part.shape[dim]
    return joined


def _is_out_of_memory(error: Exception) -> bool:
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(words in str(error) for words in _OUT_OF_MEMORY)
