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
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.blending import Piece, blend, join
from nflows_core.runtime.memory import is_out_of_memory

Function = Callable[[Tensor], Tensor]
"""From a tile, :math:`(C, h, w)`, to :math:`(C', sh, sw)` for a scale s, on any device."""


class Rows(Protocol):
    """A picture whose rows are read when they are needed, such as a `PictureFile`."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """The rows from ``top`` to before ``bottom``, :math:`(h, W, C)`."""


_SIGMAS = 3.0


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
        scale: The scale of the function: 2 doubles the sides, ``Fraction(1, 8)`` is that of an autoencoder's encoder. A
            float must be exact, as 0.5 is, and 1.1 is not.
        margin: The reach of the function's receptive field, in pixels of the picture.

    Raises:
        ValueError: The side is not above the overlap, or the overlap below twice the margin; or one is no multiple of
            the denominator of the scale.
        TypeError: One of them is no whole number.
    """

    def __init__(self, side: int, overlap: int, scale: float | Fraction = 1, margin: int = 0) -> None:
        _check_whole(side=side, overlap=overlap, margin=margin)
        self.side, self.overlap, self.scale, self.margin = side, overlap, _fraction(scale), margin
        if self.scale <= 0 or margin < 0:
            raise ValueError(f"scale {scale} and margin {margin}: give a positive scale and no negative margin")
        if overlap < 2 * margin:
            raise ValueError(f"overlap {overlap} is less than two margins of {margin}: make it {2 * margin} or more")
        if side <= overlap:
            raise ValueError(f"tiles of {side} cannot overlap by {overlap}: give a larger side or a smaller overlap")
        self._check_multiples(side=side, overlap=overlap, margin=margin)

    def whole(self, function: Function, image: Tensor | Rows) -> Tensor:
        """The strips put together, :math:`(C', sH, sW)`; see `strips`."""
        return join(self.strips(function, image), int(_size(image)[0] * self.scale), -2)

    def strips(self, function: Function, image: Tensor | Rows) -> Iterator[Tensor]:
        """Finished rows from top to bottom, without gradients.

        Arguments:
            function: The function of a tile, which is its own to change. It may be called again for a part of the
                picture that it failed on.
            image: The picture or latent, :math:`(C, H, W)`, of any type; or the file of one, of which one row of tiles
                at a time is read.

        Returns:
            Tensors :math:`(C', h, sW)`, float32, on the picture's device.

        Raises:
            ValueError: The image is not of this shape, or not divisible as the scale needs, or the function's result is
                not of the scale, or has other channels than that of the first tile.
            FloatingPointError: The function made infinities or NaN of a tile, which would spread over its neighbours.
            MemoryError: Memory runs out for the smallest tile that the overlap allows.
        """
        height, width = _size(image)
        self._check_multiples(height=height, width=width)
        return blend(self._rows(_Checked(function, self.scale), image), -2)

    def _check_multiples(self, **lengths: int) -> None:
        unit = self.scale.denominator
        for name, length in lengths.items():
            if length % unit:
                raise ValueError(f"the {name}, {length}, is no multiple of {unit}, as scale {self.scale} needs: pad it")

    def _rows(self, function: _Checked, image: Tensor | Rows) -> Iterator[Piece]:
        top, (height, width) = 0, _size(image)
        while top < height:
            side = min(self.side, max(height, width))
            row = self._attempt(function, image, top, side)
            if isinstance(row, Exception):
                self._halve(side, top, row)
                continue
            below = self._next(top, height, side)
            yield row, self._weights(top, height, side, row.device), int((below - top) * self.scale)
            top = below

    def _attempt(self, function: _Checked, image: Tensor | Rows, top: int, side: int) -> Tensor | Exception:
        """One row of tiles, or why there is no memory for it."""
        try:
            with torch.no_grad():
                tiles = self._tiles(function, _read(image, top, side), top, side)
                return join(blend(tiles, -1), int(_size(image)[1] * self.scale), -1)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
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

    def _tiles(self, function: _Checked, row: Tensor, top: int, side: int) -> Iterator[Piece]:
        left, width = 0, row.shape[2]
        while left < width:
            result = function(row[:, :, left : left + side], top, left)
            right = self._next(left, width, side)
            yield result, self._weights(left, width, side, row.device), int((right - left) * self.scale)
            left = right

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


class _Checked:
    """The function of a tile, whose result must fit beside the others."""

    def __init__(self, function: Function, scale: Fraction) -> None:
        self.function, self.scale = function, scale
        self.channels: int | None = None

    def __call__(self, tile: Tensor, top: int, left: int) -> Tensor:
        # Copies: what is the function's own to change is not the picture, and what it gave may be the tile itself, or a
        # buffer that its next call fills.
        result = self.function(tile.clone())
        self._check_shape(tile, result)
        result = result.to(tile.device, torch.float32, copy=True)
        if not (result.sum().isfinite() or result.isfinite().all()):  # the sum is faster, but may overflow
            is_own = not tile.is_floating_point() or tile.isfinite().all()
            already = "" if is_own else ", which holds such values itself"
            raise FloatingPointError(
                f"the function made values that are not finite of the tile at row {top}, column {left}, of"
                f" {tile.shape[1]} x {tile.shape[2]} pixels{already}"
            )
        return result

    def _check_shape(self, tile: Tensor, result: Tensor) -> None:
        made = f"the function made %s of a tile of {tuple(tile.shape)}: "
        if not isinstance(result, Tensor) or result.is_complex():
            raise ValueError(made % f"a {type(result).__name__}" + "it must return a tensor of real numbers")
        height, width = (int(length * self.scale) for length in tile.shape[1:])
        if result.ndim != 3 or result.shape[1:] != (height, width):
            advice = "; for a network of batches, give lambda tile: network(tile[None])[0]" if result.ndim == 4 else ""
            needed = f"scale {self.scale} needs (C, {height}, {width}){advice}"
            raise ValueError(made % f"{tuple(result.shape)}" + needed)
        if self.channels not in (None, len(result)):
            raise ValueError(made % f"{len(result)} channels" + f"it made {self.channels} of the first tile")
        self.channels = len(result)


def _check_whole(**lengths: int) -> None:
    for name, length in lengths.items():
        if not isinstance(length, int):
            raise TypeError(f"{name} {length!r}: give a whole number of pixels")


def _fraction(scale: float | Fraction) -> Fraction:
    exact = Fraction(scale)
    near = exact.limit_denominator(1000)
    if exact != near:
        raise ValueError(f"scale {scale} is no exact fraction: give Fraction({near.numerator}, {near.denominator})")
    return exact


def _size(image: Tensor | Rows) -> tuple[int, int]:
    """Height and width."""
    shape = tuple(image.shape)
    if len(shape) != 3 or 0 in shape:
        advice = "; give each picture of a batch by itself" if len(shape) == 4 else ""
        raise ValueError(f"a picture of {shape}: give one of (C, H, W), none of them zero{advice}")
    return (shape[1], shape[2]) if isinstance(image, Tensor) else (shape[0], shape[1])


def _read(image: Tensor | Rows, top: int, side: int) -> Tensor:
    """The picture's part of a row of tiles."""
    if isinstance(image, Tensor):
        return image[:, top : top + side]
    rows = image.rows(top, min(top + side, image.shape[0]))
    return torch.from_numpy(np.ascontiguousarray(rows)).permute(2, 0, 1)
