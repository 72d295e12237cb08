"""The pictures of a review by their numbers, and what is marked in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import sha256
from nflows_core.runtime.folders import is_inside
from nflows_core.runtime.foreign_text import to_json, visible
from nflows_core.runtime.jobs import Job
from nflows_privacy.annotations.folder import paths_by_source
from nflows_privacy.annotations.found import Found, read_found, require_source, write_found
from nflows_privacy.masks import cover
from nflows_privacy.regions import Region
from nflows_privacy.review.journal import CHANGED, JOURNAL, SEEN, Journal
from nflows_privacy.review.views import Views

_LONGEST_KIND = 40


class Pictures:
    """Pictures in their order; what is marked in one is on the disk when `save` returns.

    Arguments:
        jobs: The pictures, and where what is found in each is written if there is no file about it yet.
        folder: The folder of what is found; all of it that tells of one of the pictures counts, whatever its name.
        roots: The folders and files that the person gave: a picture that a link takes out of them is not shown.

    Raises:
        ValueError: A file in the folder is damaged, or another one.
        OSError: The folder cannot be read.
    """

    def __init__(self, jobs: Sequence[Job], folder: Path, roots: Iterable[Path]) -> None:
        self.jobs = jobs
        self.views = Views()
        self._folder = folder
        self._roots = [Path(os.path.realpath(root)) for root in roots]
        self._journal = Journal(folder / JOURNAL)
        self._files = paths_by_source(folder)

    def listed(self) -> list[dict[str, Any]]:
        """The name of each picture, and whether it was seen and changed as it is now."""
        return [
            {"name": visible(name), **{event: self._journal.has(event, name, job.source) for event in (SEEN, CHANGED)}}
            for job, name in zip(self.jobs, map(self._name, range(len(self.jobs))), strict=True)
        ]

    def source(self, number: int) -> Path:
        """The file of a picture.

        Raises:
            ValueError: There is none of that number, or a link takes it out of what the person gave.
        """
        if number >= len(self.jobs):
            raise ValueError(f"there are {len(self.jobs)} pictures, and none of number {number}")
        source = self.jobs[number].source
        if not is_inside(source, self._roots):
            raise ValueError(f"{source.name} is a link that leads out of the folder, and is not shown")
        return source

    def marked(self, number: int) -> dict[str, Any]:
        """What is marked in a picture; ``version`` is handed to `save`, and 0 where nothing is known of the picture.

        Raises:
            ValueError: There is no such picture, it cannot be shown, or what was found is not of this picture.
            OSError: A file cannot be read.
        """
        source = self.source(number)
        digest = sha256(source)
        width, height = self.views.size(source)
        found = self._found(number, digest, (width, height))
        regions = [] if found is None else [region.to_json() for region in found.regions]
        sides = {"width": width, "height": height}
        return {"sha256": digest, **sides, "version": _version(found), "regions": regions}

    def save(self, number: int, value: Any) -> dict[str, Any]:
        """Replaces what is marked in a picture; returns the new ``version``.

        Arguments:
            number: The number of the picture.
            value: The ``sha256`` and the ``version`` of what was changed, and all ``regions``.

        Raises:
            ValueError: There is something else in the file or the picture by now, or a region is none.
            OSError: The file cannot be written.
        """
        shown, version, given = _asked(value)
        source = self.source(number)
        if (digest := sha256(source)) != shown:
            raise ValueError(f"{source.name} was replaced by another picture meanwhile; load the page again")
        width, height = size = self.views.size(source)
        if _version(self._found(number, digest, size)) != version:
            raise ValueError("these boxes were changed in another window meanwhile; load the page again")
        found = Found(digest, width, height, tuple(_region(one, width, height) for one in given))
        self._files[digest] = self._about(number, digest)
        for path in self._files[digest]:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_found(path, found)
        self._journal.note(CHANGED, self._name(number), source, sha256=digest, regions=len(found.regions))
        return {"version": _version(self._found(number, digest, size))}

    def see(self, number: int) -> None:
        """Notes that a picture was looked at.

        Raises:
            ValueError: There is no such picture.
            OSError: It cannot be noted.
        """
        source, name = self.source(number), self._name(number)
        if not self._journal.has(SEEN, name, source):
            self._journal.note(SEEN, name, source)

    def found(self) -> Iterator[tuple[str, Found]]:
        """The name of each picture of which something is known, and what is found in it; errors as of `marked`."""
        for number in range(len(self.jobs)):
            source = self.source(number)
            found = self._found(number, sha256(source), self.views.size(source))
            if found is not None:
                yield self._name(number), found

    def close(self) -> None:
        self.views.close()

    def _name(self, number: int) -> str:
        """The path of a picture below what the person gave."""
        job = self.jobs[number]
        return (job.target.relative_to(self._folder).parent / job.source.name).as_posix()

    def _found(self, number: int, digest: str, size: tuple[int, int]) -> Found | None:
        """What all files about a picture say, as `redact` takes it."""
        source = self.source(number)
        parts = [read_found(path) for path in self._about(number, digest) if path.exists()]
        for part in parts:
            if part.sha256 != digest:
                require_source(part, source)
            if part.frames is not None or (part.width, part.height) != size:
                raise ValueError(f"what was found in {source.name} is not of a picture of its size; detect again")
        regions = dict.fromkeys(region for part in parts for region in part.regions)
        return Found(digest, *size, tuple(regions)) if parts else None

    def _about(self, number: int, digest: str) -> list[Path]:
        """The files about a picture, or the one that is not there yet."""
        paths = self._files.get(digest, [self.jobs[number].target])
        for path in paths:
            if path.is_symlink() or not is_inside(path, [Path(os.path.realpath(self._folder))]):
                raise ValueError(f"{path} is a link, and what it leads to is not changed; remove it")
        return paths


def _version(found: Found | None) -> str:
    """By what a change is known to be of what was shown."""
    if found is None:
        return "0"
    text = to_json([region.to_json() for region in found.regions])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _asked(value: Any) -> tuple[str, str, list[Any]]:
    match value:
        case {"sha256": str(digest), "version": str(version), "regions": list(regions)}:
            return digest, version, regions
    raise ValueError("expected `sha256`, `version` and a list of `regions`")


def _region(value: Any, width: int, height: int) -> Region:
    region = Region.from_json(value)
    if cover(region.box, height, width) is None:
        raise ValueError(f"the box {tuple(region.box)} lies outside of the picture of {width} x {height} pixels")
    if not 0 < len(region.kind) <= _LONGEST_KIND or visible(region.kind) != region.kind:
        raise ValueError(f"a kind has 1 to {_LONGEST_KIND} letters, and {visible(region.kind)!r} is none")
    return region
