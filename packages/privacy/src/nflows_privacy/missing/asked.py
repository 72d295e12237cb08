"""What the roads in scenes ask for, as a person says it in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.faults import TWICE, Faults
from nflows_privacy.annotations.names import PictureName
from nflows_privacy.drives.frames import DRIVE, FRAME, PICTURE, Frame, frames_of
from nflows_privacy.drives.named_rows import Row, named_rows
from nflows_privacy.drives.places import CANNOT_SAY, NOTHING

NOT_THERE = "pictures are not among the inputs"
UNLISTED = "pictures are not in the table, and what they ask for is unknown"
_NAMES = {"picture": PICTURE, "context": ("context",), "group": ("group",), DRIVE: (DRIVE,), FRAME: (FRAME,)}
_NEEDED = (("picture",), ("context", "group", DRIVE, FRAME))


@dataclass(frozen=True)
class Asked:
    """What a person says of a scene.

    Arguments:
        context: The class of the sign that the road asks for; none if there is none or nobody knows.
        group: What scenes share that no split may divide: their group or else their drive; none if nobody says.
        frame: The frame of a drive that it is.
    """

    context: str | None
    group: str | None
    frame: Frame


def read_asked(path: Path, sources: Sequence[str], faults: Faults) -> dict[str, Asked]:
    """What a table says of pictures, by their names; those that it does not name are left out.

    Arguments:
        path: The table: CSV with a column ``image``, ``picture`` or ``file``, and maybe ``context``, ``group``,
            ``drive`` and ``frame``, in whatever case. An empty cell says that nothing is known.
        sources: The names of the pictures, relative to their folder.
        faults: Gets the pictures of the table that are not there or that it names twice, and those that it leaves out.

    Raises:
        ValueError: It is no such table, two rows say different things of one picture, a row may mean several, or it
            names none of them.
        OSError: The file cannot be read.
    """
    rows = _distinct(path, faults)
    try:
        frames = frames_of(rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    said = {row["picture"]: _asked(row, frame) for row, frame in zip(rows, frames, strict=True)}
    names = _names(path, said, sources)
    there = set(names.values())
    for name in said:
        if name not in there:
            faults.add(NOT_THERE, name)
    for source in sources:
        if source not in names:
            faults.add(UNLISTED, source)
    return {source: said[name] for source, name in names.items()}


def _distinct(path: Path, faults: Faults) -> list[Row]:
    """The rows, one for each picture."""
    known: dict[PictureName, tuple[int, Row]] = {}
    for line, row in named_rows(path, _NAMES, _NEEDED, "image, and context, group, drive or frame"):
        if not row["picture"]:
            raise ValueError(f"{path}, line {line}: names no picture")
        if row.get("context") in (NOTHING, CANNOT_SAY):
            raise ValueError(f"{path}, line {line}: {row['context']} is no class; leave the cell empty")
        first, other = known.setdefault(PictureName.of(row["picture"]), (line, row))
        if first == line:
            continue
        if {**row, "picture": ""} != {**other, "picture": ""}:
            raise ValueError(
                f"{path}: lines {first} and {line} say different things of {row['picture']}; leave one out"
            )
        faults.add(TWICE, f"{row['picture']} (line {line})")
    if not known:
        raise ValueError(f"{path}: has no rows; give a row for each picture, or leave the table out")
    return [row for _, row in known.values()]


def _asked(row: Row, frame: Frame) -> Asked:
    return Asked(row.get("context") or None, row.get("group") or frame.drive, frame)


def _names(path: Path, said: Mapping[str, Asked], sources: Sequence[str]) -> dict[str, str]:
    """The name in the table of each picture that has one."""
    table, owners = Annotations(str(path), dict.fromkeys(said, Marked(()))), dict[str, str]()
    for source in sources:
        name = table.find(source)
        if name is not None and (other := owners.setdefault(name, source)) != source:
            raise ValueError(f"{path}: {name} may be {other} and {source}; write the folders into the names")
    if not owners:
        raise ValueError(f"{path}: names none of the pictures, such as {sources[0]}; give the table of these")
    return {source: name for name, source in owners.items()}
