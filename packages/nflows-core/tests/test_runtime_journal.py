"""Lines of what a person did: all that were added are there, wherever a kill has cut the file."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.runtime.journal import add_line, read_lines

CONTENTS = st.lists(st.dictionaries(st.text(max_size=5).filter(lambda key: key != "time"), st.text(max_size=9)))


@settings(deadline=None, max_examples=50)
@given(CONTENTS, CONTENTS, st.floats(0, 1))
def test_a_cut_loses_no_line_but_the_last_and_the_next_ones_follow(
    before: list[dict[str, str]], after: list[dict[str, str]], where: float
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl")
        ends = [0]
        for content in before:
            add_line(path, content)
            ends.append(path.stat().st_size)
        cut = round(where * ends[-1])
        if before:
            path.write_bytes(path.read_bytes()[:cut])
        # A line without its end is whole too.
        whole = sum(end - 1 <= cut for end in ends[1:])
        for content in after:
            add_line(path, content)
        lines = list(read_lines(path))
        assert [{name: line[name] for name in line if name != "time"} for line in lines] == before[:whole] + after
        assert all(line["time"].endswith("+00:00") for line in lines)


def test_there_are_no_lines_without_a_file_and_a_folder_is_none(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "journal.jsonl")) == []
    with pytest.raises(OSError, match="directory"):
        list(read_lines(tmp_path))


def test_a_line_is_synced_whole_before_the_function_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "journal.jsonl", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    for number in range(3):
        add_line(path, {"number": number})
        assert synced[number:] == [path.stat().st_size]
    assert [line["number"] for line in read_lines(path)] == [0, 1, 2]
