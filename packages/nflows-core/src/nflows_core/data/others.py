"""Files beside the pictures of a data set: notes, tables, annotations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

SKIP_ADVICE = "remove it, or skip all files that are not pictures by `skip_others`"

_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"))


def is_named_as_picture(name: str) -> bool:
    """Whether a file's suffix is that of a picture; what it holds, its reader sees."""
    return PurePosixPath(name).suffix.lower() in _SUFFIXES


def without_others(names: Iterable[str], folders: Iterable[str]) -> tuple[list[str], list[str]]:
    """The files that are named as pictures, and the folders that such files are in."""
    pictures = [name for name in names if is_named_as_picture(name)]
    used = {str(folder) for name in pictures for folder in PurePosixPath(name).parents}
    return pictures, [folder for folder in folders if folder in used]
