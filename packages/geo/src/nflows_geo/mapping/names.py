"""What the units of a map are called, and in which colours they are drawn: as a person says in a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nflows_core.runtime.foreign_text import visible
from nflows_geo.figures import UNIT_COLOURS, Colour, unit_colour

_MOST_UNITS = 255
_MOST_BYTES = 2**20
_COLUMNS = ("unit", "name", "colour")
_SPELLINGS = {"color": "colour"}
_HEX = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class UnitNames:
    """The names and colours that a person gave to units; every other unit has its number and our colour.

    Arguments:
        names: The name of each unit that has one.
        colours: The colour of each unit that has one.
        file: The file that says so.
        notes: What of the file is not used, in words.

    Example:
        >>> from nflows_geo import UnitNames
        >>> names = UnitNames({1: "granite"})
        >>> names.of(1), names.of(2), names.colour(2)
        ('granite', 'unit 2', (122, 158, 203))
    """

    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, Colour] = field(default_factory=dict)
    file: Path | None = None
    notes: tuple[str, ...] = ()

    def of(self, unit: int) -> str:
        """What a unit is called."""
        return self.names.get(unit, f"unit {unit}")

    def colour(self, unit: int) -> Colour:
        """In which colour a unit is drawn: the given one, or ours, or its darker kin if another unit was given ours."""
        given = set(self.colours.values())
        own = (unit_colour(unit + UNIT_COLOURS * round_) for round_ in range(len(given) + 1))
        return self.colours.get(unit) or next(colour for colour in own if colour not in given)

    def require(self, units: Collection[int]) -> None:
        """Refuses names of units that a map does not have.

        Raises:
            ValueError: There is such a name.
        """
        if missing := sorted(self.names.keys() - set(units)):
            raise ValueError(
                f"{self.file} names unit {missing[0]}, which the map does not have: its units are {_listed(units)}"
            )


def read_names(path: Path) -> UnitNames:
    """Reads a table with a line for each unit that has a name.

    Arguments:
        path: A CSV file in UTF-8 with the columns ``unit`` and ``name``, and if wanted ``colour`` or ``color``, as
            #c8685a; they are apart by commas, semicolons or tabs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A column is missing or there twice, or a line has no unit from 1 to 255, one that an earlier line
            has, no name, or no such colour.

    Example:
        >>> from nflows_geo import read_names
        >>> _ = Path("units.csv").write_text("unit,name,colour\\n1,granite,#c8685a\\n3,basalt,\\n")
        >>> read_names(Path("units.csv")).names
        {1: 'granite', 3: 'basalt'}
    """
    names: dict[int, str] = {}
    colours: dict[int, Colour] = {}
    header, rows = _table(path)
    for place, row in rows:
        unit = _unit(place, row["unit"])
        if unit in names:
            raise ValueError(f"{place}: unit {unit} has a name already, {names[unit]!r}; leave one of the two lines")
        if not row["name"]:
            raise ValueError(f"{place}: unit {unit} has no name; give one, or remove the line")
        names[unit] = row["name"]
        if row["colour"]:
            colours[unit] = _colour(place, row["colour"])
    if not names:
        raise ValueError(f"{path} names no unit; it needs a line for each under unit,name")
    unused = ", ".join(visible(name) for name in header if name and name not in _COLUMNS)
    notes = (f"{path.name}: not used: {unused}; the columns are unit, name and colour",) if unused else ()
    return UnitNames(names, colours, path, notes)


def _table(path: Path) -> tuple[list[str], Iterator[tuple[str, dict[str, str]]]]:
    """The names of the columns, and the lines that are not empty: where each is, and its cells by column."""
    text = _text(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    lines = ((rows.line_num, row) for row in _readable(path, rows))
    _, first = next(lines, (0, []))
    header = [_SPELLINGS.get(name, name) for name in (cell.strip().lower() for cell in first)]
    if missing := [name for name in _COLUMNS[:2] if name not in header]:
        found = ", ".join(map(visible, filter(None, header))) or "none"
        raise ValueError(f"{path} has no column {missing[0]}; it needs unit and name, and it has {found}")
    if twice := next((name for name in _COLUMNS if header.count(name) > 1), None):
        raise ValueError(f"{path} has the column {twice} twice, in one spelling or two; leave one of them")
    return header, _filled(path, header, lines)


def _filled(
    path: Path, header: Sequence[str], lines: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[str, dict[str, str]]]:
    for line, row in lines:
        if any(map(str.strip, row)):
            cells = dict(zip(header, row, strict=False))
            # Names are one line of what can be seen, since they go into XML and into legends.
            yield (
                f"{path}, line {line}",
                {name: visible(" ".join(cells.get(name, "").split())) for name in _COLUMNS},
            )


def _readable(path: Path, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise ValueError(f"{path} is no table in CSV: {error}; save it as CSV in UTF-8") from error


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{path} is too large for a table of names; give a CSV file with the columns unit and name")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8; save it as CSV in UTF-8") from error


def _unit(place: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= _MOST_UNITS and len(text) < 4):
        raise ValueError(f"{place}: {visible(text)!r} is no unit; units are whole numbers from 1 to {_MOST_UNITS}")
    return int(text)


def _colour(place: str, text: str) -> Colour:
    if not _HEX.fullmatch(text):
        raise ValueError(f"{place}: {visible(text)!r} is no colour; write it as #c8685a, or leave it empty")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


def _listed(units: Collection[int]) -> str:
    ordered = sorted(units)
    whole = ordered == list(range(ordered[0], ordered[-1] + 1))
    return f"{ordered[0]} to {ordered[-1]}" if whole else ", ".join(map(str, ordered))
