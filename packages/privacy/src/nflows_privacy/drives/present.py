"""Signs that stand at the road: boxes in frames, which say that a sign that is expected is not missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nflows_privacy.annotations.groups import word_of
from nflows_privacy.redaction.erasing import is_hole
from nflows_privacy.regions import Region

TRACK = "track"
"""The attribute of a region, and the column of a table, that says which boxes of a drive show one sign."""
_YES = ("1", "true", "yes")


@dataclass(frozen=True)
class Standing:
    """A sign that stands at the road.

    Arguments:
        first: The number of the first frame that shows it.
        last: The number of the last one.
        track: The id of its track, if it has one.
        condition: What is noted of it, such as ``tilted`` or ``occluded``, in any of its frames.
    """

    first: int
    last: int
    track: str | None
    condition: frozenset[str]

    def is_near(self, first: int, last: int, gap: int) -> bool:
        """Whether it stands in the frames from ``first`` to ``last``, or up to ``gap`` frames before or behind."""
        return self.first - gap <= last and first <= self.last + gap


def standing_signs(
    frames: Iterable[tuple[int, str]], regions: Mapping[str, Sequence[Region]]
) -> dict[str, list[Standing]]:
    """The signs that stand along one drive, by their classes as `word_of` gives them.

    Boxes of one track and class are one sign, which stands there in the frames between them too; a box without a track
    is a sign of its own. What was erased stands no more, and decoys never did.

    Arguments:
        frames: The number and the picture of each frame in order.
        regions: The boxes in each picture, by its path.
    """
    boxes: dict[tuple[object, ...], list[tuple[int, Region]]] = {}
    for number, picture in frames:
        for region in regions.get(picture, ()):
            if not is_hole(region):
                track = dict(region.attributes).get(TRACK)
                boxes.setdefault((region.kind, track) if track else (region, number), []).append((number, region))
    signs: dict[str, list[Standing]] = {}
    for found in boxes.values():
        signs.setdefault(word_of(found[0][1].kind), []).append(_sign(found))
    return signs


def _sign(boxes: Sequence[tuple[int, Region]]) -> Standing:
    noted = [(name, word) for _, region in boxes for name, word in region.attributes if name != TRACK]
    condition = frozenset(name for name, word in noted if word.lower() in _YES)
    return Standing(boxes[0][0], boxes[-1][0], dict(boxes[0][1].attributes).get(TRACK), condition)
