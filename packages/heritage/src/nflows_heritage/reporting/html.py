"""The sheet as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.page import Sheet, Table, render_page
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_heritage.reporting.found import RestoredPicture
from nflows_heritage.reporting.sheet_file import TITLE

_SIDE = 640


def write_html(pictures: Sequence[RestoredPicture], path: Path) -> None:
    """Writes a page with all the pictures.

    Raises:
        OSError: The file cannot be written.
    """
    sheets, tables = [], []
    for one in pictures:
        before, after, change = map(as_png, one.shown(_SIDE))
        old, new = map(as_png, one.near())
        name = one.source.name
        sheets.append(
            Sheet(name, ("before", "after", "change; white is the largest"), {"the picture": [before, after, change]})
        )
        sheets.append(Sheet(f"{name}, where most was changed", ("before", "after"), {"from near": [old, new]}))
        tables.append(Table(name, [{"fact": fact, "value": value} for fact, value in one.facts().items()]))
    with atomic_write(path, "w") as file:
        file.write(render_page({"title": TITLE, "pictures": len(pictures)}, tables, [], {}, sheets))
