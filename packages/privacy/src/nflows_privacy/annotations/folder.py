"""A folder of what was found in many files, asked by the files' own bytes."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock

from nflows_core.runtime.folders import walk
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, to_json
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.report import REPORT_FILES
from nflows_privacy.annotations.found import Found, read_found

_NAMED = 3
"""Files that cannot be understood, by name."""


class FoundFolder:
    """What `nflows privacy detect` wrote below a folder, by the SHA-256 of what was searched.

    Names do not count, so that a picture may be renamed or moved, and never gets the regions of another one. But a file
    that cannot be understood may have held more regions than others about the same picture: it counts as one about
    whatever it is called after (``a.jpg.json`` after ``a.jpg`` in a folder of the same name), and about each SHA-256
    that can still be read in it; and of these nothing is told. The folder is read once, when it is asked first.

    Arguments:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    @property
    def unread(self) -> Mapping[Path, str]:
        """The JSON files that cannot be understood, and why.

        Raises:
            OSError: The folder cannot be read.
        """
        return self._content.unread

    def warning(self) -> str | None:
        """What a person must hear of files that cannot be understood, if there are any.

        Raises:
            OSError: The folder cannot be read.
        """
        if not (count := len(self.unread)):
            return None
        files = "one file" if count == 1 else f"{count} files"
        names = ", ".join(path.relative_to(self._folder).as_posix() for path in list(self.unread)[:_NAMED])
        return f"{files} there cannot be understood: {names}{', …' if count > _NAMED else ''}"

    def paths(self, source: Path, digest: str) -> list[Path]:
        """The files about a picture or video.

        Arguments:
            source: Its path.
            digest: Its SHA-256.

        Raises:
            ValueError: There is none, or one that cannot be understood.
            OSError: The folder cannot be read.
        """
        content = self._content
        if unread := next(content.unread_about(source, digest), None):
            raise ValueError(content.unread[unread])
        if digest not in content.paths:
            others = f"; {warning}" if (warning := self.warning()) else ""
            raise ValueError(f"{self._folder} tells nothing of a file with these bytes; detect again{others}")
        return content.paths[digest]

    def found(self, source: Path, digest: str) -> Found:
        """What was found in a picture or video; of several files about it all regions.

        Raises:
            ValueError: As `paths`, or the files tell of pictures of different sizes.
            OSError: A file cannot be read.
        """
        first, *others = [read_found(path) for path in self.paths(source, digest)]
        for other in others:
            first = _joined(first, other)
        return first

    @property
    def _content(self) -> _Content:
        with self._lock:  # the workers of a cluster are threads of one process
            return self._read

    @cached_property
    def _read(self) -> _Content:
        return _Content(self._folder)


class _Content:
    """The files below a folder by what they are about, sound ones and others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unread: dict[Path, str] = {}
        self.paths = paths_by_source(folder, self.unread)
        self._unread_by: dict[str, list[Path]] = defaultdict(list)
        for path in self.unread:
            for key in {path.stem, *_digests_in(path)}:
                self._unread_by[key].append(path)

    def unread_about(self, source: Path, digest: str) -> Iterator[Path]:
        """Those that cannot be understood, and may be about a picture: first what is called after it."""
        for path in self._unread_by.get(source.name, ()):
            parts = path.relative_to(self._folder).with_suffix("").parts
            if source.absolute().parts[-len(parts) :] == parts:
                yield path
        yield from self._unread_by.get(digest, ())


def _digests_in(path: Path) -> set[str]:
    """Each SHA-256 that stands in a damaged file."""
    with path.open("rb") as file:
        content = file.read(MOST_JSON_BYTES)
    return {digest.decode().lower() for digest in re.findall(rb"[0-9a-fA-F]{64}", content)}


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
