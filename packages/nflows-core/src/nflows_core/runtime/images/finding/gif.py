"""GIF's comment and packet (GIF89a, section 24; ISO 16684-3, section 1.1.2)."""

from __future__ import annotations

from typing import IO

from nflows_core.runtime.images.finding.found import Found
from nflows_core.runtime.images.metadata.texts import decoded

_COMMENT, _APPLICATION, _EXTENSION = 0xFE, 0xFF, 0x21


def is_gif(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(6) in (b"GIF87a", b"GIF89a")


def find(file: IO[bytes]) -> Found:
    """The comments before the first picture, where writers put them; the packet is named only."""
    found = Found()
    file.seek(6)
    screen = file.read(7)
    if len(screen) < 7:
        return found
    file.seek(3 * 2 ** ((screen[4] & 7) + 1) if screen[4] & 0x80 else 0, 1)
    while (head := file.read(2)) and head[0] == _EXTENSION and len(head) == 2:
        data = _blocks(file)
        if head[1] == _COMMENT:
            found.texts.append(("Comment", decoded(data)))
        elif head[1] == _APPLICATION and not data.startswith((b"NETSCAPE2.0", b"ANIMEXTS1.0")):
            found.left.append(f"GIF {data[:8].decode('ascii', 'replace').strip()}")
    return found


def _blocks(file: IO[bytes]) -> bytes:
    parts = []
    while size := file.read(1):
        if not size[0]:
            break
        parts.append(file.read(size[0]))
    return b"".join(parts)
