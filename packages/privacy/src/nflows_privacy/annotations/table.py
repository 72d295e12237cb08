"""Annotations as a table: CSV with a row for each box."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nflows_core.runtime.foreign_text import from_cell
from nflows_privacy.annotations.annotated import Annotations, Gathering, kind_of
from nflows_privacy.regions import Box, Region

COLUMNS = ("image", "left", "top", "right", "bottom")
"""What such a table has at least; the class stands in ``name`` or ``class``, the score in ``score``."""


def is_table(first_line: str) -> bool:
    """Whether the first line of a file is that of such a table."""
    return set(COLUMNS) <= {cell.strip() for cell in first_line.split(",")}


def table_annotations(path: Path) -> Annotations:
    """The boxes of such a table; a row without numbers says that a picture has none.

    Raises:
        ValueError: A column is missing, or a row is no box; its line is named.
        OSError: The file cannot be read.
    """
    try:
        gathering = _gathered(path)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no table: {error}; give CSV in UTF-8") from error
    kinds = {region.kind for found in gathering.pictures.values() for region in found}
    return gathering.done(str(path), sorted(kinds))


def rows_of(picture: str, regions: list[Region]) -> list[dict[str, Any]]:
    """The rows of a picture, for `nflows_core.runtime.report.write_csv`: one without numbers if it has no regions."""
    if not regions:
        return [{**dict.fromkeys(COLUMNS, None), "image": picture, "name": None, "score": None}]
    written = [region.to_json() for region in regions]
    return [
        {
            "image": picture,
            **dict(zip(COLUMNS[1:], one["box"], strict=True)),
            "name": one["kind"],
            "score": one["score"],
        }
        for one in written
    ]


def _gathered(path: Path) -> Gathering:
    gathering = Gathering()
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        columns = set(table.fieldnames or ())
        label = next((column for column in ("name", "class") if column in columns), None)
        if label is None or not set(COLUMNS) <= columns:
            raise ValueError(f"{path}: no table with the columns {', '.join(COLUMNS)} and name or class")
        for row in table:
            _add(gathering, row, label, f"{path}, line {table.line_num}")
    return gathering


def _add(gathering: Gathering, row: Mapping[str, str | None], label: str, place: str) -> None:
    name, cells = from_cell(row["image"] or ""), [row[column] or "" for column in COLUMNS[1:]]
    if not name:
        raise ValueError(f"{place}: names no picture; correct it")
    gathering.add(name)
    if any(cells):
        gathering.add(name, _region(cells, row, label, place))


def _region(cells: list[str], row: Mapping[str, str | None], label: str, place: str) -> Region:
    try:
        return Region(Box(*map(float, cells)), kind_of(from_cell(row[label] or "")), float(row.get("score") or 1))
    except ValueError as error:
        raise ValueError(f"{place}: {error}; correct it") from error
