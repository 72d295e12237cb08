"""Which files are videos, by their names: small, so that commands know it before a decoder is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

RESULTS: Mapping[str, str] = {suffix: suffix for suffix in (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")}
"""The suffixes of videos that are read, and those of their redacted versions.

Only of containers that say how long they are can it be known that nothing is cut off; a transport stream does not.
"""


def is_video(path: Path) -> bool:
    return path.suffix.lower() in RESULTS
