"""Tables of labelled pictures, as people, spreadsheets and ``nflows agri split`` write them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from nflows_core.data.images import DataError
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.foreign_text import from_cell, visible

_SAID = ("class", "group", "item", "part")
COLUMNS = ("file", *_SAID, "root")
"""What a table may have, and all that one has which was written here."""
_SEPARATORS = (",", ";", "\t")


class Row(NamedTuple):
    """What is said of a picture: its path below the root, and the rest if it is known, else empty."""

    name: str
    label: str = ""
    group: str = ""
    item: str = ""
    part: str = ""


def read_rows(
    path: Path, root: Path | None, columns: Mapping[str, str], is_class_known: bool
) -> tuple[Path, list[Row]]:
    """The root of a table's files, and its rows; see `nflows_core.data.read_labelled`.

    Arguments:
        path: The table.
        root: The root, if a person said it.
        columns: The names of its columns, by what they are.
        is_class_known: Whether it needs no column of classes.

    Raises:
        DataError: It is no such table, or what it says cannot be.
        ValueError: ``columns`` names what no table has.
    """
    if strange := sorted(columns.keys() - set(COLUMNS)):
        raise ValueError(f"`columns` has {strange[0]}, and a table has {', '.join(COLUMNS)}")
    needed = ("file",) if is_class_known else ("file", "class")
    lines = list(_cells(path, columns, needed))
    if not lines:
        raise DataError(f"{path}: has a header and no rows; it needs one for each picture")
    root = _root(path, lines) if root is None else root
    rows = [Row(_name(path, line, cells["file"], root), *(cells[kind] for kind in _SAID)) for line, cells in lines]
    _check_once(path, [line for line, _ in lines], rows)
    _check_there(path, root, rows)
    return root, rows


def _cells(path: Path, columns: Mapping[str, str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The cells of each row by what they are, with its line, the needed ones full."""
    try:
        with require_regular(path).open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            table = csv.reader(file, delimiter=max(_SEPARATORS, key=first.count), strict=True)
            places = _places(path, next(table, []), columns, needed)
            for cells in table:
                if any(cell.strip() for cell in cells):
                    yield table.line_num, _row(f"{path}, line {table.line_num}", cells, places, needed)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no text in UTF-8; save the table as CSV in UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}: is no CSV that can be read ({error}); save the table again") from error


def _places(path: Path, header: Sequence[str], columns: Mapping[str, str], needed: Iterable[str]) -> dict[str, int]:
    """Where the cells of each kind stand in a row."""
    names = [from_cell(name).strip().lower() for name in header]
    places = {}
    for kind in COLUMNS:
        name = columns.get(kind, kind).strip().lower()
        if names.count(name) > 1:
            raise DataError(f"{path}: has {names.count(name)} columns {visible(name)}; leave one of them")
        if name in names:
            places[kind] = names.index(name)
        elif not any(header):
            raise DataError(f"{path}: is empty; a table has a line with the names of its columns, file and class")
        elif kind in needed or kind in columns:
            raise DataError(
                f"{path}: has no column {visible(name)}, but {visible(', '.join(header))}; name it so, or "
                f"say by `columns` which it is, as in {kind}=NAME"
            )
    return places


def _row(place: str, cells: Sequence[str], places: Mapping[str, int], needed: Iterable[str]) -> dict[str, str]:
    if len(cells) <= max(places.values()):
        raise DataError(f"{place}: has {len(cells)} cells, fewer than the header; was it cut off?")
    row = dict.fromkeys(COLUMNS, "") | {kind: from_cell(cells[at]) for kind, at in places.items()}
    row |= {kind: text.strip() for kind, text in row.items() if kind != "file"}
    if empty := [kind for kind in needed if not row[kind].strip()]:
        raise DataError(f"{place}: the {empty[0]} is empty; fill it, or remove the line")
    return row


def _root(path: Path, lines: Iterable[tuple[int, Mapping[str, str]]]) -> Path:
    said = sorted({cells["root"] for _, cells in lines})
    if len(said) > 1:
        raise DataError(f"{path}: names several roots, such as {visible(said[0])} and {visible(said[1])}; give `root`")
    root = path.parent / said[0]
    if not root.is_dir():
        raise DataError(f"{path}: its root {visible(said[0])} is no folder as seen from the table; say where by `root`")
    return root


def _name(path: Path, line: int, text: str, root: Path) -> str:
    """A path below the root with slashes; spaces around it and backslashes may be the table's, or the name's own."""
    if not os.path.lexists(root / text):
        text = text.strip().replace("\\", "/")
    name = PurePosixPath(text)
    drive = Path(text).drive or PureWindowsPath(text).is_absolute()
    if name.is_absolute() or drive or ".." in name.parts or not name.parts:
        raise DataError(
            f"{path}, line {line}: {visible(text)} is no path below the root; write it from there, and give `root`"
        )
    return str(name)


def _check_once(path: Path, lines: Sequence[int], rows: Iterable[Row]) -> None:
    seen: dict[str, int] = {}
    for line, row in zip(lines, rows, strict=True):
        first = seen.setdefault(row.name, line)
        if first != line:
            raise DataError(f"{path}: {visible(row.name)} stands in the lines {first} and {line}; leave one of them")


def _check_there(path: Path, root: Path, rows: Iterable[Row]) -> None:
    if missing := [row.name for row in rows if not (root / row.name).is_file()]:
        shown = visible(", ".join([*missing[:3], "..."] if missing[3:] else missing))
        raise DataError(f"{path}: {len(missing)} of its files are not in {root}: {shown}; give another `root`?")
