"""XMP packets (ISO 16684-1), read once from front to back: time and memory grow as the packet does.

A packet that is kept stays as it is to the byte but for what is edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

Name = tuple[str, str]
"""A namespace and a name in it."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MAX_DEPTH = 100
"""Elements within elements; no writer of XMP comes near."""

MAX_PARTS = 1 << 14
"""Descriptions, properties and prefixes; of items and their texts there may be any number."""

_TAG = re.compile(rb"<[^\"'>]*(?:\"[^\"]*\"[^\"'>]*|'[^']*'[^\"'>]*)*>")
_ATTRIBUTE = re.compile(rb"\s+([^\s=>/]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")


class XmpError(ValueError):
    """A packet that is not read: it is no XML."""


class HostileXmpError(XmpError):
    """A packet that no program writes: it declares a document type, or has parts without end."""


@dataclass
class Property:
    """One property of the picture.

    Arguments:
        name: The property's name.
        shown: Its name as the packet writes it, with a prefix.
        start: Where it begins, as an element or as an attribute with the space before it.
        stop: Where it ends.
        is_attribute: Whether it is an attribute.
        scope: The prefixes that hold there and their namespaces.
        inner: Where the content of an element begins and ends.
        values: Its text, or those of the items of its array.
        is_plain: Whether it is no more than that: no structure, no reference, no text beside the items.
    """

    name: Name
    shown: str
    start: int
    stop: int
    is_attribute: bool
    scope: Mapping[str, str]
    inner: tuple[int, int] = (0, 0)
    values: list[str] = field(default_factory=list)
    is_plain: bool = True


class Edit(NamedTuple):
    """New bytes in the place of those from ``start`` to ``stop``."""

    start: int
    stop: int
    new: bytes = b""


class Node(NamedTuple):
    """A description of the picture: a child of ``rdf:RDF``, with the prefixes that hold there."""

    start: int
    stop: int
    tag_stop: int
    about: str | None
    scope: Mapping[str, str]


class Packet:
    """A packet's properties and where they stand.

    Arguments:
        data: The packet.

    Raises:
        XmpError: It is no XML.
        HostileXmpError: It declares a document type, by which a few bytes can become gigabytes, is nested deeper than
            `MAX_DEPTH`, or has more than `MAX_PARTS`.
    """

    def __init__(self, data: bytes) -> None:
        self.data = as_utf8(data)
        reader = _Reader(self.data)
        self.properties, self.nodes, self.rdf_stop = reader.properties, reader.nodes, reader.rdf_stop

    def value(self, name: Name) -> str | None:
        """The text of the first property of this name."""
        return next((one.values[0] for one in self.properties if one.name == name and one.values), None)

    def edited(self, edits: Iterable[Edit]) -> bytes:
        parts, place = [], 0
        for edit in sorted(edits):
            parts += [self.data[place : edit.start], edit.new]
            place = edit.stop
        return b"".join([*parts, self.data[place:]])


def as_utf8(data: bytes) -> bytes:
    """The packet in UTF-8, without what files append to it."""
    for mark, encoding in (
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"<\0", "utf-16-le"),
        (b"\0<", "utf-16-be"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace").rstrip("\0").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")


