"""A folder of what was found in many files, asked by the files' own bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock

from nflows_core.runtime.folders import walk
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.report import REPORT_FILES
from nflows_privacy.annotations.found import Found, read_found


class FoundFolder:
    """What `nflows privacy detect` wrote below a folder, by the SHA-256 of what was searched.

    Names do not count, so that a picture may be renamed or moved, and never gets the regions of another one. The folder
    is read once, when it is asked first.

    Arguments:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._unread: dict[Path, str] = {}

    def paths(self, digest: str) -> list[Path]:
        """The files about what has this SHA-256.

        Raises:
            ValueError: There is none.
            OSError: The folder cannot be read.
        """
        with self._lock:  # the workers of a cluster are threads of one process
            known = self._paths
        if digest not in known:
            raise ValueError(f"{self._folder} tells nothing of a file with these bytes; {self._advice()}")
        return known[digest]

    def found(self, digest: str) -> Found:
        """What was found in what has this SHA-256; of several files about it all regions.

        Raises:
            ValueError: As `paths`, or the files tell of pictures of different sizes.
            OSError: A file cannot be read.
        """
        first, *others = [read_found(path) for path in self.paths(digest)]
        for other in others:
            first = _joined(first, other)
        return first

    @cached_property
    def _paths(self) -> dict[str, list[Path]]:
        return paths_by_source(self._folder, self._unread)

    def _advice(self) -> str:
        if not self._unread:
            return "detect again"
        others = f", nor {len(self._unread) - 1} others" if len(self._unread) > 1 else ""
        return f"but one file there cannot be understood{others}: {next(iter(self._unread.values()))}"


def paths_by_source(folder: Path, unread: dict[Path, str] | None = None) -> dict[str, list[Path]]:
    """The files below a folder about each source, which is known by its SHA-256.

    Arguments:
        folder: The folder.
        unread: Gets the JSON files that cannot be understood, with the reasons, so that they stop nothing.

    Raises:
        ValueError: A JSON file in it cannot be understood, and there is no ``unread``.
        OSError: The folder cannot be read.
    """
    paths = defaultdict(list)
    for path in _json_files(folder):
        try:
            paths[read_found(path).sha256].append(path)
        except ValueError as error:
            if unread is None:
                raise
            unread[path] = str(error)
    return dict(paths)


def _json_files(folder: Path) -> Iterator[Path]:
    for _, files in walk(folder):
        yield from (path for path in files if path.suffix.lower() == ".json" and path.name not in REPORT_FILES)


def state_of(folder: Path) -> str:
    """By what is known whether a file of what was found is another one: a digest of names, sizes and times."""
    digest = hashlib.sha256()
    for path in _json_files(folder):
        status = path.stat()
        digest.update(to_json([str(path), status.st_size, status.st_mtime_ns]).encode())
    return digest.hexdigest()


@keeps_one
def found_folder(folder_and_state: tuple[Path, str]) -> FoundFolder:
    """A folder in this state, kept by each process of a cluster, which outlives a run and what is found after it."""
    return FoundFolder(folder_and_state[0])


def _joined(one: Found, other: Found) -> Found:
    if (one.width, one.height, one.frames is None) != (other.width, other.height, other.frames is None):
        sizes = f"{one.width} x {one.height} and {other.width} x {other.height}"
        raise ValueError(f"two files tell of the same picture, of {sizes} pixels; remove the wrong one")
    frames = None
    if one.frames is not None and other.frames is not None:
        frames = tuple(tuple(dict.fromkeys((*a, *b))) for a, b in zip(one.frames, other.frames, strict=True))
    regions = tuple(dict.fromkeys((*one.regions, *other.regions)))
    return Found(one.sha256, one.width, one.height, regions, frames)
