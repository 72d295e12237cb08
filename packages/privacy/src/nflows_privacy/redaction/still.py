"""A picture redacted: filled, looked at again, and filled more until nothing is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.detection import Detector, Look, distinct
from nflows_privacy.fills import load_fill
from nflows_privacy.masks import Rectangle, cover, mask_of
from nflows_privacy.redaction.pixels import as_rgb
from nflows_privacy.redaction.settings import DOUBT, Redaction
from nflows_privacy.regions import Region

Pixels = NDArray[np.uint8 | np.uint16]
_FILLED = 0.5
"""The part of a region that is filled, from which on it is the fill that shows something."""
_MOST_ROUNDS = 12
"""Rounds of looking and filling: each climbs a rung or adds a region, and a picture needs two as a rule."""


@dataclass(frozen=True)
class Redacted:
    """A picture in which nothing is found any more.

    Arguments:
        pixels: The picture, bit-identical outside of the masks.
        rungs: The rung of the ladder by which each region is filled.
        seen_again: How many regions were found only in the filled picture.
        masked: The share of the picture that is filled.
    """

    pixels: Pixels
    rungs: Mapping[Region, int]
    seen_again: int
    masked: float

    def numbers(self, kinds: Iterable[str]) -> dict[str, Any]:
        """The numbers of a report."""
        counts = Counter(region.kind for region in self.rungs)
        return {
            **{f"{kind}s": counts[kind] for kind in sorted({*kinds, *counts})},
            "masked_percent": round(100 * self.masked, 3),
            "filled_more": sum(rung > 0 for rung in self.rungs.values()),
            "seen_again": self.seen_again,
        }


def redact_still(
    pixels: Pixels, regions: Sequence[Region], check: Detector, settings: Redaction, seed: int, *, is_final: bool
) -> Redacted:
    """Fills regions, looks at the result, and goes on until nothing is found.

    It is looked at as before and otherwise (`Look.CHECK`). Inside of masks that can be filled more, less
    counts than elsewhere, so that another program, which may look only once, finds nothing either.

    What is found again in a mask is filled by the next rung of the ladder; what is found elsewhere was missed before,
    and is a region from then on.

    Arguments:
        pixels: The picture, :math:`(H, W, C)`.
        regions: What is to be redacted.
        check: What looks at the result, from `DOUBT` on.
        settings: The fill, its ladder, and how far masks grow.
        seed: The seed of the fill.
        is_final: Whether a person has decided on the regions, so that what is found elsewhere stays.

    Raises:
        ValueError: Something is still found after all that can be done.
    """
    marks = Marks(pixels.shape[:2], settings, regions)
    seen_again = 0
    for _ in range(_MOST_ROUNDS):
        filled = marks.filled(pixels, seed)
        left = [region for region in marks.left(as_rgb(filled), check) if not is_final or marks.touched(region)]
        if not left:
            return Redacted(filled, dict(marks.rungs), seen_again, marks.share())
        seen_again += marks.raise_to(left)
    raise ValueError(f"a {left[0].kind} is still found after {_MOST_ROUNDS} fills, at {tuple(map(round, left[0].box))}")


class Marks:
    """The regions of a picture, each with its rung of the ladder.

    Arguments:
        sides: The height and width of the picture.
        settings: The ladder, and how far masks grow.
        regions: The regions.
    """

    def __init__(self, sides: tuple[int, int], settings: Redaction, regions: Iterable[Region]) -> None:
        self._sides, self._settings = sides, settings
        self.rungs = dict.fromkeys(regions, 0)

    def filled(self, pixels: Pixels, seed: int) -> Pixels:
        """The picture with all regions filled, the strongest fill first, so that weaker ones see nothing below it."""
        for rung in sorted(set(self.rungs.values()), reverse=True):
            places = [(mask, region.kind) for region, mask in self._masks() if self.rungs[region] == rung]
            fill = load_fill(self._settings.ladder[rung])
            pixels = fill(pixels, [mask for mask, _ in places], seed, [kind for _, kind in places])
        return pixels

    def touched(self, region: Region) -> list[Region]:
        """The regions whose masks a region reaches into."""
        own = cover(region.box, *self._sides)
        return [] if own is None else [one for one, mask in self._masks() if _overlap(own, mask)]

    def left(self, pixels: NDArray[np.uint8], check: Detector) -> list[Region]:
        """What counts as left of what a detector finds in the filled picture."""
        last = len(self._settings.ladder) - 1
        weak = mask_of([mask for region, mask in self._masks() if self.rungs[region] < last], *self._sides)
        found = distinct(region for look in (Look.THOROUGH, Look.CHECK) for region in check(pixels, look))
        return [region for region in found if region.score >= self._least(region, weak)]

    def _least(self, region: Region, weak: NDArray[np.bool_]) -> float:
        """The score from which on a region counts: inside of what can be filled more, any doubt does."""
        place = cover(region.box, *self._sides)
        is_filled = place is not None and weak[place.slices].mean() >= _FILLED
        return min(DOUBT, self._settings.left_score) if is_filled else self._settings.left_score

    def raise_to(self, left: Iterable[Region]) -> int:
        """Lets what was found again be filled more; returns how many regions that adds."""
        last, before = len(self._settings.ladder) - 1, len(self.rungs)
        for region in left:
            touched = self.touched(region)
            if below := [one for one in touched if self.rungs[one] < last]:
                self.rungs.update({one: self.rungs[one] + 1 for one in below})
            else:  # nothing can be filled more: what is seen there is larger than the mask, or was never in one
                self.rungs[region] = last if touched else 0
        return len(self.rungs) - before

    def share(self) -> float:
        """The share of the picture that is in a mask."""
        return float(mask_of([mask for _, mask in self._masks()], *self._sides).mean())

    def _masks(self) -> Iterator[tuple[Region, Rectangle]]:
        """The regions that reach into the picture, each with what is filled of it."""
        for region in self.rungs:
            mask = cover(region.box.grown(self._settings.mask_scale), *self._sides)
            if mask is not None:
                yield region, mask


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right
