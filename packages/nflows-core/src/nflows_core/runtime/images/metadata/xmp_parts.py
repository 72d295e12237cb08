"""Packets in two parts: what is more than the 64 kB of JPEG's segment is an extended packet (ISO 16684-3, 1.1.3)."""

from __future__ import annotations

import hashlib
import re

from nflows_core.runtime.images.metadata.xmp import NOTE
from nflows_core.runtime.images.metadata.xmp_packet import (
    RDF,
    Edit,
    Node,
    Packet,
    Property,
    XmpError,
    escaped,
    prefixes,
)

MAX_EXTENDED = 1 << 28
"""Bytes of an extended packet that is read."""

_POINTER_ROOM = 300
"""Bytes that the pointer to the extended packet takes in the first, and more."""

_NAME = re.compile(rb"<[^\s/>]+")


def joined(standard: bytes, extended: bytes) -> bytes:
    """One packet of both parts.

    Raises:
        XmpError: A part is no packet.
    """
    first, second = Packet(standard), Packet(extended)
    if first.rdf_stop is None:
        raise XmpError("it has no place for its second part")
    nodes = b"".join(_standalone(second, node) for node in second.nodes)
    pointers = [Edit(one.start, one.stop) for one in first.properties if one.name == (NOTE, "HasExtendedXMP")]
    return first.edited([*pointers, Edit(first.rdf_stop, first.rdf_stop, nodes)])


def split(packet: Packet, room: int) -> tuple[bytes, bytes, str] | None:
    """The packet in two parts, the first of at most ``room`` bytes, and the name of the second; None if that cannot be.

    The largest properties go into the second part.
    """
    if packet.rdf_stop is None or not packet.nodes:
        return None
    moved: list[Property] = []
    size = len(packet.data) + _POINTER_ROOM
    for one in sorted(packet.properties, key=lambda one: one.stop - one.start, reverse=True):
        if size <= room:
            break
        moved.append(one)
        size -= one.stop - one.start
    if size > room:
        return None
    about = escaped(packet.nodes[0].about or "")
    extended = _extended(packet, moved, about)
    digest = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()
    head = f'<rdf:Description xmlns:rdf="{RDF}" rdf:about="{about}" xmlns:xmpNote="{NOTE}"'
    pointer = f'{head} xmpNote:HasExtendedXMP="{digest}"/>'
    edits = [Edit(one.start, one.stop) for one in moved]
    return packet.edited([*edits, Edit(packet.rdf_stop, packet.rdf_stop, pointer.encode())]), extended, digest


def _extended(packet: Packet, moved: list[Property], about: str) -> bytes:
    nodes = []
    for one in moved:
        head = f'<rdf:Description xmlns:rdf="{RDF}" rdf:about="{about}"'.encode()
        scope = "".join(prefixes({name: uri for name, uri in one.scope.items() if name != "rdf"})).encode()
        content = packet.data[one.start : one.stop]
        nodes.append(head + scope + (content + b"/>" if one.is_attribute else b">" + content + b"</rdf:Description>"))
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%s">%s</rdf:RDF></x:xmpmeta>' % (
        RDF.encode(),
        b"".join(nodes),
    )


def _standalone(packet: Packet, node: Node) -> bytes:
    """A description with the prefixes that it took from the elements around it."""
    content = packet.data[node.start : node.stop]
    tag = packet.data[node.start : node.tag_stop]
    missing = {
        name: uri
        for name, uri in node.scope.items()
        if (f"xmlns:{name}" if name else "xmlns").encode() + b"=" not in tag
    }
    name = _NAME.match(content)
    assert name is not None  # of a tag that was parsed
    return content[: name.end()] + "".join(prefixes(missing)).encode() + content[name.end() :]
