"""What earlier runs have left of a batch, by their log and by the files that are there."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nflows_core.runtime.attempt import Outcome, Status, failure
from nflows_core.runtime.foreign_text import parse_json
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.status import StatusLog
from nflows_core.runtime.written import Mark, foreign, is_marked, may_be_part

IsCurrent = Callable[[Job, Any], bool]
"""Whether what a process has returned for a job in an earlier run is what it would return now."""


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


def left_by_earlier(log: StatusLog, jobs: Sequence[Job], is_current: IsCurrent, skip: bool = True) -> Earlier:
    """What is there of the results, and done by the log; without a folder, what is there and not empty.

    Arguments:
        log: The open log.
        jobs: The jobs.
        is_current: Which results of an earlier run count.
        skip: Whether they are left out. If not, all jobs are run but those in whose place somebody has put something
            else since.

    Raises:
        OSError: The log cannot be read.
    """
    if log.folder is None:
        return Earlier(_left_without_log) if skip else Earlier()
    places, stands, damaged = _done(log, jobs)

    def left(number: int, job: Job) -> Left:
        if not _is_left(job):
            return Left()
        done = _NOTHING if places[number] == _NOWHERE else _parse(log.line(places[number]))[2]
        if changed := done.changed(job):
            return Left(_replaced(job, changed), was_changed=skip)
        if skip and stands[number] and done.is_whole(job) and _counts(is_current, job, done.result):
            return Left(Outcome(job, Status.SKIPPED, done.seconds, done.result, done.written))
        return Left()

    return Earlier(left, damaged if skip else 0)


def _done(log: StatusLog, jobs: Sequence[Job]) -> tuple[array[int], bytearray, int]:
    """The places of the lines on jobs that were finished, which no later run has failed on, and damaged lines."""
    places, stands = array("q", [_NOWHERE]) * len(jobs), bytearray(len(jobs))
    numbers = {log.name(job): number for number, job in enumerate(jobs)}
    damaged = int(log.was_cut)
    for place, text in log.lines():
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


def _left_without_log(number: int, job: Job) -> Left:
    is_there = job.target.is_file() and job.target.stat().st_size
    return Left(Outcome(job, Status.SKIPPED)) if is_there else Left()


def _replaced(job: Job, changed: Mapping[Path, Mark | None]) -> Outcome | None:
    """The failure of a job in whose place there is a file of somebody else."""
    others = (path for path, mark in changed.items() if mark is not None and not may_be_part(path, mark))
    path = next(others, None)
    return None if path is None else failure(job, foreign(path))


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
