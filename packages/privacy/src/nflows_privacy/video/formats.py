"""Which files are videos, by their names: small, so that commands know it before a decoder is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_OWN = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
_OTHERS = (".3gp", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".ts", ".wmv")

RESULTS: Mapping[str, str] = {**{suffix: suffix for suffix in _OWN}, **dict.fromkeys(_OTHERS, ".mkv")}
"""The suffixes of videos that are read, and those of their redacted versions: Matroska holds what others do not."""


def is_video(path: Path) -> bool:
    return path.suffix.lower() in RESULTS
