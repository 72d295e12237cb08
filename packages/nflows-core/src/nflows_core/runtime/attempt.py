"""One job of a batch, run where it is best, and what became of it."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from nflows_core.runtime.errors import explain
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.written import Mark, marks_of, restore

Process = Callable[[Path, Path], Mapping[str, Any] | None]
"""Reads the first path and writes the second one, whole or not at all; its folder is there. Returns its result.

The same input must give the same bytes: a file that a kill has left without its line in the log is known by them, and
others count as somebody else's and stay.

For Dask it must be importable by the workers, which call it in threads, and small: let it load a model when it is
called first.
"""


class Status(StrEnum):
    """What became of a file."""

    DONE = "done"
    SKIPPED = "skipped"
    """Its result was there."""
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Arguments:
        job: The job.
        status: The way it ended.
        seconds: The time that it took; of a skipped job, in an earlier run, and so its result.
        result: The result of the process, as JSON's own types.
        written: What the files of the result are known by, by their names.
        error: The reason of a failure, in a line or two.
        traceback: The traceback of a failure, shown on request.
    """

    job: Job
    status: Status
    seconds: float = 0.0
    result: Mapping[str, Any] | None = None
    written: Mapping[str, Mark] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = None


def attempt(process: Process, job: Job) -> Outcome:
    """Runs one job, on whatever machine; an error becomes part of the outcome."""
    start, had_result = time.perf_counter(), job.target.exists()
    try:
        if not job.source.is_dir():
            require_regular(job.source)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        # As it will be read again, and here so that a result of no JSON is this file's failure.
        result = json.loads(json.dumps(_run(process, job), allow_nan=False))
        written = marks_of(job.targets)
        _check_written(job)
    except Exception as error:
        failed = failure(job, error, time.perf_counter() - start)
        if had_result and job.target.exists() and not isinstance(error, FileExistsError):
            return replace(failed, error=f"{failed.error} (what stands in {job.target} is older)")
        return failed
    return Outcome(job, Status.DONE, time.perf_counter() - start, result, written)


def _run(process: Process, job: Job) -> Mapping[str, Any] | None:
    if job.was_changed:
        return restore(partial(process, job.source), job.targets)
    return process(job.source, job.target)


def _check_written(job: Job) -> None:
    if missing := [path for path in job.targets if not path.exists()]:
        raise RuntimeError(f"{missing[0].name} was not written")


def failure(job: Job, error: BaseException, seconds: float = 0.0) -> Outcome:
    """The outcome of a job that ended with an error."""
    trace = "".join(traceback.format_exception(error))
    # The outcome names the input anyway, and on a cluster by another path.
    reason = explain(error)[0].removeprefix(f"{job.source}: ")
    return Outcome(job, Status.FAILED, seconds, error=reason, traceback=trace)
