"""What bands are called: each by a name of its own, and found by what a person writes for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

_NUMBER = re.compile(r"b?0*(\d+[a-z]?)")
_NUMBER_WITHIN = re.compile(r"(?<![a-z0-9])(?:band[ _-]?|b)0*(\d+[a-z]?)(?![a-z0-9])")
"""The number of a sensor's band: all of a name such as B8A, and within one such as LC08_L2SP_SR_B4 or Band 7 (2.22)."""
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
    return _typed(name) in {_typed(word) for words in wanted for word in _words(words)}


def find_bands(wanted: Sequence[str], names: Sequence[str], places: Mapping[int, str] | None = None) -> list[str]:
    """The bands that a person means, each by its name, ``B4`` also by ``4``, or by its place in a raster.

    Several may be written together: ``4-9``, or with blanks between. A number is no place where names have numbers that
    are others than the places of their bands, so that it never means both.

    Arguments:
        wanted: What was written.
        names: The names of the bands.
        places: The names by the places of the bands, from 1, if a number may mean one.

    Raises:
        ValueError: There is no such band, or several may be meant.

    Example:
        >>> find_bands(["NIR", "1-2"], ["red", "nir", "swir"], {1: "red", 2: "nir", 3: "swir"})
        ['nir', 'red']
    """
    numbers = {place: _number(name) for place, name in (places or {}).items()}
    usable = all(number is None or number == str(place) for place, number in numbers.items())
    found = [name for words in wanted for name in _find(words, names, (places or {}) if usable else {})]
    return list(dict.fromkeys(found))


def _find(words: str, names: Sequence[str], places: Mapping[int, str]) -> Iterator[str]:
    if words in names:
        yield words
        return
    meant: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        for word in {name.casefold(), _number(name) or name.casefold()}:
            meant.setdefault(word, []).append(name)
    for word in [words] if _typed(words) in meant else _words(words):
        some = meant.get(_typed(word), [])
        if len(some) > 1:
            raise ValueError(f"{word!r} may mean {' or '.join(some[:_MOST])}; give the whole name")
        if some:
            yield some[0]
        elif word.isdecimal() and int(word) in places:
            yield places[int(word)]
        else:
            more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
            raise ValueError(f"no band is called {word!r}; the bands are {', '.join(names[:_MOST])}{more}")


def _words(words: str) -> Iterator[str]:
    """The words between blanks, and the numbers of a range such as ``4-9``."""
    for word in words.split():
        ends = re.fullmatch(r"(\d{1,4})-(\d{1,4})", word)
        numbers = range(int(ends[1]), int(ends[2]) + 1) if ends else ()
        yield from map(str, numbers) if numbers else [word]


def _typed(word: str) -> str:
    """What a person wrote, as it is compared: 4 for B4, B04 and 4, and else in small letters."""
    whole = _NUMBER.fullmatch(word.casefold())
    return whole[1] if whole else word.casefold()


def _number(name: str) -> str | None:
    """The number of the sensor's band that a name tells, if it tells one."""
    if whole := _NUMBER.fullmatch(name.casefold()):
        return whole[1]
    within = {match[1] for match in _NUMBER_WITHIN.finditer(name.casefold())}
    return within.pop() if len(within) == 1 else None
