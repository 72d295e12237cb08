"""TIFF's directories and values (TIFF 6.0, sections 2 and 8; BigTIFF), which are those of EXIF blocks too."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import IO, Literal, NamedTuple

# Bytes of one value by its kind; 129 is the UTF-8 of EXIF 3.0.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SIGNED_RATIONAL, IFD, LONG8, UTF8 = 1, 2, 3, 4, 5, 7, 10, 13, 16, 129

MAX_TAGS = 1 << 12
"""Tags of a directory that is read; the standards know some hundreds."""

_NUMBERS = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    7: "B",
    8: "h",
    9: "i",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_PAIRS = {5: "I", 10: "i"}


class TiffError(ValueError):
    """Bytes that are no TIFF structure."""


class Layout(NamedTuple):
    """How the numbers of a file are stored.

    Arguments:
        order: The byte order, as `struct` names it.
        is_big: Whether it is BigTIFF, with offsets of 64 bits.
    """

    order: Literal["<", ">"]
    is_big: bool = False

    def unpack(self, format: str, data: bytes, start: int = 0) -> tuple[int, ...]:
        return struct.unpack_from(self.order + format, data, start)

    def pack(self, format: str, *values: int) -> bytes:
        return struct.pack(self.order + format, *values)

    @property
    def offset(self) -> str:
        return "Q" if self.is_big else "I"

    @property
    def counter(self) -> str:
        return "Q" if self.is_big else "H"

    @property
    def entry_size(self) -> int:
        return 20 if self.is_big else 12

    @property
    def room(self) -> int:
        """Bytes of an entry's field, which holds the value itself if it fits."""
        return 8 if self.is_big else 4


class Span(NamedTuple):
    """Bytes ``start`` to ``stop`` of a file."""

    start: int
    stop: int


@dataclass(frozen=True)
class Entry:
    """One tag of a directory.

    Arguments:
        tag: The tag's number.
        kind: The type of its values.
        count: The number of its values.
        field: The bytes of its field: the value, or where it stands.
        span: Where the value stands, if it does not fit into the field.
    """

    tag: int
    kind: int
    count: int
    field: bytes
    span: Span | None = None

    def packed(self, layout: Layout) -> bytes:
        return layout.pack(f"HH{layout.offset}", self.tag, self.kind, self.count) + self.field


