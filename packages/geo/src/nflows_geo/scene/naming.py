"""What bands are called: each by a name of its own, and found by what a person writes for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

_NUMBER = re.compile(r"b?0*(\d+[a-z]?)", re.IGNORECASE)
_MOST = 40
"""Names that an error lists."""


def unique(names: Sequence[str]) -> list[str]:
    """The same names, with a number where one comes again; capitals do not tell names apart, as in a GeoPackage.

    Example:
        >>> unique(["B", "B", "C", "b"])
        ['B', 'B (2)', 'C', 'b (3)']
    """
    taken: set[str] = set()
    return [_free(name, taken) for name in names]


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name} ({number})"
    taken.add(free.casefold())
    return free


def is_named(name: str, wanted: Sequence[str]) -> bool:
    """Whether one of the words that a person wrote is the name of a sensor's band: ``B4`` by ``4``, ``b04`` or ``3-5``.

    Example:
        >>> is_named("B8A", ["8a"]), is_named("B5", ["4-9"]), is_named("B3N", ["3"])
        (True, True, False)
    """
    return _plain(name) in {_plain(word) for words in wanted for word in _words(words)}


def find_bands(wanted: Sequence[str], names: Sequence[str], places: Mapping[int, str] | None = None) -> list[str]:
    """The bands that a person means, each by its name, ``B4`` also by ``4``, or by its place in a raster.

    Several may be written together: ``4-9``, or with blanks between. A number is no place where bands have numbers for
    names that are others than their places, so that it never means both.

    Arguments:
        wanted: What was written.
        names: The names of the bands.
        places: The names by the places of the bands, from 1, if a number may mean one.

    Raises:
        ValueError: There is no such band.

    Example:
        >>> find_bands(["NIR", "1-2"], ["red", "nir", "swir"], {1: "red", 2: "nir", 3: "swir"})
        ['nir', 'red']
    """
    numbered = {place: name for place, name in (places or {}).items() if _NUMBER.fullmatch(name.strip())}
    usable = all(_plain(name) == str(place) for place, name in numbered.items())
    found = [name for words in wanted for name in _find(words, names, (places or {}) if usable else {})]
    return list(dict.fromkeys(found))


def _find(words: str, names: Sequence[str], places: Mapping[int, str]) -> Iterator[str]:
    if words in names:
        yield words
        return
    plain = {_plain(name): name for name in reversed(names)}
    for word in [words] if _plain(words) in plain else _words(words):
        if _plain(word) in plain:
            yield plain[_plain(word)]
        elif word.isdecimal() and int(word) in places:
            yield places[int(word)]
        else:
            more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
            raise ValueError(f"no band is called {word!r}; the bands are {', '.join(names[:_MOST])}{more}")


def _words(words: str) -> Iterator[str]:
    """The words between blanks, and the numbers of a range such as ``4-9``."""
    for word in words.split():
        ends = re.fullmatch(r"(\d{1,4})-(\d{1,4})", word)
        yield from (str(number) for number in range(int(ends[1]), int(ends[2]) + 1)) if ends else [word]


def _plain(name: str) -> str:
    """What is left of a sensor's name for a band: 4 of B4, B04 and 4."""
    number = _NUMBER.fullmatch(name.strip())
    return (number[1] if number else name.strip()).casefold()
