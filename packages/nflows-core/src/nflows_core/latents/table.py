"""Attributes of images from a CSV file, or from a list as CelebA has it."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.data.others import is_named_as_picture
from nflows_core.runtime.foreign_text import from_cell

_LARGEST = torch.finfo(torch.float32).max
"""Of larger values, the squares that a standard deviation is from need not be finite."""


@dataclass(frozen=True)
class AttributeTable:
    """Attributes by image, as text until one is asked for.

    Arguments:
        path: The file of the table, named in errors.
        columns: The names of the attributes.
        rows: The cells of each image in the order of the columns, by the image's path or file name.
    """

    path: Path
    columns: tuple[str, ...]
    rows: dict[str, list[str]]

    def values_of(self, column: str, images: Images) -> tuple[list[int], Tensor]:
        """The indices of the images that the table has, and their values, :math:`(N,)` in float64.

        An image is in the table by its path inside the data set, or by the end of it: without the folders of split
        and class, or as its file name alone. Where none is there by these names, their suffixes do not count: a list
        of pictures may have been made for another format of them, as CelebA's, which names JPEG files, for its edition
        in PNG. Empty cells are left out.

        Raises:
            DataError: The images have no names, none is in the table, two are by the same name, or a value is no
                number that float32 holds.
        """
        place = self.columns.index(column)
        cells = {i: self.rows[row][place].strip() for i, row in self._matches(images).items()}
        chosen = [i for i, cell in cells.items() if cell]
        values = [self._number(images.names[i], column, cells[i]) for i in chosen]
        return chosen, torch.tensor(values, dtype=torch.float64)

    def _matches(self, images: Images) -> dict[int, str]:
        """The name in the table of each image that it has, by the image's index."""
        if not images.names:
            raise DataError(f"{self.path}: the images of this data set have no names; give a folder or a tar archive")
        found = self._found(images.names, {row: row for row in self.rows})
        found = found or self._found([_stem(name) for name in images.names], self._stems())
        if not found:
            example = next(iter(self.rows), "nothing")
            raise DataError(
                f"{self.path}: has {example}, but none of the training images, such as {images.names[0]}; those held "
                "out for tests do not count"
            )
        indices: dict[str, int] = {}
        for i, row in found.items():
            if (other := indices.setdefault(row, i)) != i:
                raise DataError(
                    f"{self.path}: {row} is both {images.names[other]} and {images.names[i]}; give their paths"
                )
        return found

    def _stems(self) -> dict[str, str]:
        """The names in the table by themselves without a picture's suffix; none where two differ in it alone."""
        stems = {_stem(row): row for row in self.rows}
        return stems if len(stems) == len(self.rows) else {}

    @staticmethod
    def _found(names: Sequence[str], rows: Mapping[str, str]) -> dict[int, str]:
        """What the longest end of each name stands for in ``rows``, by the number of the name; some have no such."""
        ends = ((i, next((end for end in _ends(name) if end in rows), None)) for i, name in enumerate(names))
        return {i: rows[end] for i, end in ends if end is not None}

    def _number(self, name: str, column: str, cell: str) -> float:
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if abs(value) <= _LARGEST:
            return value
        problem, advice = "no number", "write one, or leave it empty"
        if _LARGEST < abs(value) < math.inf:
            problem, advice = f"more than {_LARGEST:.2g}", "give it in another unit"
        raise DataError(f"{self.path}: {name} has {cell!r}, which is {problem}, in the column {column}; {advice}")


def read_attributes(path: str | Path) -> AttributeTable:
    """Reads a CSV file with a line of names; the first column is the image's path or file name.

    Or a list as CelebA's ``list_attr_celeba.txt`` (Liu et al. 2015): the number of images, the names of the attributes
    without one for the images, and a line for each image, with blanks between. The form of it that is CSV, whose header
    begins with ``image_id``, is a CSV file as every other.

    Raises:
        DataError: The file is no such table, a line is too short or too long, an image or an attribute is there twice,
            or a list has another number of images than it says.
    """
    path = Path(path)
    try:
        # Spreadsheets begin the file with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline().strip()
            if first.isdecimal():
                return _read_list(path, file, int(first))
            file.seek(0)
            return _read(path, file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file ({error}); save the table as CSV in UTF-8") from error


def _refuse_twice(path: Path, line: int, columns: Sequence[str]) -> None:
    # Spreadsheets leave columns without a name at the end.
    if twice := next((name for name in columns if name and columns.count(name) > 1), None):
        raise DataError(f"{path}, line {line}: has two columns {twice}; give each a name of its own")


def _stem(name: str) -> str:
    """The path without the suffix, if that is one of a picture."""
    return str(PurePosixPath(name).with_suffix("")) if is_named_as_picture(name) else name


def _ends(name: str) -> list[str]:
    """The path, then without its first folder, and so on to the file name."""
    parts = PurePosixPath(name).parts
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _read(path: Path, file: TextIO) -> AttributeTable:
    lines = csv.reader(file)
    header = [from_cell(name).strip() for name in next(lines, [])]
    if len(header) < 2:
        raise DataError(f"{path}: needs a first line such as image,smiling and a line for each image")
    _refuse_twice(path, 1, header[1:])
    rows: dict[str, list[str]] = {}
    for line in filter(None, lines):
        image = from_cell(line[0]).strip()
        if len(line) != len(header) or image in rows:
            problem = "is there twice" if image in rows else f"has {len(line)} cells of {len(header)}"
            raise DataError(f"{path}, line {lines.line_num}: {image} {problem}; repair the line")
        rows[image] = line[1:]
    return AttributeTable(path, tuple(header[1:]), rows)


def _read_list(path: Path, file: TextIO, expected: int) -> AttributeTable:
    columns = tuple(file.readline().split())
    if not columns:
        raise DataError(f"{path}, line 2: needs a name for each attribute, with blanks between")
    _refuse_twice(path, 2, columns)
    rows: dict[str, list[str]] = {}
    for number, line in enumerate(file, 3):
        image, *cells = line.split() or [""]
        if image and (len(cells) != len(columns) or image in rows):
            problem = "is there twice" if image in rows else f"has {len(cells)} values of {len(columns)}"
            raise DataError(f"{path}, line {number}: {image} {problem}; repair the line")
        if image:
            rows[image] = list(map(sys.intern, cells))  # of CelebA's eight million, nearly all are 1 or -1
    if len(rows) != expected:
        raise DataError(f"{path}: says that it has {expected:,} images, and has {len(rows):,}; was it cut off?")
    return AttributeTable(path, columns, rows)
