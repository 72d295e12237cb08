"""Texts with keywords: PNG's (W3C PNG, third edition, section 11.3.3), and the blocks that ImageMagick puts there."""

from __future__ import annotations

import re

from nflows_core.runtime.images.metadata.policy import Kind, Policy

XMP_KEYWORD = "XML:com.adobe.xmp"
MAX_KEYWORD = 79

_RAW_PROFILE = re.compile(r"Raw profile type (\w+)")
# Keywords that the standard defines; "Software", unlike the others, names nobody.
_ALLOWED = {"strip-gps": ("Author", "Copyright", "Software"), "strip-private": ("Software",)}


def is_allowed(keyword: str, text: str, policy: Policy) -> bool:
    """Whether ``policy`` lets a text through."""
    return policy == "keep" or (keyword in _ALLOWED.get(policy, ()) and Kind.NAME.accepts(text))


def is_keyword(keyword: str) -> bool:
    """Whether PNG has a place for it: 1 to 79 printable characters of Latin-1."""
    try:
        encoded = keyword.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return 0 < len(encoded) <= MAX_KEYWORD and all(0x20 <= byte < 0x7F or byte >= 0xA1 for byte in encoded)


def decoded(data: bytes) -> str:
    """A comment of JPEG or GIF, which is in UTF-8, or in what was used before."""
    try:
        return data.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return data.rstrip(b"\0").decode("latin-1")


def raw_profile(keyword: str, text: str) -> tuple[str, bytes] | None:
    """The name and the bytes of a block that ImageMagick wrote as a text of hexadecimal digits."""
    found = _RAW_PROFILE.fullmatch(keyword)
    if found is None:
        return None
    name = found[1].lower()
    # An empty line, the block's name, of two words where ExifTool wrote it, its size, and the digits.
    parts = text.lstrip().split("\n", 2)
    try:
        block = bytes.fromhex(parts[2])
        size = int(parts[1])
    except (IndexError, ValueError):
        return None
    return (name, block[:size]) if len(block) >= size > 0 else None


def as_raw_profile(name: str, block: bytes) -> str:
    digits = block.hex()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    return "\n".join(["", name, f"{len(block):8}", *lines, ""])
