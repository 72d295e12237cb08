"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from nflows_core.runtime.temporary import is_temporary, temporary_file

LEFT_BEHIND = frozenset(
    ("$recycle.bin", "@eadir", "__macosx", "desktop.ini", "lost+found", "system volume information", "thumbs.db")
)
"""What systems leave among a person's files, in small letters."""


@contextmanager
def atomic_write(path: str | Path, mode: Literal["w", "wb"] = "wb") -> Iterator[IO[Any]]:
    """Opens a file that replaces ``path`` when the block ends.

    Until then it is a temporary file in the same folder. If the block or the disk fails, that file is removed
    and ``path`` stays as it was; after a power cut it is either the old file or the new one. What a process that was
    killed has left is removed by the next one that writes into the folder.

    The new file has the permissions of the old one, and its owner where the system lets us; further names of the old
    one (hard links) keep the old content, and extended attributes are not carried over. An old one that may only be
    read is replaced too, as by every program that renames: the folder decides.

    Arguments:
        path: The file to write; a link stays a link, and what it points to is replaced.
        mode: The mode: ``"w"`` for text, which is UTF-8 with line ends as they are, or ``"wb"`` for bytes.

    Raises:
        OSError: The folder is missing or not writable, the disk is full, or the target is a folder, a device, a pipe or
            a link that leads nowhere; it names the target.
    """
    target = _target(path)
    with errors_naming(path):
        with temporary_file(target.parent, mode) as (temporary, file):
            _take_over(target, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
            file.close()
            temporary.replace(target)
        _sync_folder(target.parent)


@contextmanager
def errors_naming(path: str | Path) -> Iterator[None]:
    """Errors of the system that name no file, or what is temporary, name ``path`` instead: what was to be written."""
    try:
        yield
    except OSError as error:
        if error.errno and (error.filename is None or _is_below_temporary(Path(error.filename))):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def require_regular(path: str | Path) -> Path:
    """The path of a file that can be read to its end.

    Raises:
        OSError: There is no such file, or it is a device or a pipe: reading one may never end.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "is a folder, a device or a pipe, and no file", str(path))
    return path


@contextmanager
def unicode_name(path: str | Path) -> Iterator[Path]:
    """A name of an existing file for libraries that open none that is no Unicode, until the block ends."""
    path = Path(path)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        # Such names are on Linux only, where an open file has another one.
        with path.open("rb") as file:
            yield Path(f"/proc/self/fd/{file.fileno()}")
    else:
        yield path


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


def _is_below_temporary(path: Path) -> bool:
    return any(map(is_temporary, (path, *path.parents)))


def _target(path: str | Path) -> Path:
    """The file that is to be replaced, behind all links; it need not be there."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; give the name of a file", str(path))
    if not target.exists() and Path(path).is_symlink():
        raise FileNotFoundError(errno.ENOENT, "is a link that leads nowhere; remove it", str(path))
    if target.exists() and not target.is_file():
        raise FileExistsError(
            errno.EEXIST, "is a device or a pipe, which no file may replace; give the name of a file", str(path)
        )
    if not target.parent.exists():
        raise FileNotFoundError(errno.ENOENT, "no such folder; create it first", str(target.parent))
    return target


def _take_over(target: Path, temporary: Path) -> None:
    """Gives a new file the owner and the permissions of the one that it replaces, before there is anything in it."""
    if not target.exists():
        return
    status = target.stat()
    if os.name != "nt":
        with suppress(PermissionError):  # only root gives files away
            os.chown(temporary, status.st_uid, status.st_gid)
    # Not the bits by which a program runs as its owner: the new content is another program.
    temporary.chmod(status.st_mode & 0o777)


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut; Windows can neither open a folder nor needs to."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
