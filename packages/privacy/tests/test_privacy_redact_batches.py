"""Many files redacted: killed and gone on with, on a cluster, in constant memory."""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import distributed
import numpy as np
import pytest

from nflows_core.runtime.images import Picture, write_picture
from nflows_core.testing import call_command, kill_at_call
from nflows_privacy.cli import privacy
from nflows_privacy.detection import choice


@pytest.fixture(autouse=True)
def _squares_are_faces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(choice, "_OWN", {"squares": "square_detector:SQUARES"})
    monkeypatch.setattr(choice, "_DEFAULTS", {"face": "squares"})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)


def scenes(count: int) -> None:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(1, 250, (40, 50, 3)).astype(np.uint8)
        pixels[5:15, number % 30 : number % 30 + 10] = (255, 0, 0)
        write_picture(Path("in", f"{number:05}.png"), Picture(pixels))


def redact(*arguments: object) -> int:
    return call_command(privacy, "redact", "in", "--what", "face", *arguments)


def bytes_of(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}


@pytest.mark.parametrize(
    ("function", "call"),
    [("os.fsync", 2), ("os.fsync", 4), ("nflows_core.runtime.status.to_json", 2)],
)
def test_killed_at_any_moment_nothing_half_done_has_a_final_name(function: str, call: int) -> None:
    Path("in").mkdir()
    scenes(3)
    assert redact("-o", "whole") == 0
    kill_at_call(function, call, "redact_squares", "privacy", "redact", "in", "--what", "face", "-o", "out")
    whole, killed = bytes_of("whole"), bytes_of("out")
    assert killed.items() <= whole.items()
    assert redact("-o", "out", "--skip-existing") == 0
    assert bytes_of("out") == whole


@pytest.fixture
def address() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as local:
        yield local.scheduler_address


def test_two_workers_give_the_bytes_of_one_process(address: str) -> None:
    Path("in").mkdir()
    scenes(12)
    assert redact("-o", "here") == 0
    assert redact("-o", "there", "--dask", address) == 0
    assert bytes_of("here") == bytes_of("there")


def test_memory_does_not_grow_with_the_number_of_files() -> None:
    Path("in").mkdir()
    scenes(60)
    peaks = []
    for out, count in (("warm", 10), ("few", 10), ("many", 60)):
        inputs = sorted(Path("in").iterdir())[:count]
        tracemalloc.start()
        assert call_command(privacy, "redact", *inputs, "-o", out, "--what", "face") == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 60 * 20_000  # far below a picture for each file
