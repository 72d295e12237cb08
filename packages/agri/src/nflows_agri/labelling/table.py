"""The labels as a table that `nflows_core.data.read_labelled` takes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from nflows_core.runtime.foreign_text import as_cell

_COLUMNS = ("file", "class", "group", "item", "root")


def as_table(labels: Mapping[str, str], origins: Mapping[str, tuple[str, str]], path: Path, root: Path) -> bytes:
    """The table: a line for each crop in the order of the names.

    Arguments:
        labels: The class of each crop, by its name.
        origins: The group and the item of crops of which they are known; of others the reader finds them.
        path: Where it will lie.
        root: The folder of the crops, which it names as seen from there.
    """
    place = Path(os.path.relpath(root.resolve(), path.resolve().parent)).as_posix()
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for name in sorted(labels):
        table.writerow(map(as_cell, (name, labels[name], *origins.get(name, ("", "")), place)))
    return text.getvalue().encode()
