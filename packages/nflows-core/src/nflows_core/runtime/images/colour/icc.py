"""ICC profiles (ICC.1:2022): their parts, and what of them is colour."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from nflows_core.runtime.images.colour.icc_types import CURVES, TABLES, essence

D50 = (0.9642, 1.0, 0.8249)
"""The white of the profile connection space (section 7.2.16)."""

_HEADER = 128
_V4 = 4

# Every tag that says which colour a number is, by the types that it may have; others are names, owners, serial numbers,
# dates, settings of one device, or private.
_COLORIMETRIC: dict[bytes, tuple[bytes, ...]] = {
    **dict.fromkeys((b"wtpt", b"bkpt", b"rXYZ", b"gXYZ", b"bXYZ", b"lumi"), (b"XYZ ",)),
    **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC", b"kTRC"), CURVES),
    **dict.fromkeys((b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt"), TABLES),
    b"chad": (b"sf32",),
    b"chrm": (b"chrm",),
    b"cicp": (b"cicp",),
    b"view": (b"view",),
    b"meas": (b"meas",),
}
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
_CONNECTIONS = (b"XYZ ", b"Lab ")

# Names that say nothing of whose profile it is, and by which programs know it.
_KNOWN = frozenset(
    ["sRGB", "sRGB IEC61966-2.1", "sRGB built-in", "sRGB2014", "Display P3", "Adobe RGB (1998)", "ProPhoto RGB",
     "ROMM RGB", "Apple RGB", "ColorMatch RGB", "Generic RGB Profile", "Generic Gray Profile",
     "Generic Gray Gamma 2.2 Profile", "Gray Gamma 2.2", "Gray Gamma 1.8", "Dot Gain 15%", "Dot Gain 20%", "Rec. 709",
     "Rec. 2020", "Rec. 2100 PQ",
     "Rec. 2100 HLG", "PAL/SECAM", "NTSC"]
)  # fmt: skip
_ANONYMOUS = "colours"


def profile(header: Mapping[str, bytes], tags: Mapping[bytes, bytes], name: str) -> bytes:
    """A profile of these tags, with its name and without a copyright.

    Arguments:
        header: The ``version`` (4 bytes), ``kind``, ``space``, ``connection`` (signatures) and ``intent`` (4 bytes).
        tags: The data of each tag.
        name: The profile's name, in ASCII.
    """
    write = _localized if header["version"][0] >= _V4 else _text
    contents = {**tags, b"desc": write(name, is_name=True), b"cprt": write("none", is_name=False)}
    table, data, places = b"", b"", {}
    start = _HEADER + 4 + 12 * len(contents)
    for tag, content in sorted(contents.items()):
        if content not in places:  # curves of three colours are often one
            places[content] = start + len(data)
            data += content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", places[content], len(content))
    head = struct.pack(">I", start + len(data)) + bytes(4) + header["version"]
    head += header["kind"] + header["space"] + header["connection"]
    # A date that is one, and no one's.
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(24) + header["intent"]
    head += struct.pack(">3i", *(round(value * 65536) for value in D50))
    return head.ljust(_HEADER, b"\0") + struct.pack(">I", len(contents)) + table + data


def tags_of(icc: bytes) -> dict[bytes, bytes]:
    """The data of each tag that lies within the profile."""
    if len(icc) < _HEADER + 4:
        return {}
    (count,) = struct.unpack_from(">I", icc, _HEADER)
    tags: dict[bytes, bytes] = {}
    for place in range(_HEADER + 4, min(_HEADER + 4 + 12 * min(count, 200), len(icc) - 11), 12):
        tag, start, size = struct.unpack_from(">4sII", icc, place)
        if start + size <= len(icc):
            tags.setdefault(tag, icc[start : start + size])
    return tags


def codes_of(icc: bytes) -> bytes:
    """The numbers of its colours in ITU-T H.273 (section 9.2.17); none if it has none."""
    return tags_of(icc).get(b"cicp", b"")[8:12]


def is_whole(icc: bytes) -> bool:
    """Whether it is as long as its header says, and not cut short."""
    return _HEADER <= int.from_bytes(icc[:4], "big") <= len(icc)


def reduced(icc: bytes) -> bytes | None:
    """The profile with nothing but the tags that say which colour a number is; None if there are none.

    The profile of a monitor or scanner may hold its serial number, its owner and paths of the computer it was made on.
    """
    tags = {tag: content for tag, data in tags_of(icc).items() if (content := _colorimetric(tag, data))}
    is_profile = icc[12:16] in _CLASSES and icc[20:24] in _CONNECTIONS and icc[36:40] == b"acsp"
    if not tags or not is_profile:
        return None
    header = {
        "version": icc[8:10] + bytes(2),
        "kind": icc[12:16],
        "space": icc[16:20],
        "connection": icc[20:24],
        "intent": bytes(3) + bytes([icc[67] & 3]),
    }
    name = name_of(icc)
    return profile(header, tags, name if name in _KNOWN else _ANONYMOUS)


def name_of(icc: bytes) -> str:
    """The profile's name, in the first of its languages; empty if it has none."""
    data = tags_of(icc).get(b"desc", b"")
    if data[:4] == b"desc" and len(data) > 12:
        (size,) = struct.unpack_from(">I", data, 8)
        return data[12 : 12 + size].split(b"\0")[0].decode("latin-1").strip()
    if data[:4] == b"mluc" and len(data) >= 28:
        size, start = struct.unpack_from(">II", data, 20)
        return data[start : start + size].decode("utf-16-be", "replace").strip("\0 ")
    return ""


def _colorimetric(tag: bytes, data: bytes) -> bytes | None:
    """The bytes of a tag that mean something; None if it is no colour, or cut short."""
    return essence(data) if data[:4] in _COLORIMETRIC.get(tag, ()) else None


def _localized(text: str, *, is_name: bool) -> bytes:
    """The text of version 4, in English (section 10.15)."""
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(encoded), 28) + encoded


def _text(text: str, *, is_name: bool) -> bytes:
    """The text of version 2 (ICC.1:2001, 6.5.17 and 6.5.18): a name is in ASCII, and in no other alphabet."""
    encoded = text.encode("ascii") + b"\0"
    if is_name:
        return b"desc" + struct.pack(">II", 0, len(encoded)) + encoded + bytes(78)
    return b"text" + bytes(4) + encoded
