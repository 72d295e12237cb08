r"""A picture of few pixels, each a block of one colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from nflows_heritage.classic.cosines import Samples, shrunk
from nflows_heritage.classic.look import Region

_LARGEST = 32
_EVEN = 0.25
"""How much of the step between blocks there may be within them."""
_COARSEST = 0.05
_FINEST = 0.012
_ROUNDS = 5


@dataclass(frozen=True)
class Pixelated:
    """Makes a picture of blocks smooth, whose means over the blocks stay.

    Arguments:
        side: The side of the blocks in pixels; 1 is none.
        top: The row at which a block begins, less than the side.
        left: The column likewise.
    """

    side: int
    top: int
    left: int

    @property
    def is_idle(self) -> bool:
        return self.side == 1

    @property
    def halo(self) -> int:
        return 6 * self.side + 16

    def __call__(self, tile: Samples, corner: tuple[int, int] = (0, 0)) -> Samples:
        if self.is_idle:
            return tile.copy()
        rows, columns = (
            (np.arange(length) + at - start) // self.side
            for length, at, start in zip(tile.shape, corner, (self.top, self.left), strict=False)
        )
        grid = _Grid(rows - rows[0], columns - columns[0])
        means = grid.means(tile)
        starts = (corner[0] - self.top - rows[0] * self.side, corner[1] - self.left - columns[0] * self.side)
        result = _between(means, tile.shape[:2], starts, self.side)
        for sigma in np.geomspace(_COARSEST, _FINEST, _ROUNDS):
            result = shrunk(result, float(sigma) ** 2, 1.0, corner=corner)
            result = result + grid.spread(means - grid.means(result))
        return np.clip(result, 0, 1)


@dataclass(frozen=True)
class _Grid:
    """The block of each row and of each column, counted from 0."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    def means(self, image: Samples) -> Samples:
        starts = [np.flatnonzero(np.diff(index, prepend=-1)) for index in (self.rows, self.columns)]
        total = np.add.reduceat(np.add.reduceat(image, starts[0], 0), starts[1], 1)
        counts = [np.bincount(index) for index in (self.rows, self.columns)]
        return np.asarray(total / np.outer(*counts)[..., None], np.float32)

    def spread(self, blocks: Samples) -> Samples:
        return blocks[self.rows][:, self.columns]


def _between(means: Samples, size: tuple[int, int], starts: tuple[int, int], side: int) -> Samples:
    """Cubic splines through the middles of the blocks."""
    places = [(np.arange(n) + start + 0.5) / side - 0.5 for n, start in zip(size, starts, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    channels = [map_coordinates(means[..., c], grid, order=3, mode="reflect") for c in range(means.shape[2])]
    return np.asarray(np.stack(channels, 2), np.float32)


def pixelated_of(regions: Sequence[Region]) -> Pixelated:
    """The side and the beginning of the blocks: where pixels differ from the next one, and where they do not."""
    steps = [_Steps.along(regions, axis) for axis in (0, 1)]
    total = np.sum([step.scores for step in steps], 0)
    side = int(np.argmax(total))
    if side < 2 or total[side] <= 0:
        return Pixelated(1, 0, 0)
    return Pixelated(side, int(steps[0].starts[side]), int(steps[1].starts[side]))


def evenness_in(regions: Sequence[Region]) -> NDArray[np.float64]:
    """How even blocks of each side would be, up to 32: the largest mean step within them by that between them, which
    is 1 or more where there are none; of the axis where they are less so."""
    return np.asarray(np.max([_Steps.along(regions, axis).within for axis in (0, 1)], axis=0))


@dataclass(frozen=True)
class _Steps:
    """How much pixels differ from the next one along an axis, if there were blocks of each side.

    Arguments:
        between: The mean step where blocks meet, by side.
        within: The largest mean step elsewhere in parts of that.
        starts: The first place at which blocks meet.
    """

    between: NDArray[np.float64]
    within: NDArray[np.float64]
    starts: NDArray[np.int64]

    @property
    def scores(self) -> NDArray[np.float64]:
        """How far the steps between blocks exceed those within; below 0 where those are too large."""
        return np.where(self.within <= _EVEN, self.between * (1 - self.within), -1.0)

    @classmethod
    def along(cls, regions: Sequence[Region], axis: int) -> _Steps:
        places, steps = [], []
        for region in regions:
            difference = np.abs(np.diff(region.samples, axis=axis)).mean(axis=(1 - axis, 2))
            places.append(np.arange(len(difference)) + region.corner[axis] + 1)
            steps.append(difference)
        place, step = np.concatenate(places), np.concatenate(steps).astype(np.float64)
        between, within, starts = np.zeros(_LARGEST + 1), np.ones(_LARGEST + 1), np.zeros(_LARGEST + 1, int)
        for side in range(2, min(_LARGEST, len(step) // 3) + 1):
            sums = np.bincount(place % side, step, side) / np.maximum(np.bincount(place % side, minlength=side), 1)
            starts[side] = start = int(np.argmax(sums))
            between[side] = sums[start]
            within[side] = np.delete(sums, start).max() / max(sums[start], 1e-9)
        return cls(between, within, starts)
