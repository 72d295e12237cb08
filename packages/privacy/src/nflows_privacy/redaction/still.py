"""A picture redacted: filled, looked at again, and filled more until nothing is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nflows_privacy.detection import Detector, Look, distinct
from nflows_privacy.fills import load_fill
from nflows_privacy.fills.rungs import MOST_ROUNDS, Rungs
from nflows_privacy.masks import cover, covers, mask_of
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.redaction.settings import DOUBT, Redaction
from nflows_privacy.regions import Region
from nflows_privacy.rgb import Pixels

_FILLED = 0.5
"""The part of a region that is filled, from which on it is the fill that shows something."""


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
    rungs = Rungs(dict.fromkeys(regions, 0), len(settings.ladder) - 1, settings.mask_scale)
    for _ in range(MOST_ROUNDS):
        filled = _filled(pixels, rungs, settings, seed)
        left = _left(filled, rungs, check, settings.left_score)
        if is_final:
            left = [region for region in left if rungs.touched(region)]
        if not left:
            mask = mask_of(covers(rungs.masks(rungs.of), *pixels.shape[:2]), *pixels.shape[:2])
            return Redacted(filled, rungs.of, len(rungs.of) - len(set(regions)), float(mask.mean()))
        rungs.climb(left)
    raise ValueError(f"a {left[0].kind} is still found after {MOST_ROUNDS} fills, at {tuple(map(round, left[0].box))}")


def _filled(pixels: Pixels, rungs: Rungs, settings: Redaction, seed: int) -> Pixels:
    for rung, masks in rungs.strongest_first():
        places = [(cover(mask.box, *pixels.shape[:2]), mask.kind) for mask in masks]
        inside = [(place, kind) for place, kind in places if place is not None]
        fill = load_fill(settings.ladder[rung])
        pixels = fill(pixels, [place for place, _ in inside], seed, [kind for _, kind in inside])
    return pixels


def _left(pixels: Pixels, rungs: Rungs, check: Detector, left_score: float) -> list[Region]:
    """What counts as left in the filled picture: inside of what can be filled more, any doubt does."""
    sides = pixels.shape[:2]
    weak = mask_of(covers(rungs.masks(one for one, rung in rungs.of.items() if rung < rungs.last), *sides), *sides)

    def least(region: Region) -> float:
        place = cover(region.box, *sides)
        is_filled = place is not None and weak[place.slices].mean() >= _FILLED
        return min(DOUBT, left_score) if is_filled else left_score

    found = distinct(region for look in (Look.THOROUGH, Look.CHECK) for region in seen_by(check, pixels, look))
    return [region for region in found if region.score >= least(region)]
