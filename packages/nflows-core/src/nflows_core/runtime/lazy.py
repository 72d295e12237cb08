"""Sequences and mappings whose items are made when they are asked for: of a million, memory holds a number each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")
U = TypeVar("U")


class LazySequence(Sequence[T]):
    """A sequence whose items are made by their numbers, again each time.

    Arguments:
        make: The function that makes an item.
        numbers: The numbers of the items, in their order.

    Example:
        >>> squares = LazySequence(lambda number: number**2, range(1_000_000))
        >>> squares[-1], list(squares[2:4]), list(squares.map(str)[:3])
        (999998000001, [4, 9], ['0', '1', '4'])
    """

    def __init__(self, make: Callable[[int], T], numbers: Sequence[int]) -> None:
        self._make = make
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> LazySequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | LazySequence[T]:
        if isinstance(place, slice):
            return LazySequence(self._make, self._numbers[place])
        return self._make(self._numbers[place])

    def map(self, function: Callable[[T], U]) -> LazySequence[U]:
        """What a function makes of each item."""
        return LazySequence(lambda number: function(self._make(number)), self._numbers)


class SortedMapping(Mapping[str, T], Generic[T]):
    """A mapping in the order of its keys, which are in memory; of equal keys the last one counts.

    Arguments:
        keys: The keys, in any order.
        values: Their values.

    Example:
        >>> lengths = SortedMapping(["bb", "a", "bb"], LazySequence(lambda number: number + 10, range(3)))
        >>> dict(lengths)
        {'a': 11, 'bb': 12}
    """

    def __init__(self, keys: Sequence[str], values: Sequence[T]) -> None:
        texts = list(keys)
        order = array("q", sorted(range(len(texts)), key=texts.__getitem__))
        self._keys: list[str] = []
        numbers = array("q")
        for number in order:
            if self._keys and self._keys[-1] == texts[number]:
                numbers[-1] = number
            else:
                self._keys.append(texts[number])
                numbers.append(number)
        self._values = LazySequence(values.__getitem__, numbers)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __getitem__(self, key: str) -> T:
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key:
            raise KeyError(key)
        return self._values[place]

    def map(self, function: Callable[[T], U]) -> SortedMapping[U]:
        """What a function makes of each value."""
        return SortedMapping(self._keys, self._values.map(function))
