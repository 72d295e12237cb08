"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.page import shown, words


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as text under the words of their columns: numbers to the right, words to the left.

    Arguments:
        rows: Numbers and words by column, the same columns in each row; at least one row.

    Example:
        >>> print(table([{"model": "glow", "bits_per_dim": 1.2711}, {"model": "finc", "bits_per_dim": 1.2}]))
        model  bits per dim
        glow          1.271
        finc            1.2
    """
    cells = [[visible(words(key)) for key in rows[0]], *([cell(value) for value in row.values()] for row in rows)]
    right = [isinstance(value, int | float) for value in rows[0].values()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        [
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ]
        for line in cells
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def cell(value: object) -> str:
    """A value in a table: of a number below a thousand, four digits."""
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1000 else visible(shown(value))
