"""Pictures that a data set has twice, and those of them that stand in two classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nflows_core.data.labelled import LabelledFiles
from nflows_core.data.likeness import find_alike
from nflows_core.data.looks import Look

Kind = Literal["same bytes", "same pixels", "near pixels", "same pattern"]
"""How two files are the same: the first three are one picture, the last is one thing on two."""


class Pair(NamedTuple):
    """Two files that show the same, by their places, the lower one first."""

    first: int
    second: int
    kind: Kind

    @property
    def is_exact(self) -> bool:
        return self.kind in ("same bytes", "same pixels")

    @property
    def is_one_picture(self) -> bool:
        return self.kind != "same pattern"


@dataclass(frozen=True)
class Duplicates:
    """What a data set has twice.

    Arguments:
        files: The files of the data set.
        pairs: The pairs of them that show the same.
    """

    files: LabelledFiles
    pairs: tuple[Pair, ...]

    @property
    def conflicts(self) -> list[Pair]:
        """The pairs of one picture in two classes."""
        return [pair for pair in self.pairs if pair.is_one_picture and self._differ(pair)]

    @property
    def exact(self) -> list[Pair]:
        """The pairs of the same bytes or pixels in one class."""
        return [pair for pair in self.pairs if pair.is_exact and not self._differ(pair)]

    @property
    def near(self) -> list[Pair]:
        """The other pairs: nearly one picture in one class, or one thing on two pictures, of whatever classes."""
        return [pair for pair in self.pairs if not pair.is_exact and not (pair.is_one_picture and self._differ(pair))]

    @property
    def disputed(self) -> list[list[int]]:
        """The places of the files of each picture that stands in several classes."""
        sets = components(len(self.files), (pair[:2] for pair in self.pairs if pair.is_one_picture))
        numbers = sorted({int(sets[pair.first]) for pair in self.conflicts})
        return [np.flatnonzero(sets == number).tolist() for number in numbers]

    @property
    def shared(self) -> dict[tuple[str, str], int]:
        """How many pairs lie in two different photographs, by the names of these."""
        groups = [file.group for file in self.files.files]
        ends = (sorted((groups[pair.first], groups[pair.second])) for pair in self.pairs)
        return dict(Counter((low, high) for low, high in ends if low != high).most_common())

    def _differ(self, pair: Pair) -> bool:
        return self.files.files[pair.first].label != self.files.files[pair.second].label


def find_duplicates(files: LabelledFiles, looks: Mapping[int, Look]) -> Duplicates:
    """The duplicates among the files that could be read.

    Of files of the same bytes or pixels, each is paired with the first of its class, and those with the first of all,
    which alone is compared with other pictures, as `nflows_core.data.likeness.find_alike` does. Views of one thing, as
    the files say, may look alike.

    Arguments:
        files: The files.
        looks: What was seen of each, by its place.
    """
    same: dict[bytes, list[int]] = {}
    for place, look in looks.items():
        same.setdefault(look.pixels, []).append(place)
    pairs = [_exact(looks, *ends) for places in same.values() for ends in _paired(files, sorted(places))]
    firsts = [min(places) for places in same.values()]
    items = files.items
    for alike in find_alike(np.stack([looks[place].square for place in firsts])) if firsts else []:
        first, second = sorted((firsts[alike.first], firsts[alike.second]))
        if items[first] != items[second]:
            pairs.append(Pair(first, second, "near pixels" if alike.is_copy else "same pattern"))
    return Duplicates(files, tuple(sorted(pairs)))


def _paired(files: LabelledFiles, places: list[int]) -> list[tuple[int, int]]:
    """Each of some places with the first of its class, and the first of each class with the first of all."""
    firsts: dict[str, int] = {}
    ends = [(firsts.setdefault(files.files[place].label, place), place) for place in places]
    return [(first, place) if first != place else (places[0], place) for first, place in ends if place != places[0]]


def _exact(looks: Mapping[int, Look], first: int, second: int) -> Pair:
    same = looks[first].content == looks[second].content
    return Pair(first, second, "same bytes" if same else "same pixels")


def components(count: int, links: Iterable[tuple[int, ...]]) -> NDArray[np.int32]:
    """The number of the connected component of each of ``count`` things, :math:`(N,)`."""
    ends = np.array(list(links), np.intp).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), (count, count))
    numbers: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return numbers
