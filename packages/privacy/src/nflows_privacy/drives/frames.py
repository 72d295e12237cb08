"""Frames of drives: which pictures follow one another, where a table says so.

Names alone say nothing: pictures of data sets end in numbers too, and are of places far apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from nflows_privacy.annotations.names import PictureName

PICTURE = ("picture", "image", "file")
"""The names of the column of pictures in tables, of which one is there."""
DRIVE, FRAME = "drive", "frame"
_WHOLE = re.compile(r"([0-9]{1,18})(\.0*)?")  # 30.0 is what programs make of 30 where other cells are empty
_END = re.compile(r"[0-9]+\Z")

Key = tuple[str, int] | tuple[str]
"""What a frame is known by: its drive and its number, or the picture alone."""


@dataclass(frozen=True)
class Frame:
    """A frame of a drive, or a picture of no drive.

    Arguments:
        picture: The path of the picture, relative to the folder of all.
        drive: The name of the drive.
        number: The number within the drive; frames that follow one another differ by 1.

    Raises:
        ValueError: There is a drive without a number, or the other way round.
    """

    picture: str
    drive: str | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        if self.drive == "" or (self.drive is None) != (self.number is None):
            raise ValueError(f"{self.picture}: expected a drive and a number, or neither")

    @property
    def key(self) -> Key:
        return (self.picture,) if self.drive is None or self.number is None else (self.drive, self.number)


def frames_of(rows: Iterable[Mapping[str, str]]) -> list[Frame]:
    """The frames that the rows of a table name, in the order of the rows.

    A row with a ``drive`` or a ``frame`` is of a drive, and any other is a picture of its own. A frame without a drive
    is of the folder of its picture. Where no row of a drive has a number, frames have those at the ends of the names of
    their pictures, or if not all of these end in one, their places in the order of the names. Where only every tenth
    picture of a drive was kept, nine are lost between two: for them to follow one another, number them anew.

    Arguments:
        rows: The rows, with a column of `PICTURE`, and ``drive`` and ``frame`` where there are drives.

    Raises:
        ValueError: A row names no picture; a number is none; some frames of a drive have numbers and others do not; or
            one frame is there twice.
    """
    stated = [_stated(row) for row in rows]
    drives: dict[str, dict[str, int | None]] = {}
    for picture, drive, number in stated:
        if drive is not None:
            drives.setdefault(drive, {}).setdefault(picture, number)
    numbers = {drive: _numbered(drive, found) for drive, found in drives.items()}
    frames = [
        Frame(picture) if drive is None else Frame(picture, drive, numbers[drive][picture])
        for picture, drive, _ in stated
    ]
    check_distinct(frames)
    return frames


def check_distinct(frames: Iterable[Frame]) -> None:
    """Refuses frames of which one is there twice.

    Raises:
        ValueError: Two are the same frame; it names the pictures of both.
    """
    known: dict[Key, Frame] = {}
    for frame in frames:
        other = known.setdefault(frame.key, frame)
        if other is not frame and frame.drive is None:
            raise ValueError(f"{frame.picture}: is there twice; leave one out")
        if other is not frame:
            raise ValueError(
                f"{other.picture} and {frame.picture}: both are frame {frame.number} of the drive {frame.drive}; give"
                " each a number of its own, or each drive a name"
            )


def column_of(row: Mapping[str, object], names: Sequence[str]) -> str | None:
    """The column of a table that has one of these names, in small letters and without spaces around; none if none has.

    Raises:
        ValueError: There are several.
    """
    found = [column for column in row if column is not None and column.strip().lower() in names]
    if len(found) > 1:
        raise ValueError(f"the columns {' and '.join(found)} mean the same; leave one out")
    return next(iter(found), None)


def cell_of(row: Mapping[str, str], names: Sequence[str]) -> str:
    """The cell of the column that has one of these names; empty if none has."""
    column = column_of(row, names)
    return "" if column is None else (row[column] or "").strip()


def number_of(cell: str) -> int:
    """The number of a frame in a cell.

    Raises:
        ValueError: It is no whole number, or below 0.
    """
    if not (found := _WHOLE.fullmatch(cell)):
        raise ValueError(f"expected a whole number from 0 on as the number of a frame, got {cell!r}")
    return int(found[1])


def folder_of(picture: str) -> str:
    r"""The folder of a picture; programs of Windows write ``\`` between folders.

    Example:
        >>> folder_of("a/b/1.png"), folder_of("1.png")
        ('a/b', '.')
    """
    return PurePosixPath(picture if "/" in picture else picture.replace("\\", "/")).parent.as_posix()


def _stated(row: Mapping[str, str]) -> tuple[str, str | None, int | None]:
    """Picture, drive and number as a row says them."""
    picture, drive, number = (cell_of(row, names) for names in (PICTURE, (DRIVE,), (FRAME,)))
    if not picture:
        raise ValueError(f"a row names no picture; give each one in a column {' or '.join(PICTURE)}")
    if not number:
        return picture, drive or None, None
    try:
        return picture, drive or folder_of(picture), number_of(number)
    except ValueError as error:
        raise ValueError(f"{picture}: {error}") from error


def _numbered(drive: str, stated: Mapping[str, int | None]) -> dict[str, int]:
    """The numbers of the pictures of a drive."""
    known = {picture: number for picture, number in stated.items() if number is not None}
    if known and len(known) < len(stated):
        other = next(picture for picture in stated if picture not in known)
        raise ValueError(f"{other}: has no number, as other frames of the drive {drive} do; give it one in `{FRAME}`")
    if known:
        return known
    ends = {picture: _END.search(PictureName.of(picture).parts[-1]) for picture in stated}
    if all(ends.values()):
        return {picture: int(end[0]) for picture, end in ends.items() if end}
    return {picture: place for place, picture in enumerate(sorted(stated))}
