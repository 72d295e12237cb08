"""Whether anything is left in files that are said to be redacted, by sizes at which it was not searched for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nflows_core.runtime.errors import explain
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.inputs import find_inputs
from nflows_core.runtime.intervals import wilson
from nflows_core.runtime.page import Table
from nflows_core.runtime.pictures.options import READ
from nflows_privacy.detection import Detector, Look
from nflows_privacy.redaction.beside import beside
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.regions import Region
from nflows_privacy.video import looked_at
from nflows_privacy.video.formats import RESULTS, is_video

_NO_PICTURES = frozenset((".csv", ".html", ".json", ".jsonl", ".md", ".names", ".txt", ".xml", ".yaml", ".yml"))
"""The suffixes of what lies beside pictures; of all else nobody knows that it holds none."""


@dataclass(frozen=True)
class Left:
    """Something that is left in a file.

    Arguments:
        region: The place.
        seconds: The time of the frame; nothing in a picture.
    """

    region: Region
    seconds: float | None = None


def left_in(path: Path, detector: Detector, score: float) -> Iterator[Left]:
    """What a detector finds by `Look.CHECK`; of a video's frames, in most by `Look.QUICK_CHECK`, as `redact` looked.

    Arguments:
        path: The file.
        detector: The detector.
        score: The score from which on something counts.

    Raises:
        ValueError: The file is damaged, or holds no picture.
        OSError: It cannot be read.
    """
    if is_video(path):
        for seconds, regions in looked_at(path, detector):
            yield from (Left(region, round(seconds, 3)) for region in regions if region.score >= score)
        return
    with PictureFile(path) as picture:
        pixels = picture.rows(0, picture.shape[0])
    yield from (Left(region) for region in seen_by(detector, pixels, Look.CHECK) if region.score >= score)


@dataclass(frozen=True)
class Verification:
    """What is left in files.

    Arguments:
        files: How many files were looked at, those that failed among them.
        left: What is left, by the files that have something.
        failures: Why others could not be looked at, or not at all that they hold.
    """

    files: int
    left: Mapping[Path, Sequence[Left]]
    failures: Mapping[Path, str]

    @property
    def is_clean(self) -> bool:
        """Whether every file was looked at, and nothing was found."""
        return not self.left and not self.failures

    def report(self) -> dict[str, Any]:
        """The numbers, the rate of files with something left with its 95 % interval."""
        looked_at = self.files - len(self.failures.keys() - self.left.keys())
        low, high = wilson(len(self.left), looked_at) if looked_at else (0.0, 1.0)
        return {
            "files": self.files,
            "failed": len(self.failures),
            "files_with_something_left": len(self.left),
            "left": sum(map(len, self.left.values())),
            "rate_of_files_with_something_left": len(self.left) / looked_at if looked_at else None,
            "rate_interval_95": [low, high],
        }

    def tables(self) -> list[Table]:
        """What is left and where, and what failed."""
        rows = [_row(path, one) for path, found in self.left.items() for one in found]
        failed = [{"file": str(path), "reason": reason} for path, reason in self.failures.items()]
        captions = {"Left": rows, "Failures": failed}
        return [Table(caption, content) for caption, content in captions.items() if content]


def files_to_verify(inputs: Sequence[Path]) -> tuple[list[Path], dict[str, int]]:
    """The pictures and videos of files and folders, and what else there is by its kind, but for what holds no picture.

    Raises:
        ValueError: There is none.
        OSError: A folder cannot be read.
    """
    left_out: Counter[str] = Counter()
    found = find_inputs(inputs, None, READ | RESULTS.keys(), lambda folder: False, left_out)
    files = list(dict.fromkeys(path for path, _ in found))
    if not files:
        raise ValueError(f"{', '.join(map(str, inputs))}: no picture and no video that is read; check the paths")
    return files, {kind: count for kind, count in left_out.items() if kind not in _NO_PICTURES}


def verify_files(
    paths: Sequence[Path],
    detector: Detector,
    score: float,
    advance: Callable[[str], None],
) -> Verification:
    """Looks at every file; one that cannot be read, or holds more than is looked at, is a failure, and the next one
    follows.

    Arguments:
        paths: The files.
        detector: The detector.
        score: The score from which on something counts.
        advance: The function that is told of each file.
    """
    left: dict[Path, list[Left]] = {}
    failures: dict[Path, str] = {}
    for path in paths:
        try:
            if found := list(left_in(path, detector, score)):
                left[path] = found
            if more := [] if is_video(path) else beside(path):
                failures[path] = f"holds {', '.join(more)}: not looked at, and left out by redact"
        except (ValueError, OSError) as error:
            failures[path] = explain(error)[0].removeprefix(f"{path}: ")
        advance(f"{path}, {failures.get(path) or f'{len(left.get(path, []))} left'}")
    return Verification(len(paths), left, failures)


def _row(path: Path, left: Left) -> dict[str, Any]:
    box = left.region.box
    return {
        "file": str(path),
        "kind": left.region.kind,
        "seconds": left.seconds,
        "left": round(box.left),
        "top": round(box.top),
        "width": round(box.width),
        "height": round(box.height),
        "score": round(left.region.score, 3),
    }
