"""Damaged pictures are read or refused; `fuzz_pictures.py` tries more, and each in a process of its own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("tifffile")

from nflows_core.runtime.images import PictureError, decode_picture
from picture_mutants import mutant, samples
from picture_roundtrip import read_write_read


@pytest.mark.filterwarnings("ignore")
def test_damaged_pictures_are_read_or_refused(tmp_path: Path) -> None:
    files = samples()
    read = sum(read_write_read(mutant(files, 1, number), tmp_path) for number in range(200))
    assert 0 < read < 200


def refusal(file: bytes) -> str:
    try:
        decode_picture(io.BytesIO(file))
    except PictureError as error:
        return str(error)
    return ""


def test_the_files_that_are_damaged_are_read_before() -> None:
    refusals = list(filter(None, map(refusal, samples())))
    assert refusals == 4 * ["holds several pictures; save each in a file of its own"]
