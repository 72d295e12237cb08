"""What GDAL and SQLite keep beside a file under its name, and read as a part of it: it goes when the file is replaced.

GDAL keeps statistics, nodata and coordinates in ``.aux.xml``, overviews in ``.ovr`` and a mask in ``.msk``; SQLite, of
a GeoPackage, what is not in the file yet in ``-wal``, ``-shm`` and ``-journal``. Beside another file they would change
it, or destroy it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nflows_core.runtime.files import atomic_write
from nflows_geo.raster.names import require_unicode

_OF_ALL = (".aux.xml", ".ovr", ".msk", ".msk.ovr")
_OF_GEOPACKAGES = ("-wal", "-shm", "-journal")


def companions(path: Path) -> list[Path]:
    """The files that are there and belong to a file by their names; for a link also those of what it leads to."""
    places = dict.fromkeys((path, Path(os.path.realpath(path))))
    names = [place.with_name(place.name + suffix) for place in places for suffix in _suffixes(place)]
    return [name for name in names if name.is_file() or name.is_symlink()]


def remove_companions(path: Path) -> None:
    """Removes what belongs to a file that is about to be replaced."""
    for companion in companions(path):
        companion.unlink(missing_ok=True)


def require_place(paths: Iterable[Path]) -> None:
    """Refuses to write where GDAL cannot, or beside what would be read as a part of the new file.

    Raises:
        FileExistsError: Beside it lies what belongs to a file that is gone; it names that.
        NameOfFileError: The name of the folder is no UTF-8.
    """
    for path in paths:
        require_unicode(path.parent)
        if not path.exists() and (orphan := next(iter(companions(path)), None)):
            raise FileExistsError(
                errno.EEXIST,
                f"is of a file that is gone, and would be read as a part of the new {path.name}; remove it",
                str(orphan),
            )


@contextmanager
def replacing(path: Path) -> Iterator[IO[Any]]:
    """Opens a file for bytes that replaces another one and what belongs to it when the block ends.

    If the block or the disk fails, all stays as it was. What belongs to the old file goes just before the new one takes
    its place: a process that is killed between the two leaves the old one without them.

    Raises:
        FileExistsError: See `require_place`.
        NameOfFileError: See `require_place`.
        OSError: See `atomic_write`.
    """
    require_place([path])
    with atomic_write(path) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        remove_companions(path)


def _suffixes(path: Path) -> tuple[str, ...]:
    return (*_OF_ALL, *_OF_GEOPACKAGES) if path.suffix.lower() == ".gpkg" else _OF_ALL
