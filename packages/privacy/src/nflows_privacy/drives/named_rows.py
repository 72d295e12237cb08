"""Rows of a table that a person or another program wrote, under our own names of its columns."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from nflows_core.runtime.foreign_text import from_cell
from nflows_privacy.drives.frames import column_of

Row = Mapping[str, str]


def named_rows(
    path: Path, names: Mapping[str, Sequence[str]], needed: Sequence[Collection[str]], expected: str
) -> Iterator[tuple[int, Row]]:
    """The rows, each with its line; cells are without spaces around.

    Arguments:
        path: The table: CSV in UTF-8.
        names: The names that each column may have, in small letters, by our own.
        needed: Our own names of columns, of which one in each collection must be there.
        expected: What these are, in words.

    Raises:
        ValueError: It is no table, or a column is missing or there twice.
        OSError: The file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restval="")
            columns = _columns(path, table.fieldnames or (), names)
            if any(columns.keys().isdisjoint(one) for one in needed):
                raise ValueError(f"{path}: expected columns {expected}, with commas between")
            for row in table:
                if None in row:
                    raise ValueError(f"{path}, line {table.line_num}: has more cells than there are columns")
                yield table.line_num, {name: from_cell(row[column].strip()) for name, column in columns.items()}
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is no table: {error}; give CSV in UTF-8") from error


def _columns(path: Path, header: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The columns of a table by our own names."""
    try:
        named = {name: column_of(dict.fromkeys(header), known) for name, known in names.items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return {name: column for name, column in named.items() if column is not None}
