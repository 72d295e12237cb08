"""The classes that a person tells apart, and the keys of each."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nflows_core.runtime.foreign_text import visible

MOST_CLASSES = 35
"""Nine digits and the letters."""
_DIGITS = "123456789"
_LONGEST = 60


class LabelClass(NamedTuple):
    """A class.

    Arguments:
        name: Its name.
        keys: The keys that give it, a digit for the first nine classes, and a letter where one is free.
    """

    name: str
    keys: str


def label_classes(words: Sequence[str]) -> tuple[LabelClass, ...]:
    """The classes in the order of their words, each with its keys.

    The first nine have the digits 1 to 9. A class has the first letter of its name that no other has, those beyond the
    ninth before the others; a word ``k=name`` asks for the letter k.

    Arguments:
        words: The name of each class, maybe with a letter.

    Raises:
        ValueError: There are fewer than two or more than `MOST_CLASSES`, two have one name or one key, a name is empty,
            too long or cannot be shown, or no key is left for one.

    Example:
        >>> [f"{one.keys}: {one.name}" for one in label_classes(["broken", "grain", "b=black"])]
        ['1: broken', '2g: grain', '3b: black']
    """
    asked = [_parsed(word) for word in words]
    names = [name for name, _ in asked]
    if not 2 <= len(names) <= MOST_CLASSES:
        raise ValueError(f"`classes`: a person tells 2 to {MOST_CLASSES} classes apart by keys, got {len(names)}")
    _refuse_twice("class", names)
    _refuse_twice("key", [key for _, key in asked if key])
    letters = {name: key for name, key in asked if key}
    for name in (*names[len(_DIGITS) :], *names[: len(_DIGITS)]):
        if name not in letters and (letter := _free_letter(name, letters.values(), name in names[len(_DIGITS) :])):
            letters[name] = letter
    digits = dict(zip(names, _DIGITS, strict=False))
    return tuple(LabelClass(name, digits.get(name, "") + letters.get(name, "")) for name in names)


def _parsed(word: str) -> tuple[str, str]:
    """Name and letter of a class; a name may have ``=`` in it behind its second letter."""
    letter, _, name = word.partition("=") if word[1:2] == "=" else ("", "", word)
    name = name.strip()
    if letter and letter.lower() not in string.ascii_lowercase:
        raise ValueError(f"`classes`: the key of a class is a letter, a to z, and {visible(letter)!r} is none")
    if not 0 < len(name) <= _LONGEST or visible(name) != name:
        raise ValueError(f"`classes`: the name of a class has 1 to {_LONGEST} letters, and {visible(name)!r} is none")
    return name, letter.lower()


def _refuse_twice(what: str, values: Sequence[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise ValueError(f"`classes`: {count} of them have the {what} {value}; give each its own")


def _free_letter(name: str, taken: Iterable[str], is_needed: bool) -> str:
    own = [letter for letter in name.lower() if letter in string.ascii_lowercase]
    candidates = [*own, *string.ascii_lowercase] if is_needed else own[:1]
    free = [letter for letter in candidates if letter not in taken]
    if is_needed and not free:
        raise ValueError(f"`classes`: no key is left for {name}; the first {len(_DIGITS)} need no letter")
    return free[0] if free else ""
