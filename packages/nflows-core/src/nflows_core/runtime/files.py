"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

LEFT_BEHIND = frozenset(
    ("$recycle.bin", "@eadir", "__macosx", "desktop.ini", "lost+found", "system volume information", "thumbs.db")
)
"""What systems leave among a person's files, in small letters."""


@contextmanager
def atomic_write(path: str | Path, mode: Literal["w", "wb"] = "wb") -> Iterator[IO[Any]]:
    """Opens a file that replaces ``path`` when the block ends.

    Until then it is a temporary file in the same folder. If the block or the disk fails, that file is removed
    and ``path`` stays as it was; after a power cut it is either the old file or the new one.

    Arguments:
        path: The file to write; a link stays a link, and what it points to is replaced.
        mode: The mode: ``"w"`` for text, which is UTF-8 with line ends as they are, or ``"wb"`` for bytes.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full; it names the target.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; give the name of a file", str(path))
    if not target.parent.exists():
        raise FileNotFoundError(errno.ENOENT, "no such folder; create it first", str(target.parent))
    temporary = target.with_name(f".nflows-{secrets.token_hex(8)}.tmp")
    try:
        with _create(temporary, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(target.parent)


def is_junk(name: str) -> bool:
    """Whether the file or folder called ``name`` is hidden, as those that we are writing are, or left by a system."""
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file; for a folder, that of the listing by ``sha256sum`` of its files in order."""
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
    listing = "".join(f"{sha256(file)}  {name}\n" for name, file in files)
    return hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()


def _create(path: Path, mode: str) -> IO[Any]:
    if mode == "w":
        return path.open("x", encoding="utf-8", newline="")
    return path.open("xb")


def _remove(path: Path) -> None:
    # Where the folder itself is missing there is nothing to remove, and the first error is the one to tell.
    if path.exists():
        path.unlink()


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut; Windows can neither open a folder nor needs to."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
