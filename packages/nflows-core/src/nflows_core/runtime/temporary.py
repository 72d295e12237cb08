"""Files and folders that are there only while something is written, and swept where a process died over them.

Each is locked (``flock``) by the process that writes it, so that a kill, which leaves them behind, cannot leave them
locked: what has a name of ours and no lock is dead. Some network file systems keep locks to one machine, so that of
another machine only what is a day old is taken for dead. A machine is known by its name, or by its start: containers
have names of their own, but locks of one kernel. Where locks do not work, as on Windows, nothing is swept.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

if sys.platform != "win32":
    import fcntl

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAME = re.compile(r"\.nflows-([0-9a-f]{8})-([0-9a-f]{8})[0-9a-f]{8}\.tmp")
_DAY = 86_400.0


@contextmanager
def temporary_file(folder: Path, mode: str) -> Iterator[tuple[Path, IO[Any]]]:
    """A new file beside what it will be renamed to; the block closes it, and renames it if it is to stay.

    Arguments:
        folder: The folder of the file.
        mode: ``"w"`` for text, which is UTF-8 with line ends as they are, or ``"wb"`` for bytes.

    Raises:
        OSError: The folder is missing or not writable.
    """
    path, file, lock = _locked_file(folder, mode)
    try:
        sweep(folder.absolute())
        yield path, file
    finally:
        try:
            file.close()  # fails where the disk is full
        finally:
            path.unlink(missing_ok=True)
            _unlock(lock)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder, removed with all that is in it when the block ends.

    Raises:
        OSError: The parent is missing or not writable.
    """
    path, lock = _locked_folder(parent)
    try:
        sweep(parent.absolute())
        yield path
    finally:
        shutil.rmtree(path)
        _unlock(lock)


@contextmanager
def appearing_together(folder: Path) -> Iterator[Path]:
    """A folder whose files appear in another all at once when the block ends, and not at all if it fails.

    So a run that is stopped never leaves its own map beside the report of the one before.

    Raises:
        OSError: The other folder is missing or not writable.
    """
    with temporary_folder(folder) as staging:
        yield staging
        for path in sorted(staging.iterdir()):
            path.replace(folder / path.name)


def is_temporary(path: Path) -> bool:
    """Whether a file or folder is called as those of this module are."""
    return _NAME.fullmatch(path.name) is not None


@lru_cache(maxsize=1024)  # once in the life of a process: a batch writes a million files into one folder
def sweep(folder: Path) -> None:
    """Removes what killed processes left in a folder, and nothing that a living one writes."""
    # A folder that may be written but not listed, and what another process sweeps at the same time, are no failures.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if is_temporary(Path(entry.path))]:
            with suppress(OSError):
                _remove_dead(Path(entry.path))


def _remove_dead(path: Path) -> None:
    if path.is_symlink() or not (path.is_file() or path.is_dir()) or _may_be_written_elsewhere(path):
        return
    lock = _open(path)
    try:
        if _lock(lock, wait=False):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        _unlock(lock)


def _may_be_written_elsewhere(path: Path) -> bool:
    name = _NAME.fullmatch(path.name)
    if name is None or name[1] == _machine() or name[2] == _boot():
        return False
    return time.time() - path.stat().st_mtime < _DAY


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@lru_cache(maxsize=1)
def _boot() -> str:
    """What stands for the start of this machine; where the system does not tell, for this process."""
    return hashlib.sha256(_BOOT.read_bytes()).hexdigest()[:8] if _BOOT.exists() else secrets.token_hex(4)


def _locked_file(folder: Path, mode: str) -> tuple[Path, IO[Any], int | None]:
    while True:
        path = _new_name(folder)
        file = path.open("x", encoding="utf-8", newline="") if mode == "w" else path.open("xb")
        # A handle of its own, for the file is closed before it is renamed and must not be dead in between.
        lock = None if sys.platform == "win32" else os.dup(file.fileno())
        _lock(lock)
        if path.exists():  # not taken for dead by a sweep before it was locked
            return path, file, lock
        file.close()
        _unlock(lock)


def _locked_folder(parent: Path) -> tuple[Path, int | None]:
    while True:
        path = _new_name(parent)
        path.mkdir()
        with suppress(FileNotFoundError):
            lock = _open(path)
            _lock(lock)
            if path.exists():
                return path, lock
            _unlock(lock)


def _new_name(folder: Path) -> Path:
    return folder / f".nflows-{_machine()}-{_boot()}{secrets.token_hex(4)}.tmp"


def _open(path: Path) -> int | None:
    return None if sys.platform == "win32" else os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _lock(descriptor: int | None, *, wait: bool = True) -> bool:
    """Whether it is now locked by this process; never where the file system has no locks."""
    if sys.platform == "win32" or descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
