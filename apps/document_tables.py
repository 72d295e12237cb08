"""Tables of a document that scripts measured, each between marks of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nflows_core.runtime.files import atomic_write


def fill(document: Path, tables: Mapping[str, str]) -> None:
    """Puts each table between its marks, ``<!-- table NAME -->`` and ``<!-- end of table NAME -->``.

    Raises:
        ValueError: The document has no place for one.
    """
    text = document.read_text(encoding="utf-8")
    for name, table in tables.items():
        start, end = f"<!-- table {name} -->\n", f"<!-- end of table {name} -->"
        if start not in text or end not in text:
            raise ValueError(f"{document} has no place for table {name}: put {start.strip()} and {end} there")
        before, _, rest = text.partition(start)
        text = before + start + table + end + rest.partition(end)[2]
    with atomic_write(document, "w") as file:
        file.write(text)
