"""Points with a class from tables, as spreadsheets and field computers write them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from nflows_geo.labels.features import Features
from nflows_geo.raster import Grid, geographic

TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
_METRES = (("x", "y"), ("easting", "northing"), ("east", "north"))
_DEGREES = (("lon", "lat"), ("long", "lat"), ("lng", "lat"), ("longitude", "latitude"))
_NO_CLASS = ("", "nan", "null")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")


@dataclass(frozen=True)
class _Table:
    """Words in rows.

    Arguments:
        path: The file.
        header: The names of the columns, in small letters.
        rows: The number of each line, and its words.
        separator: What stands between words.
        notes: What was assumed.
    """

    path: Path
    header: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]
    separator: str
    notes: tuple[str, ...]

    def words(self, name: str) -> list[str]:
        """A column; "" where a row is shorter."""
        at = self.header.index(name)
        return [row[at].strip() if at < len(row) else "" for _, row in self.rows]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where there is none.

        Raises:
            ValueError: One is no number, or may be two.
        """
        words = self.words(name)
        if self.separator != "," and any("," in word for word in words):
            words = [self._with_point(name, word, words) for word in words]
        return np.array([self._number(name, line, word) for (line, _), word in zip(self.rows, words, strict=True)])

    def _with_point(self, name: str, word: str, words: Sequence[str]) -> str:
        """A number whose decimals are after a comma, unless all that is after commas may be thousands."""
        if not _COMMA.fullmatch(word):
            return word
        if all(_THOUSANDS.fullmatch(other) for other in words if other):
            raise ValueError(f"{self.path}: {word} in {name} may be a thousand or a part of one; write decimal points")
        return word.replace(",", ".")

    def _number(self, name: str, line: int, word: str) -> float:
        try:
            return float(word or "nan")
        except ValueError as error:
            raise ValueError(f"{self.path}, line {line}: {name} is {word!r}, not a number") from error


def read_table(path: Path, grid: Grid, assume_crs: bool, column: str) -> Features:
    """Reads points; columns lon and lat are degrees, of WGS 84 on the Earth.

    Raises:
        ValueError: There are no rows, columns or numbers, or the scene lies nowhere that degrees tell.
    """
    table = _table(path)
    preferred = (*_METRES, *_DEGREES) if assume_crs else (*_DEGREES, *_METRES)
    pair = next((pair for pair in preferred if set(pair) <= set(table.header)), None)
    if pair is None or column.strip().lower() not in table.header:
        raise ValueError(
            f"{path} has the columns {', '.join(table.header)}; it needs x and y, easting and northing, or lon and lat,"
            f" and {column} (`column` names another)"
        )
    x, y = (table.numbers(name) for name in pair)
    placed = np.isfinite(x) & np.isfinite(y)
    figures = np.full(len(placed), None, object)
    figures[placed] = shapely.points(x[placed], y[placed])
    words = table.words(column.strip().lower())
    classes = np.array(["" if word.lower() in _NO_CLASS else word for word in words], np.str_)
    return Features(path, figures, classes, _degrees(path, grid) if pair in _DEGREES else None, table.notes)


def _degrees(path: Path, grid: Grid) -> CRS:
    system = geographic(grid.crs)
    if system is None:
        raise ValueError(f"{path} has degrees, but the scene does not say where it lies; give columns x and y")
    return CRS.from_wkt(system.to_wkt())


def _table(path: Path) -> _Table:
    text, notes = _text(path)
    tables = [_separated(path, text, separator, notes) for separator in (",", ";", "\t")]
    table = max(tables, key=lambda table: len(table.header))
    if not table.rows:
        raise ValueError(f"{path} has no points; it needs a header and a line for each")
    for line, row in table.rows:
        if any(word.strip() for word in row[len(table.header) :]):
            raise ValueError(
                f"{path}, line {line}: {len(row)} words for {len(table.header)} columns; quote what has commas"
            )
    return table


def _separated(path: Path, text: str, separator: str, notes: tuple[str, ...]) -> _Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        filled = [(reader.line_num, row) for row in reader if any(word.strip() for word in row)]
    except csv.Error as error:
        raise ValueError(f"{path} is no table: {error}") from error
    header = [name.strip().lower() for name in filled[0][1]] if filled else []
    return _Table(path, header, filled[1:], separator, notes)


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    """The letters of a file, and what they were taken for."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), ()
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), ("the file is not UTF-8; its letters are taken for Windows-1252's",)
