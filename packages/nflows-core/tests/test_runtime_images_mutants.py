"""Damaged pictures are read or refused; `fuzz_pictures.py` tries more, and each in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tifffile")

from picture_mutants import mutant, samples
from picture_roundtrip import read_write_read


@pytest.mark.filterwarnings("ignore")
def test_damaged_pictures_are_read_or_refused(tmp_path: Path) -> None:
    files = samples()
    read = sum(read_write_read(mutant(files, 1, number), tmp_path) for number in range(200))
    assert 0 < read < 200


@pytest.mark.filterwarnings("ignore")
def test_the_files_that_are_damaged_are_read_before(tmp_path: Path) -> None:
    read = [read_write_read(file, tmp_path) for file in samples()]
    assert sum(read) > 0.9 * len(read)
