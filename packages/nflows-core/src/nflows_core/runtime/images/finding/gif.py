"""GIF's comment and packet (GIF89a, section 24; ISO 16684-3, section 1.1.2)."""

from __future__ import annotations

from typing import IO

from nflows_core.runtime.images.finding.found import Found
from nflows_core.runtime.images.metadata.texts import decoded

_COMMENT, _APPLICATION, _TEXT, _EXTENSION, _PICTURE = 0xFE, 0xFF, 0x01, 0x21, 0x2C


def is_gif(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(6) in (b"GIF87a", b"GIF89a")


def find(file: IO[bytes]) -> Found:
    """The comments; the packet is named only."""
    found = Found()
    file.seek(6)
    screen = file.read(7)
    if len(screen) < 7:
        return found
    _skip_palette(file, screen[4])
    while (kind := file.read(1)) and kind[0] in (_EXTENSION, _PICTURE):
        if kind[0] == _PICTURE:
            _skip_palette(file, file.read(9).ljust(9, b"\0")[8])
            file.seek(1, 1)  # the width of the first code
            _blocks(file)
        else:
            _take(found, file.read(1), _blocks(file))
    found.ends_at(file.tell(), file.seek(0, 2))
    return found


def _take(found: Found, label: bytes, data: bytes) -> None:
    if label[:1] == bytes([_COMMENT]):
        found.texts.append(("Comment", decoded(data)))
    elif label[:1] == bytes([_TEXT]):
        found.left.append("GIF text")
    elif label[:1] == bytes([_APPLICATION]) and not data.startswith((b"NETSCAPE2.0", b"ANIMEXTS1.0")):
        found.left.append(f"GIF {data[:8].decode('ascii', 'replace').strip()}")


def _skip_palette(file: IO[bytes], packed: int) -> None:
    file.seek(3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0, 1)


def _blocks(file: IO[bytes]) -> bytes:
    parts = []
    while size := file.read(1):
        if not size[0]:
            break
        parts.append(file.read(size[0]))
    return b"".join(parts)
