"""How far a command is, on a terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest

from nflows_core.runtime.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", ["a.jpg", f"{'n' * 200}.jpg"])
def test_a_bar_fits_and_tells_the_numbers_and_how_it_ended_however_long_a_name_is(
    monkeypatch: pytest.MonkeyPatch, columns: int, name: str
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with progress("pictures", 12345) as advance:
        advance(f"in/{name}, 4.5 s")
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).rstrip().splitlines()[-1].split("\r")[-1]
    assert len(last.rstrip()) <= columns
    assert last.startswith("pictures ")
    assert " 1/12345 " in last
    assert "in/" in last
    assert last.rstrip().endswith(".jpg, 4.5 s")
