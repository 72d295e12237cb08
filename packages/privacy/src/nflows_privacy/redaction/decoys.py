r"""Holes where nothing was, drawn so that neither the place nor the size of holes tells the class of a sign.

A sign that is erased leaves a hole, and where that lies and how large and wide it is may tell what the sign was. With
N decoys a sign the classes of the N + 1 holes are drawn together,

.. math:: P(T \mid c) = \frac{m_c(T)\, P(T)}{(N + 1)\, \pi_c}

where c is the class of the sign, :math:`\pi_c` its share of the boxes that are erased in the whole set, :math:`m_c(T)`
how often it is among the classes T of the holes, and P(T) a systematic sample: in a random order the classes lie on a
line, each as long as its share, and N + 1 points in equal steps fall on them, so that :math:`m_c` is
:math:`(N + 1) \pi_c` on average, rounded up or down. By Bayes' rule each hole of T is then the true one with the same
probability, :math:`1 / (N + 1)`: whoever saw of each hole which class it is of would know no more than that. Decoys
drawn one by one from all places tell more, since a class that is there twice is more likely the true one.

The place of a hole of a class is that of one of the class's boxes in another picture, moved by a kernel (the smoothed
bootstrap, B. W. Silverman, Density Estimation, 1986, section 6.4.1), so that it is not known again by being exactly one
of the set: in the middle's coordinates, the logarithms of size and of the ratio of sides, with Scott's bandwidth
:math:`n^{-1/8}` times the deviation within classes, and the class's variance kept.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.annotations.annotated import SHARES, Annotations, Marked
from nflows_privacy.annotations.groups import group_of, word_of
from nflows_privacy.masks import Rectangle, cover
from nflows_privacy.regions import FACE, IGNORE, PLATE, Box, Region

SIGN = "sign"
"""The word for the classes of traffic signs: all but faces, plates, decoys and what is to be ignored."""
DECOY = "decoy"
"""The kind of the region of a decoy."""
_NO_SIGNS = frozenset((FACE, PLATE, DECOY, IGNORE))
_TRIES = 400
_DIMENSIONS = 4
_FAR = 15.0
"""Median deviations, ten standard deviations of a normal distribution: no picture reaches so far beyond others."""
_LEAST = 3.0
"""The shortest side of a decoy, in pixels."""

Features = NDArray[np.float64]


def is_meant(region: Region, kinds: Sequence[str]) -> bool:
    """Whether a region is of one of the kinds: its class, that as one word (`word_of`), its group, or ``sign``."""
    names = {region.kind, word_of(region.kind), group_of(region), dict(region.attributes).get("class")}
    if region.kind not in _NO_SIGNS:
        names.add(SIGN)
    return not names.isdisjoint(kinds)


@dataclass(frozen=True, eq=False)
class Holes:
    """The places and sizes of all boxes of a set, read once, and the decoys that are drawn from them.

    Arguments:
        features: The middle, and the logarithms of the size :math:`\\sqrt{wh}` and of the ratio :math:`w / h`, of each
            box, :math:`(n, 4)`: in pixels, or in shares of the sides if the set tells the size of each picture.
        classes: The number of the class of each box.
        pictures: The number of the picture of each.
        names: The pictures by their names.
        kinds: The classes by their names.
        signs: How many boxes of the kinds each picture has that has some.
        in_shares: Whether features are counted in shares of the sides.
        is_whole: Whether all corners are whole pixels, so that those of decoys must be.
    """

    features: Features
    classes: NDArray[np.int64]
    pictures: NDArray[np.int64]
    names: dict[str, int]
    kinds: dict[str, int]
    signs: NDArray[np.int64]
    in_shares: bool
    is_whole: bool

    @classmethod
    def of(cls, annotations: Annotations, kinds: Sequence[str]) -> Holes:
        """Those of the boxes of some kinds; of all boxes of signs where these are of one class only, which would tell.

        Raises:
            ValueError: There are no such boxes.
        """
        chosen = _chosen(annotations, kinds)
        if not chosen:
            raise ValueError(f"{annotations.source}: has no box of {', '.join(kinds)}")
        signs = np.array(list(Counter(name for name, _ in chosen).values()))
        if len({region.kind for _, region in chosen}) < 2:
            chosen = _chosen(annotations, (*kinds, SIGN))
        marked = annotations.pictures
        names = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in chosen))}
        in_shares = all(marked[name].size is not None for name in names)
        boxes = np.array([_scaled(region.box, marked[name], in_shares) for name, region in chosen])
        corners = np.array([region.box for _, region in chosen])
        features = features_of(boxes)
        near = _near(features)
        kept = [pair for pair, is_near in zip(chosen, near, strict=True) if is_near]
        # A class of which no box is near has no places to draw from: its decoys are of the others.
        classes = {kind: number for number, kind in enumerate(dict.fromkeys(region.kind for _, region in kept))}
        return cls(
            features[near],
            np.array([classes[region.kind] for _, region in kept]),
            np.array([names[name] for name, _ in kept]),
            names,
            classes,
            signs,
            in_shares,
            bool((corners == corners.round()).all()) and SHARES not in {marked[name].size for name in names},
        )

    def decoys(
        self,
        name: str | None,
        erased: Sequence[Region],
        kept: Sequence[Box],
        size: tuple[int, int],
        plan: Plan,
        seed: int,
    ) -> list[Box]:
        """The decoys of a picture: so many for each erased region, and in one without any as many holes as others have.

        They lie inside of the picture, and touch neither each other nor a box of the picture, all as they are filled.

        Arguments:
            name: The name of the picture in the set; nothing if it has none there.
            erased: The regions that are erased.
            kept: All boxes of the picture.
            size: The width and height of the picture.
            plan: How many there are, and how boxes grow.
            seed: The seed of all that is drawn.

        Raises:
            ValueError: There is no room.
        """
        generator = np.random.default_rng(seed)
        draw = _Drawing(self, generator, self.names.get(name or "", -1), size, plan.mask_scale)
        draw.avoid(kept)
        for region in erased:
            draw.holes(self._classes(generator, plan.decoys + 1, self.kinds.get(region.kind))[1:])
        for _ in range(self._missing(generator, len(erased), plan)):
            draw.holes(self._classes(generator, plan.decoys + 1))
        return draw.boxes

    def _missing(self, generator: np.random.Generator, erased: int, plan: Plan) -> int:
        """How many signs a picture lacks that it should have holes for."""
        if plan.same_number or plan.decoys_only:
            return max(0, int(self.signs.max()) - erased)
        return 0 if erased else int(generator.choice(self.signs))

    @cached_property
    def deviations(self) -> Features:
        """The standard deviation of each feature within the classes."""
        counts = np.bincount(self.classes)
        means = np.stack([np.bincount(self.classes, column) / counts for column in self.features.T], axis=1)
        freedom = max(1, len(self.features) - len(counts))
        found: Features = np.sqrt(((self.features - means[self.classes]) ** 2).sum(axis=0) / freedom)
        return found

    def _classes(self, generator: np.random.Generator, count: int, own: int | None = None) -> list[int]:
        """The classes of so many holes, one of which is of this class, and stands first."""
        shares = np.bincount(self.classes) / len(self.classes)
        while True:
            found = systematic(generator, shares, count)
            if own is None or found.count(own) > generator.random() * math.ceil(count * shares[own]):
                break
        if own is not None:
            found.remove(own)
        return found if own is None else [own, *found]


@dataclass(frozen=True)
class Plan:
    """How many decoys there are.

    Arguments:
        decoys: How many for each sign that is erased.
        mask_scale: How many times as wide and high as a box what is filled is.
        same_number: Whether all pictures get as many holes as the one with the most signs: else how many there are
            tells of classes that come in pairs.
        decoys_only: Whether no sign is erased, and all pictures get as many holes as with ``same_number``: such scenes
            show what nothing missing looks like beside those whose signs were erased.

    Raises:
        ValueError: There are to be decoys only, and none of them.
    """

    decoys: int
    mask_scale: float
    same_number: bool = False
    decoys_only: bool = False

    def __post_init__(self) -> None:
        if self.decoys_only and not self.decoys:
            raise ValueError("`decoys`: expected 1 or more where there are to be decoys only, got 0")


class _Drawing:
    """Places that are drawn for one picture, one after the other."""

    def __init__(
        self, holes: Holes, generator: np.random.Generator, picture: int, size: tuple[int, int], scale: float
    ) -> None:
        self._holes, self._generator, self._size, self._scale = holes, generator, size, scale
        self._is_other = holes.pictures != picture
        self._taken: list[Rectangle] = []
        self.boxes: list[Box] = []

    def avoid(self, boxes: Iterable[Box]) -> None:
        """Nothing is drawn over these boxes, as they are filled."""
        self._taken += [place for box in boxes if (place := self._filled(box)) is not None]

    def holes(self, classes: Sequence[int]) -> None:
        """One hole more of each class."""
        for kind in classes:
            box = next((box for box in self._candidates(kind) if self._is_free(box)), None)
            if box is None:
                width, height = self._size
                raise ValueError(
                    f"there is no room for one more decoy in {width} x {height} pixels; give fewer `decoys`, or boxes "
                    f"of {_LEAST:g} pixels and more"
                )
            self.boxes.append(box)
            self.avoid([box])

    def _candidates(self, kind: int) -> Iterator[Box]:
        """Places of the class, then those of all classes, then any, all of sizes of the set."""
        of_kind = self._is_other & (self._holes.classes == kind)
        for among in (of_kind, self._is_other, np.ones_like(of_kind)):
            if among.any():
                yield from (self._moved(among) for _ in range(_TRIES))
        for _ in range(_TRIES):
            yield self._anywhere()

    def _moved(self, among: NDArray[np.bool_]) -> Box:
        """The place of one of these boxes, moved by the kernel."""
        features = self._holes.features[among]
        bandwidth = len(features) ** (-1 / (_DIMENSIONS + 4))
        middle = features.mean(axis=0)
        noise = bandwidth * self._holes.deviations * self._generator.standard_normal(_DIMENSIONS)
        moved = features[self._generator.integers(len(features))] - middle + noise
        return self._box(middle + moved / math.sqrt(1 + bandwidth**2))

    def _anywhere(self) -> Box:
        features = self._holes.features[self._generator.integers(len(self._holes.features))].copy()
        features[:2] = self._generator.random(2) * ((1, 1) if self._holes.in_shares else self._size)
        return self._box(features)

    def _box(self, features: Features) -> Box:
        left, top, right, bottom = boxes_of(features[None])[0].tolist()
        if self._holes.in_shares:
            width, height = self._size
            left, top, right, bottom = left * width, top * height, right * width, bottom * height
        box = Box(left, top, right, bottom)
        return Box(*map(round, box)) if self._holes.is_whole else box

    def _is_free(self, box: Box) -> bool:
        left, top, right, bottom = box.grown(self._scale)
        width, height = self._size
        if min(box.width, box.height) < _LEAST or min(left, top) < 0 or right > width or bottom > height:
            return False
        hole = self._filled(box)
        return hole is not None and not any(hole.shares_pixels(other) for other in self._taken)

    def _filled(self, box: Box) -> Rectangle | None:
        width, height = self._size
        return cover(box.grown(self._scale), height, width)


def systematic(generator: np.random.Generator, shares: NDArray[np.float64], count: int) -> list[int]:
    """So many numbers of classes: each comes ``count`` times its share on average, rounded up or down.

    W. G. Madow, On the Theory of Systematic Sampling, II, Annals of Mathematical Statistics 20, 1949; in random order.
    """
    order = generator.permutation(len(shares))
    ends = np.cumsum(shares[order]) * count
    places = np.searchsorted(ends, generator.random() + np.arange(count), side="right")
    found: list[int] = order[places.clip(0, len(shares) - 1)].tolist()
    return found


def features_of(boxes: NDArray[np.float64]) -> Features:
    """The middle, and the logarithms of the size and of the ratio of sides, of boxes :math:`(n, 4)`."""
    left, top, right, bottom = boxes.T
    width, height = np.log(right - left), np.log(bottom - top)
    return np.stack([(left + right) / 2, (top + bottom) / 2, (width + height) / 2, width - height], axis=1)


def boxes_of(features: Features) -> NDArray[np.float64]:
    """The boxes of features, as `features_of` gives them."""
    across, down, size, ratio = features.T
    width, height = np.exp(size + ratio / 2), np.exp(size - ratio / 2)
    return np.stack([across - width / 2, down - height / 2, across + width / 2, down + height / 2], axis=1)


def decoy_seed(seed: int, name: str) -> int:
    """The seed of the decoys of a picture of this name, whatever else a run is given."""
    return int.from_bytes(hashlib.sha256(f"decoys {seed} {name}".encode(errors="surrogateescape")).digest()[:8])


def _near(features: Features) -> NDArray[np.bool_]:
    """Which boxes lie where others do and are as large: one far outside of its picture is no place for a hole."""
    from_middle = np.abs(features - np.median(features, axis=0))[:, :3]
    spread = np.median(from_middle, axis=0)
    is_near = from_middle <= np.where(spread > 0, _FAR * spread, np.inf)
    return np.asarray(is_near.all(axis=1))


def _chosen(annotations: Annotations, kinds: Sequence[str]) -> list[tuple[str, Region]]:
    return [
        (name, region)
        for name, one in annotations.pictures.items()
        for region in one.regions
        if is_meant(region, kinds) and region.kind != DECOY
    ]


def _scaled(box: Box, marked: Marked, in_shares: bool) -> Box:
    if not in_shares or marked.size is None:
        return box
    return box.scaled(1 / marked.size[0], 1 / marked.size[1])
