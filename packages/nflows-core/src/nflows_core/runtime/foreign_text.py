r"""Names and words of others, where they are shown or kept: on a terminal, in HTML, in CSV and in JSON.

The name of a file may hold anything: what moves a terminal's cursor, what turns the direction of writing, a formula for
a spreadsheet, bytes that are no Unicode (which Python holds as lone surrogates). Where people read, such characters
become visible escapes, as ``\x1b``. Where programs read, they come back: JSON has an escape for each of them, and a
cell of CSV that a spreadsheet or a decoder would take for something else is written as JSON's text.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

MOST_JSON_BYTES = 2**26
"""No file of ours comes near it."""

# C0 and C1 controls, separators of lines, what embeds, overrides or isolates a direction, and lone surrogates.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# The first characters by which spreadsheets know a formula, and the mark of such a cell itself; what is no number.
_ACTIVE = re.compile(r'\s*["=@+\-＝＠＋－]')
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def visible(text: object, keep: str = "") -> str:
    r"""The text with escapes for what a terminal or a reader would not see, or would obey.

    Arguments:
        text: The text, or what has one, as a path.
        keep: The characters that stay, as line ends where several lines are shown.

    Example:
        >>> print(visible("a\x1b[31mb\ncaf\udce9"))
        a\x1b[31mb\ncaf\udce9
    """
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], str(text))


def as_cell(text: str) -> str:
    r"""The text in a cell of CSV, which is valid Unicode and no formula; `from_cell` gives the text back.

    Example:
        >>> print(as_cell("a.png"), as_cell("-1.5"), as_cell("=1+1"))
        a.png -1.5 "=1+1"
    """
    is_active = _ACTIVE.match(text) and not _NUMBER.fullmatch(text)
    return to_json(text) if is_active or _HIDDEN.search(text) else text


def from_cell(cell: str) -> str:
    """The text that `as_cell` was given; a cell that another program wrote is taken as it is.

    Example:
        >>> from_cell('"=1+1"'), from_cell("a.png")
        ('=1+1', 'a.png')
    """
    try:
        text = parse_json(cell) if cell.startswith('"') else cell
    except ValueError:
        return cell
    return text if isinstance(text, str) else cell


def to_json(value: Any, **layout: Any) -> str:
    """JSON whose text is valid Unicode whatever names are in it, and whose numbers are finite.

    Arguments:
        value: The value, of JSON's own types.
        layout: The arguments of `json.dumps` that say how it is laid out.

    Raises:
        ValueError: A number is not finite.
        TypeError: A value is of no type that JSON has.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, **layout)
    # A surrogate becomes the escape that JSON has for it.
    return text.encode(errors="backslashreplace").decode()


def parse_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: It is none, is nested as no text of ours is, or has a name twice in one object: which of the values
            counts RFC 8259 (section 4) leaves to the reader, and the others would be lost.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        name, count = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f'"{visible(name)}" is there {count} times in one object')
    return value


def read_json(path: Path) -> Any:
    """What a JSON file says.

    Raises:
        ValueError: It is none, or far too large for one of ours.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:  # whatever is asked for is reserved
        content = file.read(min(MOST_JSON_BYTES, os.fstat(file.fileno()).st_size) + 1)
    if len(content) > MOST_JSON_BYTES:
        raise ValueError(f"larger than {MOST_JSON_BYTES:,} bytes")
    return parse_json(content)