class _Reader:
    """Expat's events, turned into properties."""

    def __init__(self, data: bytes) -> None:
        self.properties: list[Property] = []
        self.nodes: list[Node] = []
        self.rdf_stop: int | None = None
        self._data = data
        self._scopes: list[Mapping[str, str]] = [{}]
        self._declared: dict[str, str] = {}
        self._prefixes = 0
        self._open: list[int] = []  # where the content of each open element begins
        self._rdf_depth: int | None = None
        self._property: Property | None = None
        self._text: list[str] = []
        self._parse()

    def _parse(self) -> None:
        parser = expat.ParserCreate("utf-8", " ")
        parser.namespace_prefixes = True
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        self._parser = parser
        try:
            parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise XmpError(f"no XML: {error}") from error

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._prefixes += 1
        self._check(self._prefixes <= MAX_PARTS >> 4, "prefixes")
        self._declared[prefix or ""] = uri or ""

    def _start(self, qualified: str, attributes: list[str]) -> None:
        depth, start = len(self._open), self._parser.CurrentByteIndex
        if depth >= MAX_DEPTH:
            raise HostileXmpError(f"elements are nested deeper than {MAX_DEPTH}")
        tag = _TAG.match(self._data, start)
        stop = tag.end() if tag else start
        self._scopes.append({**self._scopes[-1], **self._declared} if self._declared else self._scopes[-1])
        self._declared = {}
        name, shown = _split(qualified)
        self._open.append(stop)
        place = None if self._rdf_depth is None else depth - self._rdf_depth
        if name == (RDF, "RDF") and place is None:
            self._rdf_depth = depth
        elif place == 1:
            self._describe(attributes, start, stop)
        elif place == 2:
            self._property = Property(
                name, shown, start, stop, False, self._scopes[-1], is_plain=_is_literal(attributes)
            )
        elif self._property is not None and place is not None:
            self._go_down(place, name, attributes)
        self._text.clear()

    def _describe(self, attributes: list[str], start: int, stop: int) -> None:
        spans = {found[1].decode(): found.span() for found in _ATTRIBUTE.finditer(self._data, start, stop)}
        about = None
        for qualified, value in zip(attributes[::2], attributes[1::2], strict=True):
            name, shown = _split(qualified)
            if name == (RDF, "about"):
                about = value
            elif name[0] != RDF and shown in spans:
                self._check(len(self.properties) <= MAX_PARTS, "properties")
                self.properties.append(Property(name, shown, *spans[shown], True, self._scopes[-1], values=[value]))
        self.nodes.append(Node(start, stop, stop, about, self._scopes[-1]))
        self._check(len(self.nodes) + len(self.properties) <= MAX_PARTS, "properties")

    def _go_down(self, place: int, name: Name, attributes: list[str]) -> None:
        """An element inside of a property: the array, then its items; what else there is makes it a structure."""
        assert self._property is not None
        is_array = place == 3 and name[0] == RDF and name[1] in ("Seq", "Bag", "Alt") and not attributes
        is_item = place == 4 and name == (RDF, "li") and _is_literal(attributes)
        if not (is_array or is_item) or "".join(self._text).strip():
            self._property.is_plain = False

    def _end(self, qualified: str) -> None:
        tag_stop = self._open.pop()
        self._scopes.pop()
        at = self._parser.CurrentByteIndex
        is_empty = self._data[tag_stop - 2 : tag_stop] == b"/>"
        stop = tag_stop if is_empty else self._data.index(b">", at) + 1
        place = None if self._rdf_depth is None else len(self._open) - self._rdf_depth
        if place == 0:
            self._rdf_depth, self.rdf_stop = None, None if is_empty else at
        elif place == 1:
            self.nodes[-1] = self.nodes[-1]._replace(stop=stop)
        elif self._property is not None and place is not None:
            self._close(place, stop, (0, 0) if is_empty else (tag_stop, at))
        self._text.clear()

    def _close(self, place: int, stop: int, inner: tuple[int, int]) -> None:
        one, text = self._property, "".join(self._text)
        assert one is not None
        if place == 4:
            one.values.append(text)
        elif place == 2:
            if not one.values:
                one.values = [text]
            elif text.strip():
                one.is_plain = False
            one.stop, one.inner = stop, inner
            self.properties.append(one)
            self._check(len(self.properties) <= MAX_PARTS, "properties")
            self._property = None

    def _check(self, is_bounded: bool, what: str) -> None:
        if not is_bounded:
            raise HostileXmpError(f"it has more {what} than any writer makes")


def _refuse(*_: object) -> None:
    raise HostileXmpError("it declares a document type, which XMP never does")


def _split(qualified: str) -> tuple[Name, str]:
    """The name of an element or attribute of expat's ``namespace name prefix``, and as it is written."""
    parts = qualified.split(" ")
    if len(parts) == 1:
        return ("", parts[0]), parts[0]
    return (parts[0], parts[1]), f"{parts[2]}:{parts[1]}" if len(parts) > 2 else parts[1]


def _is_literal(attributes: list[str]) -> bool:
    """Whether an element has no attribute but its language."""
    return all(name.startswith("http://www.w3.org/XML/1998/namespace lang") for name in attributes[::2])


def prefixes(scope: Mapping[str, str]) -> Iterator[str]:
    """The declarations of a scope, as attributes."""
    for prefix, uri in scope.items():
        name = f"xmlns:{prefix}" if prefix else "xmlns"
        yield f' {name}="{escaped(uri)}"'


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
