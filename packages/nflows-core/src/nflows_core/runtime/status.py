"""What became of each file of a batch: ``status.jsonl``, a line a file."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from nflows_core.runtime.attempt import Outcome, Status
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, to_json
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.lock import locked
from nflows_core.runtime.ownership import STATUS_FILE, claim_folder, is_status_log
from nflows_core.runtime.written import Mark, is_marked, may_be_part

BATCH = "batch of results"
"""What its folder holds, as `claim_folder` is told."""
IsCurrent = Callable[[Job, Any], bool]
"""Whether what a process has returned for a job in an earlier run is what it would return now."""
_BEGINNING = b'{"input": '


@dataclass(frozen=True)
class Earlier:
    """What earlier runs have left of a batch.

    Arguments:
        finished: The outcomes of the jobs whose result is there.
        changed: The jobs whose file is there and is not what was written, or not known to the log: it may be cut short,
            empty or somebody else's.
        foreign: The jobs in whose place there is a file of somebody else, and that file.
        damaged: How many lines of the log cannot be read; what they told of counts as not done.
    """

    finished: Mapping[Job, Outcome] = field(default_factory=dict)
    changed: frozenset[Job] = frozenset()
    foreign: Mapping[Job, Path] = field(default_factory=dict)
    damaged: int = 0


@dataclass(frozen=True)
class _Done:
    """What the log says of a result.

    Arguments:
        seconds: The time that it took.
        result: What the process returned.
        written: What its files are known by, by their names.
        stands: Whether no later run has failed on it.
    """

    seconds: float
    result: Any
    written: Mapping[str, Mark]
    stands: bool = True

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


_NOTHING = _Done(0.0, None, {}, stands=False)
"""What the log says of a result that it does not know: a kill came before its line, or it is somebody else's."""


class StatusLog:
    """The lines of a folder, of this run and of those before; the last one on an output is what counts.

    Each line is written as one piece when its file is done. What a kill cut short is removed. While the log is open,
    the folder is locked.

    Arguments:
        folder: The folder of the log, made if it is missing; without one there is no log.

    Raises:
        FileExistsError: The folder or the file in it is not ours, or another command writes there.
        OSError: The folder or the file cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
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

    def write(self, outcome: Outcome) -> None:
        """Appends a line, in which the input is as it was given and the output below the folder."""
        if self._file is None:
            return
        line = {
            "input": str(outcome.job.source),
            "output": self._name(outcome.job),
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "error": outcome.error,
            "result": outcome.result,
            "written": outcome.written,
        }
        self._file.write(f"{to_json(line)}\n".encode())
        self._file.flush()

    def earlier(self, jobs: Iterable[Job], is_current: IsCurrent) -> Earlier:
        """What is there of the results, and done by the log; without a log, what is there and not empty.

        Arguments:
            jobs: The jobs.
            is_current: Which results of an earlier run count.
        """
        if self._folder is None:
            there = (job for job in jobs if job.target.is_file() and job.target.stat().st_size)
            return Earlier({job: Outcome(job, Status.SKIPPED) for job in there})
        done, damaged = self._done()
        left = {job: done.get(self._name(job), _NOTHING) for job in jobs if _is_left(job)}
        changed = {job: files for job, line in left.items() if (files := line.changed(job))}
        foreign = {
            job: path
            for job, files in changed.items()
            for path, mark in files.items()
            if mark is not None and not may_be_part(path, mark)
        }
        finished = {
            job: Outcome(job, Status.SKIPPED, line.seconds, line.result, line.written)
            for job, line in left.items()
            if line.stands and job not in changed and line.is_whole(job) and _counts(is_current, job, line.result)
        }
        return Earlier(finished, frozenset(changed), foreign, damaged)

    def _done(self) -> tuple[dict[str, _Done], int]:
        """The finished jobs of earlier runs, by the names of their outputs, and how many lines are damaged."""
        done: dict[str, _Done] = {}
        damaged = int(self._was_cut)
        for text in self._lines():
            try:
                status, output, line = _parse(text)
            except ValueError:
                damaged += 1
                continue
            if status == Status.DONE:
                done[output] = line
            elif status == Status.FAILED and output in done:
                done[output] = replace(done[output], stands=False)
        return done, damaged

    def _lines(self) -> Iterator[bytes]:
        if self._file is not None:
            self._file.seek(0)
            yield from _lines(self._file)

    def _name(self, job: Job) -> str:
        return job.target.name if self._folder is None else job.target.relative_to(self._folder).as_posix()


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
