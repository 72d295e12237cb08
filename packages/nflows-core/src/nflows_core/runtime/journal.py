"""Lines that are only ever added to a file, for what a person does and must not lose."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, to_json


def add_line(path: Path, content: Mapping[str, Any]) -> None:
    """Adds a line of JSON with the time; it is on the disk when the function returns.

    Arguments:
        path: The file; it need not be there.
        content: What the line says, of JSON's own types.

    Raises:
        OSError: It cannot be written.
    """
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **content}
    with path.open("a+b") as file:
        # Before it, an end for what was cut short, if anything was.
        file.write(b"" if _ends_a_line(path) else b"\n")
        file.write(f"{to_json(line)}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> Iterator[Any]:
    """What each line of the file says, but those that a kill has cut short; nothing if there is no file.

    Raises:
        OSError: It cannot be read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for text in iter(lambda: file.readline(MOST_JSON_BYTES), b""):
            try:
                yield parse_json(text)
            except ValueError:
                continue


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
