"""The patches of a map, groups of pixels of one unit that touch by their sides, and how small ones join others.

A map is worked on as the runs of its lines, pixels of one unit side by side, and as the pairs of runs that touch: far
fewer than pixels where a map is smooth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LINES = 256
"""Lines whose pairs are looked for at once, so that they take little memory beside the map."""
_ODD = 2_654_435_761
"""Times this, modulo 2³², numbers of patches are mixed: the golden ratio's, D. Knuth, TAOCP 3, section 6.4."""
_BACK = pow(_ODD, -1, 2**32)
_LOW = np.uint64(2**32 - 1)
_HIGH = np.uint64(32)


def without_small_patches(classes: NDArray[np.uint8], minimum_pixels: int) -> NDArray[np.uint8]:
    """A map in which every patch has so many pixels, or no neighbour.

    The smallest patches come first: those of one pixel, then those of fewer than 4, 8, ..., and of the minimum. Each
    takes the unit of its largest neighbour, until no smaller one is left that has a neighbour. Patches that were large
    enough keep their unit, and nodata stays: what is left below the minimum is all that lies between nodata.

    Arguments:
        classes: :math:`(H, W)`, 0 for nodata.
        minimum_pixels: The pixels that a patch has at least.

    Returns:
        :math:`(H, W)`; the map itself if nothing changes.
    """
    if minimum_pixels <= 1 or not classes.size:
        return classes
    patches = _Patches.of(classes)
    patches.join()
    changed = False
    for least in _steps(min(minimum_pixels, classes.size)):
        while patches.give(least):
            patches.join()
            changed = True
    if not changed:
        return classes
    return np.repeat(patches.units[patches.of_run], _runs(classes)[1]).reshape(classes.shape)


@dataclass
class _Patches:
    """The patches of a map, N of them, while they join.

    Arguments:
        units: The unit of each, :math:`(N,)`.
        pixels: The size of each, :math:`(N,)`.
        of_run: The patch in which each run lies.
        first: One of each pair that touches, in any order; a pair may be there several times.
        second: The other one.
    """

    units: NDArray[np.uint8]
    pixels: NDArray[np.uint32]
    of_run: NDArray[np.int32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]

    @classmethod
    def of(cls, classes: NDArray[np.uint8]) -> _Patches:
        """The runs of a map, each a patch of its own as yet."""
        units, lengths = _runs(classes)
        return cls(units, lengths, np.arange(len(units), dtype=np.int32), *_touching(classes))

    def join(self) -> None:
        """Makes one patch of those of one unit that touch."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        same = self.units[self.first] == self.units[self.second]
        ends, size = (self.first[same], self.second[same]), len(self.units)
        graph = coo_array((np.ones(len(ends[0]), np.bool_), ends), shape=(size, size))
        count, new = connected_components(graph, directed=False)
        units, pixels = np.empty(count, np.uint8), np.zeros(count, np.uint32)
        units[new] = self.units
        np.add.at(pixels, new, self.pixels)
        self.units, self.pixels, self.of_run = units, pixels, new[self.of_run]
        apart = np.logical_not(same, out=same)
        self.first, self.second = new[self.first[apart]], new[self.second[apart]]

    def give(self, least: int) -> bool:
        """Gives patches of fewer pixels the unit of their largest neighbour, if that is larger than they are.

        That neighbour may be small, and take another unit itself: all of such a chain get that of its end. One that has
        smaller neighbours only is such an end: these come to it, or go elsewhere, so that at least one patch is gone.

        Returns:
            Whether any did.
        """
        to = self._largest_neighbours(least)
        giving = np.flatnonzero(to != np.arange(len(to), dtype=np.int32))
        while (further := to[to[giving]] != to[giving]).any():
            to[giving[further]] = to[to[giving[further]]]
        self.units[giving] = self.units[to[giving]]
        return bool(giving.size)

    def _largest_neighbours(self, least: int) -> NDArray[np.int32]:
        """Where each patch goes: to its largest neighbour, or nowhere, to itself."""
        # Among neighbours of one size chance decides: in order, all pixels of a noisy map would go to the last one.
        ranks = np.arange(len(self.units), dtype=np.uint64) * np.uint64(_ODD) & _LOW
        ranks |= self.pixels.astype(np.uint64) << _HIGH
        best, small = ranks.copy(), self.pixels < least
        for here, there in ((self.first, self.second), (self.second, self.first)):
            among = small[here]
            np.maximum.at(best, here[among], ranks[there[among]])
        del ranks
        best &= _LOW
        best *= np.uint64(_BACK)
        best &= _LOW
        return best.astype(np.int32)


def _steps(minimum_pixels: int) -> Iterator[int]:
    """The minimum, and the powers of two below it, from 2."""
    least = 2
    while least < minimum_pixels:
        yield least
        least *= 2
    yield minimum_pixels


def _runs(classes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """The unit and the length of each run, line by line."""
    starts = np.flatnonzero(_starts(classes)).astype(np.uint32)
    return classes.ravel()[starts], np.diff(starts, append=np.uint32(classes.size))


def _starts(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a run begins."""
    starts = np.ones(classes.shape, np.bool_)
    np.not_equal(classes[:, 1:], classes[:, :-1], out=starts[:, 1:])
    return starts


def _touching(classes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The numbers of the runs that touch, neither of them nodata: side by side, or one below the other."""
    first, second = [], []
    before = 0
    for top in range(0, len(classes), _LINES):
        block = classes[top : top + _LINES + 1]  # the last line is the first of the next block
        starts, valid = _starts(block), block > 0
        numbers = np.cumsum(starts, dtype=np.int32).reshape(block.shape) + np.int32(before - 1)
        lines = slice(0, _LINES)
        beside = starts[lines, 1:] & valid[lines, 1:] & valid[lines, :-1]
        # Two runs touch along several pixels, in the first of which one of them begins.
        below = (starts[1:] | starts[:-1]) & valid[1:] & valid[:-1]
        first += [numbers[lines, :-1][beside], numbers[:-1][below]]
        second += [numbers[lines, 1:][beside], numbers[1:][below]]
        before = int(numbers[min(_LINES, len(block)) - 1, -1]) + 1
    return np.concatenate(first), np.concatenate(second)
