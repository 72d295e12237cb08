"""Annotations as a table: CSV with a row for each box."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.foreign_text import from_cell
from nflows_privacy.annotations.annotated import Annotations, Gathering, kind_of
from nflows_privacy.annotations.faults import NO_NUMBERS, TWICE, UNNAMED, Faults
from nflows_privacy.regions import Box, Region

COLUMNS = ("image", "left", "top", "right", "bottom")
"""What such a table has at least; the class stands in ``name`` or ``class``, the score in ``score``."""
SIZE = ("picture_width", "picture_height")
"""The columns of the size in which boxes are counted, if the table has them."""
_LABELS = ("name", "class")


def is_table(first_line: str) -> bool:
    """Whether the first line of a file is that of such a table."""
    return set(COLUMNS) <= {cell.strip() for cell in first_line.split(",")}


def table_annotations(path: Path, faults: Faults | None = None) -> Annotations:
    """The boxes of such a table; a row without numbers says that a picture has none.

    All further columns are attributes of the regions: the ``group`` of a class, the ``track`` of a video, whether a
    sign is ``tilted``. Where there is a ``name``, the ``class`` is one of them.

    Arguments:
        path: The file.
        faults: Gets what is wrong with single rows, which then stops nothing.

    Raises:
        ValueError: A column is missing, or a row is no box and there are no ``faults``; its line is named.
        OSError: The file cannot be read.
    """
    gathering, sizes = Gathering(faults), dict[str, tuple[int, int]]()
    try:
        _gather(path, gathering, sizes)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no table: {error}; give CSV in UTF-8") from error
    kinds = {region.kind for found in gathering.pictures.values() for region in found}
    return gathering.done(str(path), sorted(kinds), sizes)


def rows_of(picture: str, regions: Sequence[Region], attributes: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of a picture, for `nflows_core.runtime.report.write_csv`: one without numbers if it has no regions.

    Arguments:
        picture: The name of the picture.
        regions: Its regions.
        attributes: The attributes that become columns.
    """
    if not regions:
        return [{**dict.fromkeys((*COLUMNS, "name", "score", *attributes)), "image": picture}]
    return [_row(picture, region, attributes) for region in regions]


def _row(picture: str, region: Region, attributes: Sequence[str]) -> dict[str, Any]:
    one, known = region.to_json(), dict(region.attributes)
    return {
        "image": picture,
        **dict(zip(COLUMNS[1:], one["box"], strict=True)),
        "name": one["kind"],
        "score": one["score"],
        **{name: known.get(name) for name in attributes},
    }


def _gather(path: Path, gathering: Gathering, sizes: dict[str, tuple[int, int]]) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        columns = list(table.fieldnames or ())
        label = next((column for column in _LABELS if column in columns), None)
        if label is None or not set(COLUMNS) <= set(columns):
            raise ValueError(f"{path}: no table with the columns {', '.join(COLUMNS)} and name or class")
        more = [column for column in columns if column not in (*COLUMNS, *SIZE, label, "score")]
        for row in table:
            place = f"{path}, line {table.line_num}"
            name = from_cell(row["image"] or "")
            _add(gathering, name, row, label, more, place)
            if name and (size := _size(row, place)):
                sizes[name] = size


def _add(
    gathering: Gathering, name: str, row: Mapping[str, str | None], label: str, more: Sequence[str], place: str
) -> None:
    cells = [row[column] or "" for column in COLUMNS[1:]]
    if not name:
        raise ValueError(f"{place}: names no picture; correct it")
    if any(cells):
        gathering.add(name)
        gathering.add_box(name, _region(gathering, cells, row, label, more, place), place)
    elif gathering.faults is not None and name in gathering.pictures:
        gathering.faults.add(TWICE, f"{name} ({place})")
    else:
        gathering.add(name)


def _region(
    gathering: Gathering,
    cells: Sequence[str],
    row: Mapping[str, str | None],
    label: str,
    more: Sequence[str],
    place: str,
) -> Region | None:
    try:
        box, score = Box(*map(float, cells)), float(row.get("score") or 1)
    except ValueError as error:
        gathering.fault(NO_NUMBERS, place, str(error))
        return None
    kind = kind_of(from_cell(row[label] or ""))
    if not kind and gathering.faults is not None:
        number = row.get("class")
        kind = f"class {number}" if number else "unnamed"
        gathering.faults.add(UNNAMED, f"{kind} ({place})")
    attributes = tuple((name, from_cell(row[name] or "")) for name in more if row[name])
    return gathering.region(box, kind, score, attributes, place)


def _size(row: Mapping[str, str | None], place: str) -> tuple[int, int] | None:
    """The size of a picture as a row says it."""
    cells = [row.get(column) or "" for column in SIZE]
    if not all(cells):
        return None
    if not all(cell.isdecimal() and int(cell) > 0 for cell in cells):
        raise ValueError(f"{place}: expected whole numbers above 0 in {' and '.join(SIZE)}; correct it")
    return int(cells[0]), int(cells[1])
