"""What PNG's chunks say (W3C PNG, third edition, section 11)."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import IO

from nflows_core.runtime.images.colour import descriptions
from nflows_core.runtime.images.containers.png import MAX_INFLATED, PIXELS, data_of, inflated, read_chunks
from nflows_core.runtime.images.finding.found import Found

_COLOURS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
_INCH = Fraction(254, 10_000)  # metres
_LARGE = 1 << 28  # bytes of a chunk that speaks of pixels; what is larger is no text


def find(file: IO[bytes]) -> Found:
    finder = _Finder()
    end = 0
    for chunk in read_chunks(file):
        end = chunk.start + chunk.size + 4
        if chunk.kind in PIXELS:
            continue
        if chunk.size > _LARGE:
            finder.found.left.append(f"PNG chunk {_shown(chunk.kind)}")
        else:
            finder.take(chunk.kind, data_of(file, chunk))
    finder.describe()
    finder.found.ends_at(end, file.seek(0, 2))
    return finder.found


class _Finder:
    """Gathers what the chunks say."""

    def __init__(self) -> None:
        self.found = Found()
        self._colours: dict[bytes, bytes] = {}
        self._room = MAX_INFLATED

    def take(self, kind: bytes, data: bytes) -> None:
        takers = {b"eXIf": self._take_exif, b"iCCP": self._take_profile, b"pHYs": self._take_resolution}
        if kind in takers:
            takers[kind](data)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            self._take_text(kind, data)
        elif kind in _COLOURS:
            self._colours.setdefault(kind, data)
        else:
            self.found.left.append(f"PNG chunk {_shown(kind)}")

    def describe(self) -> None:
        self.found.described = descriptions.of_png(self._colours)
        if b"cICP" in self._colours and not any(one.cicp for one in self.found.described):
            self.found.left.append("PNG chunk cICP")

    def _take_exif(self, data: bytes) -> None:
        # A block in a chunk of its own is newer than one in a text.
        if self.found.exif:
            self.found.left.append("second exif")
        self.found.exif = data

    def _take_profile(self, data: bytes) -> None:
        icc = inflated(data[data.index(b"\0") + 2 :]) if b"\0" in data else None
        self.found.take("icc", icc)
        if not icc:
            self.found.left.append("icc")

    def _take_resolution(self, data: bytes) -> None:
        across, down = struct.unpack(">II", data[:8]) if len(data) == 9 else (0, 0)
        if across and down and data[8] == 1:
            self.found.dots, self.found.rounding = (across * _INCH, down * _INCH), 0.5 / min(across, down)
        self.found.has_ratio = self.found.dots is None and across != down

    def _take_text(self, kind: bytes, data: bytes) -> None:
        keyword, separator, rest = data.partition(b"\0")
        name = keyword.decode("latin-1")
        text, language = self._international(rest) if kind == b"iTXt" else self._plain(kind, rest)
        if text is None or (kind != b"tEXt" and not separator):
            self.found.left.append(f"text {name!r}")
            return
        if language:
            self.found.left.append(f"language of text {name!r}")
        self.found.take_text(name, text)

    def _plain(self, kind: bytes, rest: bytes) -> tuple[str | None, bytes]:
        data = self._inflated(rest[1:]) if kind == b"zTXt" else rest
        return None if data is None else data.decode("latin-1"), b""

    def _international(self, rest: bytes) -> tuple[str | None, bytes]:
        """A text in UTF-8, and its language and translated keyword."""
        parts = rest[2:].split(b"\0", 2)
        if len(rest) < 2 or len(parts) < 3:
            return None, b""
        language, translated, data = parts
        content = self._inflated(data) if rest[0] else data
        try:
            return None if content is None else content.decode(), language + translated
        except UnicodeDecodeError:
            return None, b""

    def _inflated(self, data: bytes) -> bytes | None:
        content = inflated(data, self._room)
        self._room -= len(content or b"")
        return content


def _shown(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
