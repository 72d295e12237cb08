"""What is wrong with single boxes of a file, named and counted, so that it need not stop the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nflows_core.runtime.foreign_text import visible

_NAMED = 3

NO_AREA = "boxes have no area and are left out"
REVERSED = "boxes have left > right or top > bottom and are left out"
NO_NUMBERS = "boxes have no four finite numbers and are left out"
OUTSIDE = "boxes lie outside of their picture and are left out"
CUT = "boxes reach out of their picture and are cut off there"
UNNAMED = "boxes are of a class without a name"
TWICE = "pictures or boxes are listed twice and count once"
MISSING = "pictures with boxes are not among the inputs"
TURNED = "pictures are turned by their EXIF, and so are their boxes, which count in the pixels as stored"
UPRIGHT = "pictures are turned by their EXIF, and their boxes are taken to count as they are shown"
NO_PICTURE = "boxes are of a picture that the file does not list, and are left out"


class Faults:
    """How often each thing is wrong, and where it is at first: memory does not grow by their number.

    Example:
        >>> faults = Faults()
        >>> faults.add(NO_AREA, "line 4")
        >>> list(faults.lines())
        ['1 boxes have no area and are left out: line 4']
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, what: str, place: str) -> None:
        """One more of a kind."""
        self._counts[what] = self._counts.get(what, 0) + 1
        places = self._places.setdefault(what, [])
        if len(places) < _NAMED:
            places.append(visible(place))

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return dict(self._counts)

    def lines(self) -> Iterator[str]:
        """A line for each kind, with its number and where the first ones are."""
        for what, count in self._counts.items():
            more = ", …" if count > _NAMED else ""
            yield f"{count} {what}: {', '.join(self._places[what])}{more}"


def fault_of(left: float, top: float, right: float, bottom: float) -> str | None:
    """What is wrong with the numbers of a box, if anything is.

    Example:
        >>> fault_of(0, 0, 0, 4) == NO_AREA, fault_of(5, 0, 1, 4) == REVERSED, fault_of(0, 0, 1, 4)
        (True, True, None)
    """
    if not all(map(math.isfinite, (left, top, right, bottom))):
        return NO_NUMBERS
    if left > right or top > bottom:
        return REVERSED
    return NO_AREA if left == right or top == bottom else None
