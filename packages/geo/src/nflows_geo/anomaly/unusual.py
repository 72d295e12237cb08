r"""The unusual pixels of a scene, gathered tile by tile in bounded memory, and the groups that they form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

_MOST_VALUES = 10 * 2**20
"""Values of unusual pixels that are kept at most: with ten bands a thousand megapixels' at a rate of 0.001."""


def most_pixels(bands: int) -> int:
    """How many unusual pixels of so many bands are kept at most: what they take does not grow with the bands.

    Example:
        >>> most_pixels(10), most_pixels(200)
        (1048576, 52428)
    """
    return _MOST_VALUES // max(10, bands)


@dataclass(frozen=True)
class Unusual:
    """Pixels above a threshold.

    Arguments:
        places: Their row times the width of the scene, plus their column, (N,).
        scores: Their scores, (N,).
        spectra: Their spectra, (N, bands).
    """

    places: NDArray[np.int64]
    scores: NDArray[np.float32]
    spectra: NDArray[np.float32]

    @classmethod
    def none(cls, bands: int) -> Self:
        return cls(np.empty(0, np.int64), np.empty(0, np.float32), np.empty((0, bands), np.float32))

    @classmethod
    def of_block(
        cls, scores: NDArray[np.float32], block: NDArray[np.float32], window: Window, width: int, threshold: float
    ) -> Self:
        """The unusual pixels of a block.

        Arguments:
            scores: (H, W), NaN for nodata.
            block: (bands, H, W).
            window: Where it is in the scene.
            width: The width of the scene in pixels.
            threshold: The score that theirs exceed.
        """
        rows, columns = np.nonzero(scores > threshold)
        places = (rows + window.row_off) * width + columns + window.col_off
        return cls(places, scores[rows, columns], np.ascontiguousarray(block[:, rows, columns].T))

    @classmethod
    def joined(cls, parts: Sequence[Unusual]) -> Self:
        """All of several parts; at least one."""
        return cls(
            np.concatenate([part.places for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.spectra for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.places)

    def most(self, count: int) -> Unusual:
        """At most so many, those with the highest scores."""
        if len(self) <= count:
            return self
        kept = np.sort(np.argpartition(-self.scores, count)[:count])
        return Unusual(self.places[kept], self.scores[kept], self.spectra[kept])


class Gathered:
    """Keeps the most unusual pixels of all parts that are added, in memory that does not grow with the scene."""

    def __init__(self, bands: int, most: int | None = None) -> None:
        self.most = most or most_pixels(bands)
        self._parts = [Unusual.none(bands)]
        self._waiting = 0

    def add(self, part: Unusual) -> None:
        self._parts.append(part)
        self._waiting += len(part)
        if self._waiting > self.most:
            self._parts, self._waiting = [self.pixels()], 0

    def pixels(self) -> Unusual:
        """The most unusual of those that were added."""
        return Unusual.joined(self._parts).most(self.most)


@dataclass(frozen=True)
class Groups:
    """Unusual pixels connected by their sides, the group with the highest score first.

    Arguments:
        peaks: The place of the most unusual pixel of each group, (N,).
        scores: Its score, (N,).
        spectra: The mean of each group, (N, bands).
        members: The places of all its pixels.
    """

    peaks: NDArray[np.int64]
    scores: NDArray[np.float32]
    spectra: NDArray[np.float64]
    members: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.peaks)


def group(unusual: Unusual, width: int, most: int) -> tuple[Groups, int]:
    """Connects pixels of a scene of some width; at most so many groups, and how many there are in all."""
    order = np.argsort(unusual.places)
    places, scores, spectra = unusual.places[order], unusual.scores[order], unusual.spectra[order]
    labels = _connected(places, width)
    # By group, and in each from the highest score down; the order of the places decides between equal ones.
    by_group = np.lexsort((-scores, labels))
    starts = np.flatnonzero(np.diff(labels[by_group], prepend=-1))
    peaks = by_group[starts]
    ends = np.append(starts[1:], len(by_group))
    ranked = np.argsort(-scores[peaks], kind="stable")[:most]
    members = [np.sort(by_group[starts[index] : ends[index]]) for index in ranked]
    means = [spectra[member].mean(0, dtype=np.float64) for member in members]
    groups = Groups(
        places[peaks[ranked]],
        scores[peaks[ranked]],
        np.reshape(means, (len(members), spectra.shape[1])),
        [places[member] for member in members],
    )
    return groups, len(starts)


def _connected(places: NDArray[np.int64], width: int) -> NDArray[np.int32]:
    """The number of the group of each place; the places are in order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = _neighbours(places, width)
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(places), len(places)))
    labels: NDArray[np.int32] = connected_components(links, directed=False)[1]
    return labels


def _neighbours(places: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of indices of places beside or below each other."""
    pairs = []
    for step, possible in ((1, places % width < width - 1), (width, np.ones(len(places), bool))):
        next_to = np.searchsorted(places, places + step).clip(max=max(0, len(places) - 1))
        pairs.append(np.stack([np.arange(len(places)), next_to])[:, possible & (places[next_to] == places + step)])
    first, second = np.concatenate(pairs, axis=1)
    return first, second
