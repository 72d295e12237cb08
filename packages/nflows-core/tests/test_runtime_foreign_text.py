"""Names that attack: shown harmlessly to people, and the same again for programs."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nflows_core.runtime.foreign_text import as_cell, from_cell, parse_json, read_json, to_json, visible
from nflows_core.runtime.report import read_csv, write_csv

# Every character that there is, surrogates too: the name of a file may hold any but the slash.
TEXTS = st.text(st.characters(exclude_characters="\r"))
DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", '=HYPERLINK("http://evil")', "＝1", "\n=1"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;pwned\x07\x1b[31mred.png", r"\x1b]0;pwned\x07\x1b[31mred.png"),
        ("\x9b31mred", r"\x9b31mred"),
        ("photo\u202egnp.exe", r"photo\u202egnp.exe"),
        ("\u2066a\u2069\u2028b", r"\u2066a\u2069\u2028b"),
        ("a\r\nb\tc\x7f\0", r"a\r\nb\tc\x7f\x00"),
        ("caf\udce9.png", r"caf\udce9.png"),
        ("é 写真 🌍 <b> \\ 'x'", "é 写真 🌍 <b> \\ 'x'"),
    ],
)
def test_what_hides_becomes_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(TEXTS)
def test_nothing_shown_is_obeyed(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI") for c in shown
    )
    shown.encode()


def test_lines_may_stay() -> None:
    assert visible("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(TEXTS)
def test_json_gives_every_name_back(text: str) -> None:
    written = to_json({text: [text]}).encode()
    assert parse_json(written) == {text: [text]}


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "", "nan?", b"\xff\xfe"])
def test_what_is_no_json_of_ours_is_a_value_error(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for read in (lambda: parse_json(text), lambda: read_json(path)):
        with pytest.raises(ValueError):
            read()


@given(st.text(), st.lists(st.text(), unique=True, max_size=4))
def test_a_name_that_is_there_twice_is_refused(name: str, others: list[str]) -> None:
    names = [name, *(one for one in others if one != name), name]
    twice = "{" + ", ".join(f"{to_json(one)}: []" for one in names) + "}"
    for text in (twice, f'[{{"a": {twice}}}]'):
        with pytest.raises(ValueError, match=re.escape(f'"{visible(name)}" is there 2 times')):
            parse_json(text)
    assert parse_json('{"a": {"b": 1}, "b": {"a": 2}}') == {"a": {"b": 1}, "b": {"a": 2}}


def test_a_file_far_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="larger than 67,108,864 bytes"):
        read_json(tmp_path / "x.json")


@given(TEXTS)
def test_cells_give_every_name_back(text: str) -> None:
    assert from_cell(as_cell(text)) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    assert as_cell(text) == json.dumps(text, ensure_ascii=False)
    assert from_cell(as_cell(text)) == text


@pytest.mark.parametrize("text", ["-1.5", "+2", "-1e-9", "-.5", "a-b", "", "x=1", "'", "12"])
def test_numbers_and_words_stay(text: str) -> None:
    assert as_cell(text) == text


@pytest.mark.parametrize("cell", ['"', '"half', '"a" b', "=1"])
def test_cells_of_another_program_stay(cell: str) -> None:
    assert from_cell(cell) == cell


def test_a_table_comes_back_with_its_names(tmp_path: Path) -> None:
    names = [*FORMULAS, "caf\udce9.png", 'a "b", c', "\x1b[31m", "line\nline", '"=1"']
    write_csv(tmp_path / "rows.csv", [{"=name": name, "score": -1.5, "none": None} for name in names])
    content = (tmp_path / "rows.csv").read_bytes().decode()
    cells = list(csv.reader(content.splitlines()[1:]))
    assert {row[1] for row in cells} == {"-1.5"}
    assert not any(cell.lstrip().startswith(("=", "+", "@", "＝")) for row in cells for cell in row)
    assert read_csv(tmp_path / "rows.csv") == [{"=name": name, "score": "-1.5", "none": ""} for name in names]
