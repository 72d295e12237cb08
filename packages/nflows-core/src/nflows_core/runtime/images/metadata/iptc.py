"""IPTC's datasets (IIM 4.2), and Photoshop's resources, one of which they are."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from nflows_core.runtime.images.metadata.policy import Kind, Policy

MAX_DATASETS, MAX_RESOURCES = 1 << 14, 1 << 12
RESOURCE = 0x0404
SIGNATURES = (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
"""With which a resource begins: Photoshop's own, and those of other programs."""
_DIGEST = 0x0425  # of the datasets, for Photoshop to see whether another program changed them

_DATE = re.compile(r"\d{8}")
_VERSION = re.compile(r"[\x00-\xff]{2}", re.DOTALL)
_DIGIT = re.compile(r"\d")
_CHARSET = re.compile("\x1b%G")  # UTF-8
_NAME = Kind.NAME.value

# Record 1 says in which characters the others are; of record 2 what people write (titles, captions, keywords,
# instructions) may name places, times have zones, and 200 to 202 are a preview.
_ALLOWED = {
    (1, 90): _CHARSET, (2, 0): _VERSION, (2, 10): _DIGIT, (2, 55): _DATE, (2, 62): _DATE,
    (2, 65): _NAME, (2, 70): _NAME,  # program, version
}  # fmt: skip
_OWNERS = {(2, 80): _NAME, (2, 85): _NAME, (2, 110): _NAME, (2, 116): _NAME}  # by-line, its title, credit, copyright


class Dataset(NamedTuple):
    """One dataset: its record and number, its value, and all of its bytes."""

    record: int
    number: int
    value: bytes
    data: bytes


def datasets(iptc: bytes) -> Iterator[Dataset]:
    """The datasets up to the first that cannot be read, and at most `MAX_DATASETS`."""
    start = 0
    for _ in range(MAX_DATASETS):
        if start + 5 > len(iptc) or iptc[start] != 0x1C:
            return
        record, number, size = struct.unpack_from(">BBH", iptc, start + 1)
        head = 5
        if size & 0x8000:  # the size of the size
            head += size & 0x7FFF
            size = int.from_bytes(iptc[start + 5 : start + head], "big") if head <= 13 else len(iptc)
        stop = start + head + size
        if stop > len(iptc):
            return
        yield Dataset(record, number, iptc[start + head : stop], iptc[start:stop])
        start = stop


def allowed(iptc: bytes, policy: Policy) -> bytes | None:
    """The datasets that ``policy`` lets through; None if there are none."""
    if policy == "strip":
        return None
    rules = _ALLOWED if policy == "strip-private" else _ALLOWED | _OWNERS
    passed = b"".join(one.data for one in datasets(iptc) if _passes(rules, one))
    # The version and the characters of nothing are nothing.
    return passed if any((one.record, one.number) not in ((1, 90), (2, 0)) for one in datasets(passed)) else None


def resources(photoshop: bytes) -> Iterator[tuple[int, bytes]]:
    """Photoshop's resources with their numbers, at most `MAX_RESOURCES`; what cannot be read has the number -1."""
    start = 0
    for _ in range(MAX_RESOURCES):
        if photoshop[start : start + 4] not in SIGNATURES or start + 12 > len(photoshop):
            break
        (number,) = struct.unpack_from(">H", photoshop, start + 4)
        place = start + 6 + (photoshop[start + 6] + 2) // 2 * 2
        if place + 4 > len(photoshop):
            break
        (size,) = struct.unpack_from(">I", photoshop, place)
        yield number, photoshop[place + 4 : place + 4 + size]
        start = place + 4 + size + size % 2
    if any(photoshop[start:]):
        yield -1, photoshop[start:]


def from_resources(photoshop: bytes) -> tuple[bytes | None, list[str]]:
    """The datasets among Photoshop's resources, and what else there is."""
    found = list(resources(photoshop))
    blocks = [data for number, data in found if number == RESOURCE and data]
    others = any(number not in (RESOURCE, _DIGEST) for number, _ in found)
    left = ["Photoshop's resources"] * others + ["second iptc"] * (len(blocks) > 1)
    return blocks[0] if blocks else None, left


def as_resource(iptc: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", RESOURCE, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)


def _passes(rules: dict[tuple[int, int], re.Pattern[str]], one: Dataset) -> bool:
    rule = rules.get((one.record, one.number))
    return rule is not None and rule.fullmatch(one.value.decode("latin-1")) is not None
