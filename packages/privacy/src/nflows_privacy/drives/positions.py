"""Where frames were taken: from a table, or from the EXIF of the pictures, and between two of them on a line."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nflows_privacy.drives.degrees import Position, between, exif_position
from nflows_privacy.drives.frames import Frame, Key
from nflows_privacy.drives.position_table import table_positions


@dataclass(frozen=True)
class Positions:
    """The positions of frames.

    Arguments:
        of: The position of each frame that has one.
        without: The number of frames that have none.
    """

    of: Mapping[Frame, Position]
    without: int


def positions_of(frames: Iterable[Frame], *, table: Path | None = None, pictures: Path | None = None) -> Positions:
    """The positions of frames: as a table says, or else the EXIF of their pictures.

    Frames between two known ones of their drive lie on the line between them, in even steps in latitude and longitude,
    the shorter way round the earth: a receiver knows one frame in thirty. Before the first and behind the last, nothing
    is known. Nor is it of a frame at exactly 0, 0, which receivers write before they know.

    Arguments:
        frames: The frames.
        table: The table: CSV with ``latitude`` and ``longitude`` (or ``lat``, ``lon``, ``lng``), and a column of
            pictures or ``frame``, which counts within the ``drive``. Frames that are not among ``frames`` may be there
            too. Without it, the pictures are asked.
        pictures: The folder to which the paths of the pictures are relative: the originals, whose EXIF is whole.

    Raises:
        ValueError: The table lacks columns, says nothing of any frame, or a row is no position of a frame; its line is
            named.
        OSError: A file cannot be read.
    """
    frames = list(frames)
    if table is not None:
        known = table_positions(table, frames)
    else:
        known = {} if pictures is None else _stated(pictures, frames)
    drives = _by_drive(known)
    located = ((frame, _located(frame, known, drives)) for frame in frames)
    found = {frame: position for frame, position in located if position is not None}
    return Positions(found, len(frames) - len(found))


def _stated(folder: Path, frames: Iterable[Frame]) -> dict[Key, Position]:
    found = ((frame.key, exif_position(folder / frame.picture)) for frame in frames)
    return {key: position for key, position in found if position is not None}


def _by_drive(known: Iterable[Key]) -> dict[str, list[int]]:
    """The numbers of the frames of each drive whose positions are known, in order."""
    drives: dict[str, list[int]] = {}
    for drive, number in sorted(key for key in known if len(key) == 2):
        drives.setdefault(drive, []).append(number)
    return drives


def _located(frame: Frame, known: Mapping[Key, Position], drives: Mapping[str, Sequence[int]]) -> Position | None:
    if frame.key in known or frame.drive is None or frame.number is None:
        return known.get(frame.key)
    numbers = drives.get(frame.drive, ())
    behind = bisect(numbers, frame.number)
    if not 0 < behind < len(numbers):
        return None
    before, after = numbers[behind - 1], numbers[behind]
    share = (frame.number - before) / (after - before)
    return between(known[frame.drive, before], known[frame.drive, after], share)
