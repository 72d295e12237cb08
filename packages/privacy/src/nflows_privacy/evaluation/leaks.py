"""What can still be read: text before and after, compared by what they have in common."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEAST_RUN = 3
"""So many characters in a row, read again, are a leak: with them a plate is one of few."""
_SURE = 0.5
"""The score below which a reader guesses: on pictures before, whose text is what others are compared with."""


class Reading(NamedTuple):
    """What a reader makes of one view of a region.

    Arguments:
        text: The letters and digits, in capitals.
        score: How sure the reader is, in [0, 1].
    """

    text: str
    score: float


@dataclass(frozen=True)
class Leak:
    """What was read in a region before and after. Neither text is kept: it would be what was to be hidden.

    Arguments:
        characters: How many characters there are in the text before.
        run: The most of them that are read again in a row.
        distance: The fewest insertions, deletions and replacements by which a text after becomes the one before.
    """

    characters: int
    run: int
    distance: int

    @property
    def is_leak(self) -> bool:
        return self.run >= LEAST_RUN


def find_leak(before: Iterable[Reading], after: Sequence[Reading]) -> Leak | None:
    """Compares all that is read after with the best that is read before.

    Arguments:
        before: The readings of a region before. The best is the longest of which the reader is sure, the surest of
            those of the same length.
        after: All readings of the same region after, however unsure.

    Returns:
        What they share; nothing where fewer than `LEAST_RUN` characters could be read before.
    """
    sure = [one for one in before if one.score >= _SURE and len(one.text) >= LEAST_RUN]
    if not sure:
        return None
    text = max(sure, key=lambda one: (len(one.text), one.score)).text
    runs = (longest_common_run(text, one.text) for one in after)
    distances = (edit_distance(text, one.text) for one in after)
    return Leak(len(text), max(runs, default=0), min(distances, default=len(text)))


def longest_common_run(first: str, second: str) -> int:
    """The length of the longest string that both contain.

    Example:
        >>> longest_common_run("B02951", "XX0295")
        4
    """
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    return matcher.find_longest_match().size


def edit_distance(first: str, second: str) -> int:
    """The fewest characters to insert, delete or replace to make one string of the other (Levenshtein 1966).

    Example:
        >>> edit_distance("kitten", "sitting")
        3
    """
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, start=1):
        above, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (one != other))
    return row[-1]
