"""By what the files of a result are known again, and what may take their place if they are others."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

from nflows_core.runtime.files import require_regular, sha256
from nflows_core.runtime.temporary import temporary_folder

R = TypeVar("R")
_BLOCK = 2**20
_HEAD = 2**10

Mark = Mapping[str, int | str]
"""What a file is known by: ``bytes``, its size, ``changed_ns``, its time, ``sha256``, and that of its ``head``."""


def marks_of(paths: Iterable[Path]) -> dict[str, Mark]:
    """What files are known by, by their names; without folders, and what is not there."""
    return {path.name: _mark(path) for path in paths if path.is_file()}


def is_marked(path: Path, mark: Mark) -> bool:
    """Whether a file is the one with the mark: by its size and time, and by its bytes if the time is another one."""
    if not path.is_file() or (status := path.stat()).st_size != mark["bytes"]:
        return False
    return status.st_mtime_ns == mark["changed_ns"] or sha256(path) == mark["sha256"]


def may_be_part(path: Path, mark: Mark) -> bool:
    """Whether a file that is another one may be what is left of the one with the mark, as far as little work tells."""
    if not path.is_file():
        return False
    size = path.stat().st_size
    return size < int(mark["bytes"]) and (size < _HEAD or _head(path) == mark["head"])


def foreign(path: Path) -> FileExistsError:
    """The error for a file that somebody else has put in the place of a result."""
    return FileExistsError(
        errno.EEXIST, "is not what was written there, and stays; move it, and it is made again", str(path)
    )


def restore(write: Callable[[Path], R], targets: Sequence[Path]) -> R:
    """Writes files again of which something is left: nothing, its beginning, or all.

    Arguments:
        write: The function that writes the first file under the path that it is given, and the others beside it.
        targets: The files of one folder, some of which are there.

    Returns:
        What the function returns.

    Raises:
        FileExistsError: A file holds something else; then all stay.
        OSError: One cannot be read or written.
    """
    there = [require_regular(path) for path in targets if os.path.lexists(path)]
    with temporary_folder(targets[0].parent) as folder:
        result = write(folder / targets[0].name)
        for path in there:
            with (folder / path.name).open("rb") as whole, path.open("rb") as part:
                if not _begins_with(whole, part):
                    raise foreign(path)
        for path in targets:
            (folder / path.name).replace(path)
    return result


def _mark(path: Path) -> Mark:
    status = path.stat()
    return {"bytes": status.st_size, "changed_ns": status.st_mtime_ns, "sha256": sha256(path), "head": _head(path)}


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(_HEAD)).hexdigest()


def _begins_with(whole: IO[bytes], part: IO[bytes]) -> bool:
    return all(whole.read(len(block)) == block for block in iter(lambda: part.read(_BLOCK), b""))
