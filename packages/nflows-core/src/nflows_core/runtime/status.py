"""What became of each file of a batch: ``status.jsonl``, a line a file."""

from __future__ import annotations

import errno
import math
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from nflows_core.runtime.attempt import Outcome, Status, failure
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, to_json
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.lock import locked
from nflows_core.runtime.ownership import STATUS_FILE, claim_folder, is_status_log
from nflows_core.runtime.written import Mark, foreign, is_marked, may_be_part

BATCH = "batch of results"
"""What its folder holds, as `claim_folder` is told."""
IsCurrent = Callable[[Job, Any], bool]
"""Whether what a process has returned for a job in an earlier run is what it would return now."""
_BEGINNING = b'{"input": '


@dataclass(frozen=True)
class Left:
    """What earlier runs have left of a job.

    Arguments:
        outcome: The outcome of a job that is not run: its result is there, or a file of somebody else in its place.
        was_changed: Whether a file is there and is not what was written, or not known to the log: it may be cut short,
            empty or somebody else's.
    """

    outcome: Outcome | None = None
    was_changed: bool = False


@dataclass(frozen=True)
class Earlier:
    """What earlier runs have left of a batch.

    Arguments:
        left: The function that says what is left of a job, of its number and the job.
        damaged: How many lines of the log cannot be read; what they told of counts as not done.
    """

    left: Callable[[int, Job], Left] = lambda number, job: Left()
    damaged: int = 0


@dataclass(frozen=True)
class _Done:
    """What the log says of a result.

    Arguments:
        seconds: The time that it took.
        result: What the process returned.
        written: What its files are known by, by their names.
    """

    seconds: float
    result: Any
    written: Mapping[str, Mark]

    def changed(self, job: Job) -> dict[Path, Mark | None]:
        """The files that are there and not those that were written, and what those are known by, if any was."""
        known = {path: self.written.get(path.name) for path in job.targets if path.exists()}
        return {
            path: mark
            for path, mark in known.items()
            if (path.is_file() if mark is None else not is_marked(path, mark))
        }

    def is_whole(self, job: Job) -> bool:
        """Whether all files are there; of a folder nothing is known."""
        return not self.written or all(path.name in self.written and path.exists() for path in job.targets)


_NOTHING = _Done(0.0, None, {})
"""What the log says of a result that it does not know: a kill came before its line, or it is somebody else's."""
_NOWHERE = -1
"""The place of the line of such a result."""


class StatusLog:
    """The lines of a folder, of this run and of those before; the last one on an output is what counts.

    Each line is written as one piece when its file is done. What a kill cut short is removed. While the log is open,
    the folder is locked. A line is read again by its place, also once the log is closed.

    Arguments:
        folder: The folder of the log, made if it is missing; without one the log is in memory.

    Raises:
        FileExistsError: The folder or the file in it is not ours, or another command writes there.
        OSError: The folder or the file cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO = BytesIO()
        self._was_cut = False
        self._open_files = ExitStack()

    def __enter__(self) -> StatusLog:
        if self._folder is not None:
            claim_folder(self._folder, BATCH, [STATUS_FILE])
            with ExitStack() as stack:
                stack.enter_context(locked(self._folder))
                self._file, self._was_cut = _open(self._folder / STATUS_FILE)
                stack.enter_context(self._file)
                self._open_files = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open_files.close()

    def write(self, outcome: Outcome) -> int:
        """Appends a line, in which the input is as it was given and the output below the folder; returns its place."""
        line = {
            "input": str(outcome.job.source),
            "output": self._name(outcome.job),
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "error": outcome.error,
            "result": outcome.result,
            "written": outcome.written,
        }
        place = self._file.seek(0, os.SEEK_END)
        self._file.write(f"{to_json(line)}\n".encode())
        self._file.flush()
        return place

    def read(self, place: int, job: Job) -> Outcome:
        """What a line of this run says of a job, but for the traceback.

        Raises:
            OSError: The log cannot be read any more.
            ValueError: Somebody has changed it meanwhile.
        """
        line = parse_json(self._line(place))
        if isinstance(line, dict) and line.get("output") == self._name(job):
            status = Status(line["status"])
            return Outcome(job, status, line["seconds"], line["result"], line["written"], line["error"])
        raise ValueError(f"{STATUS_FILE} was changed meanwhile, and tells nothing of {job.source}")

    def earlier(self, jobs: Sequence[Job], is_current: IsCurrent) -> Earlier:
        """What is there of the results, and done by the log; without a folder, what is there and not empty.

        Arguments:
            jobs: The jobs.
            is_current: Which results of an earlier run count.

        Raises:
            OSError: The log cannot be read.
        """
        if self._folder is None:
            return Earlier(_left_without_log)
        places, stands, damaged = self._done(jobs)

        def left(number: int, job: Job) -> Left:
            if not _is_left(job):
                return Left()
            done = _NOTHING if places[number] == _NOWHERE else _parse(self._line(places[number]))[2]
            if changed := done.changed(job):
                return Left(_replaced(job, changed), was_changed=True)
            if stands[number] and done.is_whole(job) and _counts(is_current, job, done.result):
                return Left(Outcome(job, Status.SKIPPED, done.seconds, done.result, done.written))
            return Left()

        return Earlier(left, damaged)

    def _done(self, jobs: Sequence[Job]) -> tuple[array[int], bytearray, int]:
        """The places of the lines on jobs that were finished, which no later run has failed on, and damaged lines."""
        places, stands = array("q", [_NOWHERE]) * len(jobs), bytearray(len(jobs))
        numbers = {self._name(job): number for number, job in enumerate(jobs)}
        damaged = int(self._was_cut)
        for place, text in self._lines():
            try:
                status, output, _ = _parse(text)
            except ValueError:
                damaged += 1
                continue
            if (number := numbers.get(output)) is None:
                continue
            if status == Status.DONE:
                places[number], stands[number] = place, True
            elif status == Status.FAILED:
                stands[number] = False
        return places, stands, damaged

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines and their places."""
        place = self._file.seek(0)
        for line in _lines(self._file):
            yield place, line
            place += len(line)

    def _line(self, place: int) -> bytes:
        with self._reading() as file:
            file.seek(place)
            return file.readline()

    def _reading(self) -> BinaryIO:
        if isinstance(self._file, BytesIO):
            return BytesIO(self._file.getvalue())
        return Path(self._file.name).open("rb")

    def _name(self, job: Job) -> str:
        return job.target.name if self._folder is None else job.target.relative_to(self._folder).as_posix()


