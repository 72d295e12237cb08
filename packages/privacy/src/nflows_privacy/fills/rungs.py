"""How strongly each region of a picture is filled: what is seen in spite of its fill climbs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nflows_privacy.regions import Region, boxes_array, intersections

MOST_ROUNDS = 12
"""Rounds of looking and filling: each climbs a rung or adds a region, and a picture needs two as a rule."""


class Rungs:
    """The regions of a picture, each with the rung of the ladder of fills by which it is filled.

    Arguments:
        regions: The regions and their rungs, 0 of the first fill.
        last: The rung of the strongest fill.
        mask_scale: How many times the sides of a region grow before it is filled.
    """

    def __init__(self, regions: Mapping[Region, int], last: int, mask_scale: float) -> None:
        self.of = dict(regions)
        self.last = last
        self._mask_scale = mask_scale

    def strongest_first(self) -> Iterator[tuple[int, list[Region]]]:
        """The rungs in use, each with the masks of its regions: in this order, a weaker fill sees nothing below one."""
        for rung in sorted(set(self.of.values()), reverse=True):
            yield rung, self.masks(region for region, its in self.of.items() if its == rung)

    def masks(self, regions: Iterable[Region]) -> list[Region]:
        """The regions as they are filled, grown outwards."""
        return [Region(one.box.grown(self._mask_scale), one.kind, one.score) for one in regions]

    def touched(self, region: Region) -> list[Region]:
        """The regions whose masks a region reaches into."""
        shared = intersections(boxes_array([region]), boxes_array(self.masks(self.of)))[0]
        return [one for one, area in zip(self.of, shared, strict=True) if area > 0]

    def climb(self, left: Iterable[Region]) -> None:
        """Lets what is still seen be filled more strongly.

        Where nothing can be, it is larger than the mask, or was never in one, and becomes a region.
        """
        for region in left:
            touched = self.touched(region)
            if below := [one for one in touched if self.of[one] < self.last]:
                self.of.update({one: self.of[one] + 1 for one in below})
            else:
                self.of[region] = self.last if touched else 0
