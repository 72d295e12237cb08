"""Positions of frames from a table, as receivers and their programs write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nflows_privacy.drives.degrees import Position, known_position
from nflows_privacy.drives.frames import DRIVE, FRAME, PICTURE, Frame, Key, number_of
from nflows_privacy.drives.named_rows import Row, named_rows

_NAMES = {
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng", "long"),
    "picture": PICTURE,
    DRIVE: (DRIVE,),
    FRAME: (FRAME,),
}
_NEEDED = (("latitude",), ("longitude",), ("picture", FRAME))


def table_positions(path: Path, frames: Sequence[Frame]) -> dict[Key, Position]:
    """What a table says: the position of each frame that it names, of those too that are not among ``frames``.

    Arguments:
        path: The table; see `nflows_privacy.drives.positions.positions_of`.
        frames: The frames whose pictures it may name.

    Raises:
        ValueError: It lacks columns, a row is no position of a frame (its line is named), two rows are of the same
            frame, or none is of a drive or a picture of ``frames``.
        OSError: The file cannot be read.
    """
    pictures = {_spelled(frame.picture): frame.key for frame in frames}
    drives = {frame.drive for frame in frames if frame.drive is not None}
    asked, lines = set(pictures.values()), dict[Key, int]()
    found: dict[Key, Position] = {}
    for line, row in named_rows(path, _NAMES, _NEEDED, "latitude, longitude, and picture or frame"):
        try:
            key, position = _key(row, pictures, drives), _position(row)
            _take_line(lines, key, line)
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from error
        if key is not None and position is not None:
            found[key] = position
    if frames and drives.isdisjoint(key[0] for key in lines if len(key) == 2) and lines.keys().isdisjoint(asked):
        raise ValueError(f"{path}: names none of the frames, such as {frames[0].picture}; give the table of these")
    return found


def _key(row: Row, pictures: Mapping[str, Key], drives: Collection[str]) -> Key | None:
    """The frame of a row; none if it is of a picture that is not asked for."""
    picture, number = row.get("picture", ""), row.get(FRAME, "")
    if (key := pictures.get(_spelled(picture))) is not None:
        return key
    if not number:
        if not picture:
            raise ValueError("names no frame; give its picture or its number")
        return None
    return row.get(DRIVE) or _only(drives), number_of(number)


def _take_line(lines: dict[Key, int], key: Key | None, line: int) -> None:
    if key is not None and (other := lines.setdefault(key, line)) != line:
        raise ValueError(f"is of the same frame as line {other}; leave one out")


def _only(drives: Collection[str]) -> str:
    if len(drives) != 1:
        raise ValueError(f"names no drive, and there are {len(drives)}; give it in a column `{DRIVE}`")
    return next(iter(drives))


def _position(row: Row) -> Position | None:
    cells = row["latitude"], row["longitude"]
    if not any(cells):
        return None  # the receiver had none
    try:
        latitude, longitude = map(float, cells)
    except ValueError:
        raise ValueError(f"expected degrees as 47.5, got latitude {cells[0]!r} and longitude {cells[1]!r}") from None
    return known_position(latitude, longitude)


def _spelled(picture: str) -> str:
    return picture.replace("\\", "/").removeprefix("./")
