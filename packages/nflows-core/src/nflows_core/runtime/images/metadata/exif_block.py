"""An EXIF block, whose tags are read, and changed while everything else stays where it is.

A maker's note refers to places of the block by numbers that only its maker knows, so values never move: tags are taken
out of their directory or changed in it, and what nothing refers to any more is zeros.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction

from nflows_core.runtime.images.containers import tiff
from nflows_core.runtime.images.containers.tiff import Directory, Entry, Layout, Span, TiffError
from nflows_core.runtime.images.metadata.exif_tags import EXIF, GPS, IMAGE, INTEROP

PREFIX = b"Exif\0\0"
MAX_PREVIEWS = 16
"""Cameras write one or two; each may cost `tiff.MAX_TAGS`."""
SUBDIRECTORIES = 330
SUB_IFDS = (EXIF, GPS)
"""The directories to which the image's points."""


class Block:
    """A block whose tags can be read, and changed while everything else stays where it is.

    Arguments:
        block: The bytes, from TIFF's header on, with or without the words that stand before it in a JPEG file.

    Raises:
        TiffError: They are no EXIF block.
    """

    def __init__(self, block: bytes) -> None:
        self._data = bytearray(block.removeprefix(PREFIX))
        self._gone: list[Span] = []
        self.layout, self._first = tiff.read_layout(self._file())
        if self.layout.is_big:
            raise TiffError("an EXIF block is never BigTIFF")
        self._unread: list[tuple[int, int]] = []
        self.directories = dict(self._read())

    def tobytes(self) -> bytes:
        """The block, with zeros where something was that nothing refers to any more, and without them at its end."""
        free = tiff.without(self._gone, self._spans())
        for start, stop in free:
            self._data[start:stop] = bytes(stop - start)
        end = len(self._data)
        while free and free[-1].stop == end:
            end = free.pop().start
        return PREFIX + bytes(self._data[:end])

    def entry(self, directory: int, tag: int) -> Entry | None:
        return self.directories[directory].get(tag) if directory in self.directories else None

    def value(self, entry: Entry) -> bytes:
        return tiff.read_value(self._file(), entry, self.layout)

    def number(self, directory: int, tag: int) -> int | None:
        return tiff.number(self._file(), self.entry(directory, tag), self.layout)

    def ratio(self, directory: int, tag: int) -> Fraction | None:
        """The value of a tag that is one positive ratio."""
        entry = self.entry(directory, tag)
        if entry is None or entry.count != 1:
            return None
        value = tiff.numbers(entry, self.value(entry), self.layout)
        return Fraction(value[0]) if value and 0 < value[0] < float("inf") else None

    def values(self) -> Iterator[tuple[int, Entry, bytes]]:
        """Every tag with its directory and its bytes, without those that point to directories."""
        for name, directory in self.directories.items():
            for entry in directory.entries:
                if entry.tag not in (*SUB_IFDS, INTEROP):
                    yield name, entry, self.value(entry)

    def remove(self, directory: int, is_unwanted: Callable[[int], bool]) -> list[int]:
        """Takes tags out of a directory, and tells which they were."""
        before = self.directories[directory]
        kept = tuple(entry for entry in before.entries if not is_unwanted(entry.tag))
        taken = [entry for entry in before.entries if is_unwanted(entry.tag)]
        if taken:
            self._gone += [entry.span for entry in taken if entry.span]
            self._write(directory, kept, before.next)
        return [entry.tag for entry in taken]

    def remove_broken(self) -> list[int]:
        """Takes out the tags that cannot be read, and those that point to directories that cannot, and tells which."""
        broken: set[int] = set()
        for name, directory in list(self.directories.items()):
            pointers = {tag for parent, tag in self._unread if parent == name}
            if found := {*directory.broken, *self.remove(name, pointers.__contains__)}:
                self._write(name, self.directories[name].entries, directory.next)
                broken |= found
        return sorted(broken)

    def remove_previews(self) -> bool:
        """Unlinks the directories behind and below the first, and their pictures; whether there were any.

        Those are at most `MAX_PREVIEWS`: what more may lie in the block, nothing refers to.
        """
        before = self.directories[IMAGE]
        below = before.get(SUBDIRECTORIES)
        places = [before.next] if before.next else []
        if below and below.kind in (tiff.LONG, tiff.IFD):
            places += map(int, tiff.numbers(below, self.value(below), self.layout)[:MAX_PREVIEWS])
        if not places:
            return False
        self._gone += _preview_spans(self._file(), self.layout, places, len(self._data))
        self._write(IMAGE, before.entries, 0)
        return True

    def set(self, directory: int, tag: int, kind: int, *numbers: int) -> None:
        """Gives a tag a value; one that has no room where the old one stands goes to the block's end."""
        formats = {tiff.BYTE: "B", tiff.SHORT: "H", tiff.LONG: "I", tiff.RATIONAL: "II"}
        value = b"".join(
            self.layout.pack(formats[kind], *numbers[start : start + len(formats[kind])])
            for start in range(0, len(numbers), len(formats[kind]))
        )
        count = len(numbers) // len(formats[kind])
        entry = Entry(tag, kind, count, value.ljust(4, b"\0"))
        if len(value) > 4:
            start = self._append(value)
            entry = Entry(tag, kind, count, self.layout.pack("I", start), Span(start, start + len(value)))
        before = self.directories[directory]
        if (old := before.get(tag)) and old.span:
            self._gone.append(old.span)
        others = [other for other in before.entries if other.tag != tag]
        self._write(directory, tuple(sorted([*others, entry], key=lambda entry: entry.tag)), before.next)

    def _write(self, name: int, entries: tuple[Entry, ...], following: int) -> None:
        """Replaces a directory, where it stands if there is room, and else at the block's end."""
        before = self.directories[name]
        table = self.layout.pack("H", len(entries)) + b"".join(entry.packed(self.layout) for entry in entries)
        table += self.layout.pack("I", following)
        self._gone.append(before.span)
        place = before.span.start
        if len(table) > before.span.stop - place:
            place = self._append(b"")
        self._data[place : place + len(table)] = table
        self.directories[name] = Directory(Span(place, place + len(table)), entries, (), following)
        if place != before.span.start:
            self._point(name, place)

    def _point(self, name: int, place: int) -> None:
        if name == IMAGE:
            self._data[4:8] = self.layout.pack("I", place)
            self._first = place
        else:
            self.set(EXIF if name == INTEROP else IMAGE, name, tiff.LONG, place)

    def _append(self, value: bytes) -> int:
        self._data += bytes(len(self._data) % 2)
        start = len(self._data)
        self._data += value
        return start

    def _spans(self) -> list[Span]:
        return [Span(0, 8), *(span for directory in self.directories.values() for span in directory.spans())]

    def _file(self) -> io.BytesIO:
        return io.BytesIO(self._data)

    def _read(self) -> Iterator[tuple[int, Directory]]:
        file = self._file()
        image = tiff.read_directory(file, self.layout, self._first)
        yield IMAGE, image
        found = {IMAGE: image}
        for parent, name in ((IMAGE, EXIF), (IMAGE, GPS), (EXIF, INTEROP)):
            place = tiff.number(file, found[parent].get(name), self.layout) if parent in found else None
            if place is None:
                continue
            try:
                found[name] = tiff.read_directory(file, self.layout, place)
            except TiffError:
                self._unread.append((parent, name))
                continue
            yield name, found[name]


def _preview_spans(file: io.BytesIO, layout: Layout, places: list[int], size: int) -> Iterator[Span]:
    """What the directories at ``places`` and behind them take, and the pictures that they point to."""
    seen: set[int] = set()
    while places and len(seen) < MAX_PREVIEWS:
        place = places.pop()
        if not place or place in seen:
            continue
        seen.add(place)
        try:
            directory = tiff.read_directory(file, layout, place)
        except TiffError:
            continue
        yield from directory.spans()
        for starts, lengths in ((513, 514), (273, 279)):
            yield from _pointed(file, layout, directory.get(starts), directory.get(lengths), size)
        places.append(directory.next)


def _pointed(
    file: io.BytesIO, layout: Layout, starts: Entry | None, lengths: Entry | None, size: int
) -> Iterator[Span]:
    if starts is None or lengths is None:
        return
    both = (tiff.numbers(entry, tiff.read_value(file, entry, layout), layout) for entry in (starts, lengths))
    for start, length in zip(*both, strict=False):
        if start == start and length == length and start < size:
            yield Span(int(start), min(size, int(start + length)))