def _left_without_log(number: int, job: Job) -> Left:
    is_there = job.target.is_file() and job.target.stat().st_size
    return Left(Outcome(job, Status.SKIPPED)) if is_there else Left()


def _replaced(job: Job, changed: Mapping[Path, Mark | None]) -> Outcome | None:
    """The failure of a job in whose place there is a file of somebody else."""
    others = (path for path, mark in changed.items() if mark is not None and not may_be_part(path, mark))
    path = next(others, None)
    return None if path is None else failure(job, foreign(path))


def _open(path: Path) -> tuple[BinaryIO, bool]:
    """The log, to be read and to be added to, and whether it ended in half a line; what is not ours stays as it is."""
    if path.exists() and not (is_status_log(path) or _begins_our_line(path)):
        raise FileExistsError(errno.EEXIST, "is no log of ours; move it, or choose another folder", str(path))
    file = path.open("a+b")
    return file, _drop_half_line(file)


def _begins_our_line(path: Path) -> bool:
    """Whether a kill came before the first line was whole."""
    with path.open("rb") as file:
        line = file.readline(MOST_JSON_BYTES)
    return line[: len(_BEGINNING)] == _BEGINNING[: len(line)] and not line.endswith(b"\n")


def _parse(text: bytes) -> tuple[str, str, _Done]:
    match parse_json(text):
        case {
            "status": str(status),
            "output": str(output),
            "seconds": float() as seconds,
            "result": dict() | None as result,
            "written": dict() as written,
        } if math.isfinite(seconds) and all(map(_is_mark, written.values())):
            return status, output, _Done(seconds, result, written)
    raise ValueError("no line of ours")


def _is_mark(value: Any) -> bool:
    match value:
        case {"bytes": int(), "changed_ns": int(), "sha256": str(), "head": str()}:
            return True
    return False


def _counts(is_current: IsCurrent, job: Job, result: Any) -> bool:
    """Whether a result is current; not where its input cannot be read, which the job itself will say."""
    try:
        return is_current(job, result)
    except OSError:
        return False


def _is_left(job: Job) -> bool:
    """Whether anything of a result is there."""
    return any(path.exists() for path in job.targets)


def _drop_half_line(file: BinaryIO) -> bool:
    whole = end = file.seek(0)
    # Line by line, for there is one for each of a million files.
    for line in _lines(file):
        end += len(line)
        whole = end if line.endswith(b"\n") else whole
    file.truncate(whole)
    return whole < end


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines from here on; one that is longer than any of ours in pieces."""
    return iter(lambda: file.readline(MOST_JSON_BYTES), b"")
