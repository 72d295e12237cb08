"""Restored pictures by their records, once it is known that all files are still those of the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.files import sha256
from nflows_core.runtime.folders import walk
from nflows_core.runtime.foreign_text import read_json, visible
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.pictures.thumbnails import part, thumbnail
from nflows_heritage.restoring.record import KIND, Record, RecordError, read_record
from nflows_heritage.restoring.sheets import stretched

_DETAIL = 200
"""The side of the part that is shown from near, in pixels."""

Shown = NDArray[np.uint8]


@dataclass(frozen=True)
class RestoredPicture:
    """A record and the files that it tells of.

    Arguments:
        path: The file of the record.
        record: What it says.
    """

    path: Path
    record: Record

    @property
    def source(self) -> Path:
        """The picture as it was."""
        return self.path.parent / self.record.source

    @property
    def result(self) -> Path:
        """The restored one."""
        return self.path.with_name(self.record.result)

    @property
    def change(self) -> Path:
        """The picture of the change."""
        return self.path.with_name(self.record.change)

    def check(self) -> None:
        """Refuses files that are others than the record tells of.

        Raises:
            RecordError: One is missing or another one.
        """
        told = (
            (self.source, self.record.source_sha256),
            (self.result, self.record.result_sha256),
            (self.change, self.record.change_sha256),
        )
        for path, digest in told:
            if not path.is_file():
                raise RecordError(f"{path}, of which {self.path} tells, is not there; put it back")
            if sha256(path) != digest:
                raise RecordError(f"{path} is not the file of which {self.path} tells; put that one back")

    def shown(self, side: int) -> tuple[Shown, Shown, Shown]:
        """Before, after and the change with its largest value white, each with sides of at most ``side`` pixels."""
        before, after, change = (_thumbnail(path, side) for path in (self.source, self.result, self.change))
        return before, after, stretched(change)

    def near(self) -> tuple[Shown, Shown]:
        """The part that was changed most, before and after."""
        with PictureFile(self.change) as change, PictureFile(self.source) as old, PictureFile(self.result) as new:
            place = _most_changed(change)
            return part(old, *place), part(new, *place)

    def facts(self) -> dict[str, str]:
        """What the record says, in words."""
        said, found = self.record, self.record.found
        sure = "" if found is None else f", found with a probability of {found[said.kind]:.0%}"
        facts = {
            "picture": str(self.source.name),
            "SHA-256 before": said.source_sha256,
            "SHA-256 after": said.result_sha256,
            "damage": f"{said.kind}{sure}",
            "engine": Path(said.engine).name,
            "weights": said.weights_sha256 or "none",
            "strength": f"{said.strength:g}",
            "pixels changed": f"{said.change_percent:.2f} %",
            "mask": "none" if said.mask is None else f"{Path(said.mask).name}, {said.mask_sha256}",
            "chosen": ", ".join(f"{name} {value}" for name, value in said.chosen.items()) or "nothing",
            "versions": ", ".join(f"{name} {version}" for name, version in said.versions.items() if version),
            "to do it again": f"nflows heritage replay {self.path.name}",
        }
        return {fact: visible(value) for fact, value in facts.items()}


def find_restored(paths: Iterable[Path]) -> list[RestoredPicture]:
    """The restored pictures of records, or of folders with such.

    Raises:
        RecordError: There is none, a file is no record, or a file of one is another now.
        OSError: A file cannot be read.
    """
    found = [RestoredPicture(path, read_record(path)) for path in _records(paths)]
    if not found:
        raise RecordError("no record of a restoration; give what nflows heritage restore has written")
    for one in found:
        one.check()
    return found


def _records(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            files = (file for _, files in walk(path) for file in files if file.suffix == ".json")
            yield from (file for file in sorted(files) if _may_be_record(file))
        else:
            yield path


def _may_be_record(path: Path) -> bool:
    """Whether a file says that it is a record, or cannot be read: then it may have been one."""
    try:
        content = read_json(path)
    except ValueError:
        return True
    return isinstance(content, dict) and content.get("record") == KIND


def _thumbnail(path: Path, side: int) -> Shown:
    with PictureFile(path) as picture:
        return thumbnail(picture, side)


def _most_changed(change: PictureFile) -> tuple[int, int, int, int]:
    """Top, left, height and width."""
    height, width, _ = change.shape
    small = thumbnail(change, 100)[..., 0].astype(float)
    row, column = np.unravel_index(np.argmax(small), small.shape)
    sides = min(_DETAIL, height), min(_DETAIL, width)
    middles = (row + 0.5) / small.shape[0] * height, (column + 0.5) / small.shape[1] * width
    top, left = (
        int(min(max(0, round(middle - side / 2)), length - side))
        for middle, side, length in zip(middles, sides, (height, width), strict=True)
    )
    return top, left, *sides
