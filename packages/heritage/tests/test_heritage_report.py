from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from made_up_art import pixels
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.testing import call_command
from nflows_heritage.cli import heritage
from nflows_heritage.reporting import find_restored


@pytest.fixture
def folder(tmp_path: Path, run: Path) -> Path:
    """Two restored pictures, one with a name that a page must not obey."""
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "in" / "a$_2^.png", Picture(pixels(40, 56)))
    write_picture(tmp_path / "in" / "<b>.tif", Picture(pixels(300, 240, dtype=np.uint16)))
    arguments = ("restore", tmp_path / "in", "-o", tmp_path / "out", "--engine", run, "--type", "fade")
    assert call_command(heritage, *arguments) == 0
    return tmp_path / "out"


def test_a_page_has_each_picture_before_and_after(folder: Path, tmp_path: Path) -> None:
    assert call_command(heritage, "report", folder, "-o", tmp_path / "sheet.html") == 0
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("data:image/png;base64,") == 2 * 5
    assert "&lt;b&gt;.tif" in page
    assert "<b>.tif" not in page
    for one in find_restored([folder]):
        assert one.record.source_sha256 in page


def test_paper_has_a_page_for_each_picture_and_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one.pdf", "two.pdf"):
        assert call_command(heritage, "report", folder / "a$_2^.json", folder, "-o", tmp_path / name) == 0
    content = (tmp_path / "one.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", content)) == 3
    assert content == (tmp_path / "two.pdf").read_bytes()


def test_the_part_from_near_is_where_most_was_changed(folder: Path) -> None:
    one = next(each for each in find_restored([folder]) if each.source.suffix == ".tif")
    before, after = one.near()
    assert before.shape == after.shape == (200, 200, 3)
    assert (before != after).any()


def test_files_that_are_others_now_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(folder / "<b>.tif", Picture(pixels(9, 9)))
    assert call_command(heritage, "report", folder, "-o", tmp_path / "sheet.pdf") == 2
    assert "is not the file of which" in capsys.readouterr().err
    (folder / "<b>.tif").unlink()
    assert call_command(heritage, "report", folder, "-o", tmp_path / "sheet.pdf") == 2
    assert "is not there" in capsys.readouterr().err
    assert not (tmp_path / "sheet.pdf").exists()


def test_a_sheet_replaces_a_sheet_and_nothing_else(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("sheet.html", "sheet.pdf"):
        for _ in range(2):
            assert call_command(heritage, "report", folder, "-o", tmp_path / name) == 0
        (tmp_path / name).write_bytes(b"a letter")
        assert call_command(heritage, "report", folder, "-o", tmp_path / name) != 0
        assert "is no sheet of ours" in capsys.readouterr().err
        assert (tmp_path / name).read_bytes() == b"a letter"


def test_a_record_that_cannot_be_read_is_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = folder / "<b>.json"
    record.write_bytes(record.read_bytes()[:5])
    assert call_command(heritage, "report", folder, "-o", tmp_path / "sheet.html") == 2
    assert "<b>.json is no JSON" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="such names are on Linux only")
def test_a_name_that_is_no_unicode_goes_on_paper(tmp_path: Path, run: Path) -> None:
    (tmp_path / "in").mkdir()
    write_picture(tmp_path / "a.png", Picture(pixels(40, 56)))
    (tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/in/caf\xe9.png"))
    arguments = ("restore", tmp_path / "in", "-o", tmp_path / "out", "--engine", run, "--type", "fade")
    assert call_command(heritage, *arguments) == 0
    for name in ("sheet.pdf", "sheet.html"):
        assert call_command(heritage, "report", tmp_path / "out", "-o", tmp_path / name) == 0


def test_what_has_no_record_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert call_command(heritage, "report", tmp_path, "-o", tmp_path / "sheet.pdf") == 2
    assert "no record of a restoration" in capsys.readouterr().err
    assert call_command(heritage, "report", tmp_path / "a.json", "-o", tmp_path / "sheet.docx") == 2
    assert "give .html or .pdf" in capsys.readouterr().err
