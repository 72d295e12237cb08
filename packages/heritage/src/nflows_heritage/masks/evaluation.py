"""How well damage is found: precision and recall within a tolerance, and what is marked on whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_heritage.masks.colour import Mask, grown
from nflows_heritage.masks.made_up import crack_shares, painted

Pixels = NDArray[np.uint8]
Find = Callable[[Any], Mask]


@dataclass(frozen=True)
class Score:
    """Pixels that were counted.

    Arguments:
        marked: Those that were marked.
        right: Of these, those that have a damaged one near.
        damaged: Those that are damaged.
        found: Of these, those that have a marked one near.
    """

    marked: int = 0
    right: int = 0
    damaged: int = 0
    found: int = 0

    def __add__(self, other: Score) -> Score:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Score(*(own + others for own, others in pairs))

    @property
    def precision(self) -> float:
        """The share of the marked pixels that is right; of none it is one."""
        return self.right / self.marked if self.marked else 1.0

    @property
    def recall(self) -> float:
        """The share of the damaged pixels that is found; of none it is one."""
        return self.found / self.damaged if self.damaged else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def score(marked: Mask, damaged: Mask, tolerance: int = 1) -> Score:
    """What was marked against what is damaged.

    Arguments:
        marked: The mask that was made, :math:`(H, W)`.
        damaged: The true one.
        tolerance: How many pixels away one counts as near, in all eight directions.
    """
    right, found = marked & grown(damaged, tolerance), damaged & grown(marked, tolerance)
    return Score(*(int(mask.sum()) for mask in (marked, right, damaged, found)))


def total(find: Find, cases: Iterable[tuple[NDArray[Any], Mask]], tolerance: int = 1) -> Score:
    """The counts of all cases together, each a picture, or what else ``find`` takes, and where it is damaged."""
    return sum((score(find(pixels), damaged, tolerance) for pixels, damaged in cases), Score())


def cracked_pictures(pictures: Sequence[Pixels], light: bool, seed: int) -> Iterator[tuple[Pixels, Mask]]:
    """Each picture with made-up cracks, about one for 64 x 64 pixels, at most eight, and where they are.

    Arguments:
        pictures: The pictures, :math:`(H, W, C)`.
        light: Whether the cracks are light, or else dark.
        seed: The seed of the cracks.
    """
    for index, pixels in enumerate(pictures):
        random = np.random.default_rng([seed, index, light])
        height, width = pixels.shape[:2]
        shares = crack_shares(height, width, min(max(height * width // 4096, 1), 8), random)
        damage = painted((pixels / np.float32(255)).astype(np.float32), shares, light, random)
        yield np.rint(255 * damage.picture).astype(np.uint8), damage.mask


def falsely_marked(find: Find, pictures: Iterable[NDArray[Any]]) -> float:
    """The mean share of whole pictures that is marked."""
    return float(np.mean([find(pixels).mean() for pixels in pictures]))
