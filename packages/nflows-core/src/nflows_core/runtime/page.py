"""A report as one HTML page that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from nflows_core.runtime.curve import HEIGHT, WIDTH, Curve, draw
from nflows_core.runtime.foreign_text import visible

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_ROWS = 500
_MOST_VALUES = 100
"""Numbers in one setting that a person would read."""
_SHOWN_ELSEWHERE = ("title", "tables")


@dataclass(frozen=True)
class Table:
    """Rows to compare.

    Arguments:
        caption: The words over the table.
        rows: The numbers and words by column, the same columns in each row.
    """

    caption: str
    rows: Sequence[Mapping[str, object]]

    def __post_init__(self) -> None:
        columns = self.rows[0].keys() if self.rows else ()
        if not columns or any(row.keys() != columns for row in self.rows):
            raise ValueError(f"the rows of the table {self.caption!r} must have the same columns, and be there")


@dataclass(frozen=True)
class Sheet:
    """Small pictures to compare: a row for each thing, with the same columns.

    Arguments:
        caption: The words over the sheet.
        columns: The words over its columns.
        rows: The pictures of each row by its words: the bytes of a PNG, or a text that says why there is none.
    """

    caption: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[bytes | str]]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows.values()):
            raise ValueError(f"the rows of the sheet {self.caption!r} must have {len(self.columns)} columns")

    def encoded(self) -> Iterator[tuple[str, list[tuple[bool, str]]]]:
        """The rows as the page has them: whether it is a picture, and its Base64 or the text."""
        for name, row in self.rows.items():
            yield name, [(False, one) if isinstance(one, str) else (True, _png(name, one)) for one in row]


def render_page(
    report: Mapping[str, Any],
    tables: Sequence[Table],
    curves: Sequence[Curve],
    pictures: Mapping[str, str | Path | bytes],
    sheets: Sequence[Sheet] = (),
) -> str:
    """The HTML of a report: its numbers, the pictures, the tables, the curves, and at last every setting.

    Of a table or a group of settings no more rows are shown than a person would read, and of a setting no more values.

    Arguments:
        report: The content of ``report.json``; a mapping in it is a group of settings.
        tables: The tables, in their order.
        curves: The charts, in their order.
        pictures: PNG files, or their bytes, by caption.
        sheets: The sheets of small pictures, in their order.

    Raises:
        ValueError: A picture is no PNG, or a curve cannot be drawn.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"words": words, "shown": shown}
    template = files("nflows_core.runtime").joinpath("page.html.jinja").read_text(encoding="utf-8")
    values = {key: value for key, value in report.items() if key not in _SHOWN_ELSEWHERE}
    page = environment.from_string(template).render(
        title=report["title"],
        numbers={key: value for key, value in values.items() if not isinstance(value, Mapping)},
        groups={key: _group(value) for key, value in values.items() if isinstance(value, Mapping) and value},
        tables=tables,
        charts=[draw(curve) for curve in curves],
        width=WIDTH,
        height=HEIGHT,
        pictures={caption: _png(caption, picture) for caption, picture in pictures.items()},
        sheets=sheets,
        most=_MOST_ROWS,
    )
    return visible(page, keep="\n")


def words(key: str) -> str:
    """The words of a key: ``bits_per_dim`` as "bits per dim"."""
    return key.replace("_", " ")


def shown(value: object) -> str:
    """A value as people read it: numbers with five digits, thousands apart.

    Example:
        >>> shown(1234567), shown(1.049961), shown(123456.7), shown(2.4e-7), shown([1, 2.5]), shown(True)
        ('1,234,567', '1.05', '123,457', '2.4 × 10⁻⁷', '1, 2.5', 'yes')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(shown, value)) if isinstance(value, (list, tuple)) else str(value)


def _float(value: float) -> str:
    if abs(value) >= 1e5:
        return f"{value:,.0f}"
    mantissa, exponent, power = f"{value:,.5g}".partition("e-")
    return f"{mantissa} × 10⁻{str(int(power)).translate(_SUPERSCRIPTS)}" if exponent else mantissa


def _group(values: Mapping[str, Any]) -> tuple[list[tuple[str, Any]], int]:
    """The settings of a group that are shown, and how many there are."""
    settings = _flat(values)
    shown = [(key, _readable(value)) for key, value in islice(settings, _MOST_ROWS)]
    return shown, len(shown) + sum(1 for _ in settings)


def _flat(group: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in group.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}, ")
        else:
            yield f"{prefix}{key}", value


def _readable(value: Any) -> Any:
    """A value, or of a long list or a matrix how many it has."""
    count = _count(value)
    return value if count <= _MOST_VALUES else f"{count:,} values, in report.json"


def _count(value: Any) -> int:
    return sum(map(_count, value)) if isinstance(value, (list, tuple)) else 1


def _png(caption: str, picture: str | Path | bytes) -> str:
    content = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    if not content.startswith(_PNG_MAGIC):
        raise ValueError(f"the picture {caption!r} of the report is no PNG")
    return base64.b64encode(content).decode()
