"""By what the file of a result is known again, and what may take its place if it is another one."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import IO, TypeVar

from nflows_core.runtime.files import require_regular, sha256
from nflows_core.runtime.temporary import temporary_folder

R = TypeVar("R")
_BLOCK = 2**20

Mark = Mapping[str, int | str]
"""What a file is known by: ``bytes``, its size, ``changed_ns``, its time, and ``sha256``."""


def mark_of(path: Path) -> Mark | None:
    """What a file is known by; nothing for a folder, and for what is not there."""
    if not path.is_file():
        return None
    status = path.stat()
    return {"bytes": status.st_size, "changed_ns": status.st_mtime_ns, "sha256": sha256(path)}


def is_marked(path: Path, mark: Mark) -> bool:
    """Whether a file is the one with the mark: by its size and time, and by its bytes if the time is another one."""
    status = path.stat()
    if status.st_size != mark["bytes"] or not path.is_file():
        return False
    return status.st_mtime_ns == mark["changed_ns"] or sha256(path) == mark["sha256"]


def restore(write: Callable[[Path], R], target: Path) -> R:
    """Writes a file again of which something is left: nothing, its beginning, or all.

    Arguments:
        write: The function that writes the file under the path that it is given.
        target: The file that is there.

    Returns:
        What the function returns.

    Raises:
        FileExistsError: The file holds something else, which stays.
        OSError: It cannot be read or written.
    """
    require_regular(target)
    with temporary_folder(target.parent) as folder:
        new = folder / target.name
        result = write(new)
        with new.open("rb") as whole, target.open("rb") as part:
            if not _begins_with(whole, part):
                raise FileExistsError(
                    errno.EEXIST, "is not what was written there, and stays; move it, and it is made again", str(target)
                )
        new.replace(target)
    return result


def _begins_with(whole: IO[bytes], part: IO[bytes]) -> bool:
    return all(one.startswith(other) for one, other in zip_longest(_blocks(whole), _blocks(part), fillvalue=b""))


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(_BLOCK), b"")
