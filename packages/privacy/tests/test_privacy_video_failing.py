"""Videos that cannot be redacted leave nothing."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from made_up_videos import (
    HEIGHT,
    WIDTH,
    Finds,
    RedSquares,
    filling,
    redact,
    write_video,
)
from nflows_core.runtime.files import sha256
from nflows_core.testing import kill_at_call
from nflows_privacy.annotations.found import Found
from nflows_privacy.regions import Box, Region
from nflows_privacy.video import redact_video


def test_settings_that_would_shrink_or_fill_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="`mask_scale`: expected 1 or more"):
        filling(mask_scale=0.9)
    with pytest.raises(ValueError, match="`fills`"):
        filling(fills=[])


def test_a_damaged_source_leaves_nothing(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", container={"movflags": "faststart"}, options={"g": "2", "bf": "0"})
    frames = tuple((Region(Box(0, 0, 8, 8), "face"),) for _ in range(8))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2] + bytes(1500) + data[len(data) // 2 + 1500 :])
    found = Found(sha256(source), WIDTH, HEIGHT, frames=frames)
    with pytest.raises(ValueError, match="damaged after"):
        redact_video(source, tmp_path / "b.mp4", Finds(), filling(checker=Finds()), found=found)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_detector_or_fill_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no memory")

    source = write_video(tmp_path / "a.mp4")
    with pytest.raises(RuntimeError, match="no memory"):
        redact_video(source, tmp_path / "b.mp4", RedSquares(), filling(fills=[fails]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_video(tmp_path / "a.mp4")
    target = tmp_path / "b.mp4"
    target.write_bytes(b"old")

    def full(self: Any, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.BufferedWriter):
        write = full

    opened_before = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", *rest, **more: (
            Full(io.FileIO(self, "x")) if mode == "xb" else opened_before(self, mode, *rest, **more)
        ),
    )
    with pytest.raises(OSError, match="No space left"):
        redact(source, target)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(("function", "number"), [("nflows_privacy.video.filling.copied", 3), ("os.replace", 1)])
def test_killed_it_leaves_nothing_under_the_final_name(
    tmp_path: Path, function: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    source = write_video(tmp_path / "a.mp4")
    kill_at_call(function, number, "redact_one_video", source, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()
    redact(source, tmp_path / "b.mp4")
    # What the killed one left is gone too.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
