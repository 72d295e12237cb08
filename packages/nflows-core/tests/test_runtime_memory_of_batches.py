"""What a batch keeps of each file: little more than its path, so that there may be a million."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nflows_core.runtime import page
from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.batch import BatchResult, conclude, run_batch
from nflows_core.runtime.jobs import Job, plan_batch
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport, report_files
from nflows_core.runtime.report import report_json

FEW, MANY = 100, 400


@dataclass(frozen=True)
class Copies:
    """Makes empty files, and tells much of each."""

    weights: Mapping[str, str]
    seed: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        return {"settings": {}}

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        target.touch()
        numbers = {"sum": 1.5 * int(source.stem), "boxes": 3, "word": "a word"}
        told = {"sha256": "ab" * 32, "size": "3 x 4", "new_size": "3 x 4", "left_out": [], "numbers": numbers}
        return {**told, "regions": [{"box": [number, 1, 2, 3], "kind": "face"} for number in range(20)]}

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        return True


def no_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    about.shown(done)
    return []


ABOUT = PictureReport("Copies", "sum", what="files", sheets=no_sheets)


def copy_all(folder: Path, *, skip_existing: bool = False) -> None:
    """As a command over files does it."""
    process = Copies({"model": "00ff"})
    batch = plan_batch([folder / "in"], folder / "out", {".txt"})
    lines = 0

    def report(result: BatchResult) -> None:
        nonlocal lines
        lines = sum(piece.count("\n") for piece in report_json(report_files(ABOUT, batch, process, result)))

    result = run_batch(batch, process, skip_existing=skip_existing, is_current=process.is_current, report=report)
    assert conclude(result, batch) == 0
    assert lines > 10 * len(batch.jobs)


def peak(work: Callable[[], None]) -> int:
    """The most bytes that are in use at once."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def files(folder: Path, n: int) -> Path:
    (folder / "in").mkdir(parents=True)
    for number in range(n):
        (folder / "in" / f"{number:05}.txt").touch()
    return folder


def test_a_batch_keeps_500_bytes_of_a_file_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_MOST_ROWS", 20)  # fewer than there are files, as of a million
    monkeypatch.chdir(tmp_path)
    copy_all(files(Path("first"), 1))  # what is imported once
    few, many = files(Path("few"), FEW), files(Path("many"), MANY)
    for skip_existing in (False, True):
        peaks = [peak(partial(copy_all, folder, skip_existing=skip_existing)) for folder in (few, many)]
        assert (peaks[1] - peaks[0]) / (MANY - FEW) < 500
    report = json.loads((many / "out" / "report.json").read_text(encoding="utf-8"))
    assert [len(report["tables"]["Files"]), len(report["inputs"])] == [MANY, MANY + 1]
    assert report["tables"]["Numbers"] == [
        {"number": "sum", "n": MANY, "lowest": 0, "median": 1.5 * (MANY - 1) / 2, "highest": 1.5 * (MANY - 1)},
        {"number": "boxes", "n": MANY, "lowest": 3, "median": 3, "highest": 3},
    ]
