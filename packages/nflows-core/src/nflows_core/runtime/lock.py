"""One training or batch at a time in a folder."""

from __future__ import annotations

import errno
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".nflows-lock"
_held: set[int] = set()
_FAR = 2**20  # beyond the words of the file: Windows lets nobody else read bytes that are locked


class FolderInUseError(FileExistsError):
    """Another command writes into the folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps others out of a folder until the block ends, or the process, however it ends.

    The system holds the lock for as long as the file is open, so that none is left behind by a kill; the file may be.
    Between machines that share the folder by NFS it holds as far as the server has locks (NFS 4, or lockd), and not
    where the share is mounted with ``nolock``.

    Arguments:
        folder: The folder, which must be there.

    Raises:
        FolderInUseError: Another command has it; the message says which.
    """
    path = folder / LOCK_FILE
    descriptor = _take(path)
    _held.add(descriptor)
    try:
        yield
    finally:
        if descriptor in _held:  # not in a process that was forked inside of the block
            _held.remove(descriptor)
            _release(path, descriptor)


def _release(path: Path, descriptor: int) -> None:
    if os.name == "nt":  # which removes no open file
        os.close(descriptor)
        path.unlink(missing_ok=True)
    else:
        # Removed while it is held: whoever has opened it meanwhile sees that it is not the file of that name.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _let_go() -> None:
    """Closes the files in a process that was forked: workers that outlive a killed process would keep its lock."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, path)
            if _is_still(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        _lock_or_raise(descriptor)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLOCK):
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") if os.name != "nt" else ""
            who = f"another command ({holder})" if holder else "another command"
            raise FolderInUseError(
                errno.EEXIST, f"{who} writes here; wait for it, or choose another folder", str(path.parent)
            ) from error
        warnings.warn(
            f"{path.parent} is where files cannot be locked ({error.strerror}): let nothing else write there",
            RuntimeWarning,
            stacklevel=2,
        )


def _lock_or_raise(descriptor: int) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:
        import msvcrt  # Windows

        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        # Not lockf, whose locks a process also has from itself, and loses when it closes any file of that name.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