@dataclass(frozen=True)
class Directory:
    """A directory and where it stands.

    Arguments:
        span: The bytes of the directory itself, with the place of the next one.
        entries: Its tags, without those of unknown kinds or whose values lie outside of the file.
        broken: The numbers of the tags left out.
        next: The place of the next directory, or 0.
    """

    span: Span
    entries: tuple[Entry, ...]
    broken: tuple[int, ...]
    next: int

    def get(self, tag: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def spans(self) -> list[Span]:
        """What it takes in the file, values included."""
        return [self.span, *(entry.span for entry in self.entries if entry.span)]


def read_layout(file: IO[bytes]) -> tuple[Layout, int]:
    """The layout of a file, and the place of its first directory.

    Raises:
        TiffError: The file does not begin as TIFF does.
    """
    file.seek(0)
    header = file.read(16)
    order: Literal["<", ">"] | None = {b"II": "<", b"MM": ">"}.get(header[:2])  # type: ignore[assignment]
    if order is None or len(header) < 8:
        raise TiffError("no TIFF header")
    layout = Layout(order, header[2:4] in (b"+\0", b"\0+"))
    if layout.is_big:
        if len(header) < 16:
            raise TiffError("no TIFF header")
        return layout, layout.unpack("Q", header, 8)[0]
    return layout, layout.unpack("I", header, 4)[0]


def read_directory(file: IO[bytes], layout: Layout, place: int) -> Directory:
    """The directory at ``place``.

    Raises:
        TiffError: The file ends before the directory does, or its values overlap beyond measure.
    """
    size = file.seek(0, 2)
    counter = struct.calcsize(layout.order + layout.counter)
    if not 0 < place <= size - counter:
        raise TiffError(f"no directory at {place}")
    file.seek(place)
    (count,) = layout.unpack(layout.counter, file.read(counter))
    stop = place + counter + count * layout.entry_size
    if stop > size or count > MAX_TAGS:
        raise TiffError(f"the directory at {place} is cut short or too long")
    table = file.read(count * layout.entry_size)
    tail = file.read(layout.room)
    entries, broken = [], []
    for start in range(0, len(table), layout.entry_size):
        entry = _entry(layout, table[start : start + layout.entry_size], size)
        entries.append(entry) if entry else broken.append(layout.unpack("H", table, start)[0])
    if sum(map(length, entries)) > size:
        raise TiffError(f"the values of the directory at {place} are more than the file")
    following = layout.unpack(layout.offset, tail)[0] if len(tail) == layout.room else 0
    return Directory(Span(place, stop + len(tail)), tuple(entries), tuple(broken), following)


def length(entry: Entry) -> int:
    """The bytes of an entry's value."""
    return SIZES[entry.kind] * entry.count


def read_value(file: IO[bytes], entry: Entry, layout: Layout) -> bytes:
    """The bytes of an entry's value, in the file's order."""
    if entry.span is None:
        return entry.field[: length(entry)]
    return read_span(file, entry.span)


def read_span(file: IO[bytes], span: Span) -> bytes:
    file.seek(span.start)
    return file.read(span.stop - span.start)


def numbers(entry: Entry, value: bytes, layout: Layout) -> tuple[Fraction | float, ...]:
    """The numbers of a value; none of text, and a pair without a denominator is NaN."""
    if entry.kind in _PAIRS:
        parts = layout.unpack(f"{2 * entry.count}{_PAIRS[entry.kind]}", value)
        return tuple(Fraction(a, b) if b else float("nan") for a, b in zip(parts[::2], parts[1::2], strict=True))
    if entry.kind in _NUMBERS:
        return layout.unpack(f"{entry.count}{_NUMBERS[entry.kind]}", value)
    return ()


def number(file: IO[bytes], entry: Entry | None, layout: Layout) -> int | None:
    """The first number of a tag, if it is a whole one."""
    if entry is None or not 0 < entry.count < 1 << 16:
        return None
    found = numbers(entry, read_value(file, entry, layout), layout)
    return int(found[0]) if found and found[0] == found[0] and found[0] == int(found[0]) else None


def swapped(entry: Entry, value: bytes, layout: Layout, order: Literal["<", ">"]) -> bytes:
    """A value of a file of ``layout`` as it is stored in ``order``."""
    width = SIZES[entry.kind] // (2 if entry.kind in _PAIRS else 1)
    if order == layout.order or width == 1:
        return value
    return b"".join(value[start : start + width][::-1] for start in range(0, len(value), width))


@dataclass(frozen=True)
class Value:
    """A tag's value apart from any file, its bytes in the order of the directory that it is for."""

    kind: int
    count: int
    data: bytes


def packed_directory(values: dict[int, Value], layout: Layout, place: int, following: int = 0) -> bytes:
    """A directory to stand at ``place``, an even one, and behind it the values that do not fit into it."""
    start = place + len(layout.pack(layout.counter, 0)) + layout.entry_size * len(values) + layout.room
    table, behind = [], bytearray()
    for tag, value in sorted(values.items()):
        entry = Entry(tag, value.kind, value.count, value.data.ljust(layout.room, b"\0"))
        if len(value.data) > layout.room:
            entry = replace(entry, field=layout.pack(layout.offset, start + len(behind)))
            behind += value.data + bytes(len(value.data) % 2)
        table.append(entry.packed(layout))
    head = layout.pack(layout.counter, len(values)) + b"".join(table) + layout.pack(layout.offset, following)
    return head + bytes(behind)


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What of the union of ``spans`` no span of ``taken`` covers, in order."""
    rest = []
    blocks = merged(taken)
    first = 0
    for start, stop in merged(spans):
        while first < len(blocks) and blocks[first].stop <= start:
            first += 1
        place = first
        while place < len(blocks) and blocks[place].start < stop:
            if blocks[place].start > start:
                rest.append(Span(start, blocks[place].start))
            start = max(start, blocks[place].stop)
            place += 1
        if start < stop:
            rest.append(Span(start, stop))
    return rest


def merged(spans: Iterable[Span]) -> list[Span]:
    """The union of ``spans``, in order."""
    union: list[Span] = []
    for span in sorted(spans):
        if union and span.start <= union[-1].stop:
            union[-1] = Span(union[-1].start, max(union[-1].stop, span.stop))
        else:
            union.append(span)
    return union


def _entry(layout: Layout, data: bytes, size: int) -> Entry | None:
    tag, kind, count = layout.unpack(f"HH{layout.offset}", data)
    field = data[-layout.room :]
    length = SIZES.get(kind, 0) * count
    if kind not in SIZES:
        return None
    if length <= layout.room:
        return Entry(tag, kind, count, field)
    (place,) = layout.unpack(layout.offset, field)
    return Entry(tag, kind, count, field, Span(place, place + length)) if place + length <= size else None
