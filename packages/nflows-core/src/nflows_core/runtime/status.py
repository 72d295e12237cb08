"""What became of each file of a batch: ``status.jsonl``, a line a file."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from nflows_core.runtime.attempt import Outcome, Status
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, to_json
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.ownership import STATUS_FILE, claim_folder, is_status_log

_KIND = "batch of results"
IsCurrent = Callable[[Job, Any], bool]
"""Whether what a process has returned for a job in an earlier run is what it would return now."""
_BEGINNING = b'{"input": '


class StatusLog:
    """The lines of a folder, of this run and of those before; the last one on an output is what counts.

    Each line is written as one piece when its file is done. What a kill cut short is removed.

    Arguments:
        folder: The folder of the log, made if it is missing; without one there is no log.

    Raises:
        FileExistsError: The folder or the file in it is not ours.
        OSError: The folder or the file cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None

    def __enter__(self) -> StatusLog:
        if self._folder is not None:
            claim_folder(self._folder, _KIND, [STATUS_FILE])
            self._file = _open(self._folder / STATUS_FILE)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

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
        }
        self._file.write(f"{to_json(line)}\n".encode())
        self._file.flush()

    def finished(self, jobs: Iterable[Job], is_current: IsCurrent) -> dict[Job, Outcome]:
        """Those jobs whose result is there, and done by the log if there is one.

        Arguments:
            jobs: The jobs.
            is_current: Which results of an earlier run count.

        Raises:
            ValueError: The log holds something else than was written to it.
        """
        if self._folder is None:
            return {job: Outcome(job, Status.SKIPPED) for job in jobs if job.target.is_file()}
        done = self._done()
        return {
            job: Outcome(job, Status.SKIPPED, *done[name])
            for job in jobs
            if (name := self._name(job)) in done and job.target.exists() and is_current(job, done[name][1])
        }

    def _done(self) -> dict[str, tuple[float, Any]]:
        """The seconds and the results of the finished jobs of earlier runs, by the names of their outputs."""
        done: dict[str, tuple[float, Any]] = {}
        for number, text in enumerate(self._lines(), 1):
            try:
                status, output, seconds, result = _parse(text)
            except ValueError as error:
                raise ValueError(f"{self._folder}: line {number} of {STATUS_FILE} is damaged; remove it") from error
            if status == Status.DONE:
                done[output] = seconds, result
            elif status == Status.FAILED:
                done.pop(output, None)
        return done

    def _lines(self) -> Iterator[bytes]:
        if self._file is not None:
            self._file.seek(0)
            yield from _lines(self._file)

    def _name(self, job: Job) -> str:
        return job.target.name if self._folder is None else job.target.relative_to(self._folder).as_posix()


def _open(path: Path) -> BinaryIO:
    """The log, to be read and to be added to; what is no log of ours stays as it is."""
    if path.exists() and not (is_status_log(path) or _begins_our_line(path)):
        raise FileExistsError(errno.EEXIST, "is no log of ours; move it, or choose another folder", str(path))
    file = path.open("a+b")
    _drop_half_line(file)
    return file


def _begins_our_line(path: Path) -> bool:
    """Whether a kill came before the first line was whole."""
    with path.open("rb") as file:
        line = file.readline(MOST_JSON_BYTES)
    return line[: len(_BEGINNING)] == _BEGINNING[: len(line)] and not line.endswith(b"\n")


def _parse(text: bytes) -> tuple[str, str, float, Any]:
    match parse_json(text):
        case {
            "status": str(status),
            "output": str(output),
            "seconds": int() | float() as seconds,
            "result": dict() | None as result,
        } if math.isfinite(seconds):
            return status, output, seconds, result
    raise ValueError("no line of ours")


def _drop_half_line(file: BinaryIO) -> None:
    whole = end = file.seek(0)
    # Line by line, for there is one for each of a million files.
    for line in _lines(file):
        end += len(line)
        whole = end if line.endswith(b"\n") else whole
    file.truncate(whole)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines from here on; one that is longer than any of ours in pieces."""
    return iter(lambda: file.readline(MOST_JSON_BYTES), b"")
