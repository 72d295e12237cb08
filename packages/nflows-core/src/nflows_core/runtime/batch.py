"""One function over many files: one bad file stops nothing, and what became of each is told.

Example:
    >>> from tempfile import TemporaryDirectory
    >>> from nflows_core.runtime.files import atomic_write
    >>> from nflows_core.runtime.jobs import plan_batch
    >>> def shout(source: Path, target: Path) -> None:
    ...     with atomic_write(target, "w") as file:
    ...         file.write(source.read_text().upper())
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.txt").write_text("hello")
    ...     result = run_batch(plan_batch([Path(folder)], Path(folder, "loud"), {".txt"}), shout)
    ...     Path(folder, "loud", "a.txt").read_text()
    'HELLO'
    >>> result.counts()
    {'done': 1, 'skipped': 0, 'failed': 0}
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from nflows_core.runtime.attempt import Outcome, Process, Status, attempt, failure
from nflows_core.runtime.cli import Invocation
from nflows_core.runtime.earlier import Earlier, IsCurrent, Left, left_by_earlier
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.jobs import Batch, Job
from nflows_core.runtime.lazy import LazySequence
from nflows_core.runtime.ownership import STATUS_FILE
from nflows_core.runtime.progress import progress
from nflows_core.runtime.status import StatusLog
from nflows_core.runtime.terminal import echo

_SHOWN_FAILURES = 10
_ENDS = tuple(Status)

inputs_argument = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder; of one file, a file's name too."
)
skip_existing_option = click.option(
    "--skip-existing", is_flag=True, help="Leave out inputs whose result is there: goes on with a run that was stopped."
)


class BatchResult:
    """What became of a batch.

    The outcomes stand in its log and are read when they are asked for: of a million, memory holds ten bytes each.

    Arguments:
        jobs: The jobs.
        log: The log of the batch.
    """

    def __init__(self, jobs: Sequence[Job], log: StatusLog) -> None:
        self._jobs = jobs
        self._log = log
        self._places = array("q", [0]) * len(jobs)
        self._ends = bytearray([len(_ENDS)]) * len(jobs)
        self._tells = bytearray(len(jobs))
        self.seconds = 0.0
        """The time of all files together."""

    def add(self, number: int, outcome: Outcome) -> None:
        """Writes the outcome of a job to the log.

        Arguments:
            number: The number of the job.
            outcome: The outcome.

        Raises:
            OSError: The log cannot be written.
        """
        self._places[number] = self._log.write(outcome)
        self._ends[number] = _ENDS.index(outcome.status)
        self._tells[number] = outcome.result is not None
        self.seconds += outcome.seconds

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """The outcome of each job, in the order of the jobs."""
        return LazySequence(self._outcome, range(len(self._jobs)))

    @property
    def told(self) -> LazySequence[Outcome]:
        """The jobs whose process has returned a result, in this run or in an earlier one."""
        return self._those(self._tells, True)

    @property
    def failed(self) -> LazySequence[Outcome]:
        """The jobs that failed."""
        return self._those(self._ends, _ENDS.index(Status.FAILED))

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns."""
        return ExitCode.FAILED if self.counts()[Status.FAILED] else ExitCode.DONE

    def counts(self) -> dict[str, int]:
        """How many files ended how."""
        return {status.value: self._ends.count(end) for end, status in enumerate(_ENDS)}

    def _those(self, marks: bytearray, mark: int) -> LazySequence[Outcome]:
        return LazySequence(self._outcome, array("q", (number for number, one in enumerate(marks) if one == mark)))

    def _outcome(self, number: int) -> Outcome:
        return self._log.read(self._places[number], self._jobs[number])


def run_batch(
    batch: Batch,
    process: Process,
    *,
    what: str = "files",
    skip_existing: bool = False,
    is_current: IsCurrent = lambda job, result: True,
    dask: str | None = None,
    report: Callable[[BatchResult], None] = lambda result: None,
) -> BatchResult:
    """Runs a function over every job; shows progress and writes ``status.jsonl`` as it goes.

    Arguments:
        batch: The jobs, as `nflows_core.runtime.jobs.plan_batch` plans them.
        process: The function. An error of it is that file's, and the next file follows.
        what: The word for the files in the progress.
        skip_existing: Whether jobs whose result is there, and done by the log of an earlier run, are left out. A result
            that was cut short is made again; what somebody else has put in its place stays, and the job fails, with
            this option or without.
        is_current: Whether what such a job has returned would be the same now; else it is done again.
        dask: The address of a scheduler whose workers run the function, else this process.
        report: What is written of all into the same folder, before another run may write there.

    Raises:
        CommandError: The run was interrupted, or the cluster does not answer.
        ModuleNotFoundError: Dask is not installed.
        FileExistsError: The folder of the results holds files that no command of ours made, or another run writes
            there.
        OSError: The log cannot be written.
    """
    with StatusLog(batch.folder) as log:
        result = BatchResult(batch.jobs, log)
        earlier = left_by_earlier(log, batch.jobs, is_current, skip_existing)
        _tell_damage(earlier)
        _tell_clashes(batch, what)
        with progress(what, len(batch.jobs)) as advance, _interrupted(result):
            for number, outcome in _outcomes(batch, process, earlier, dask):
                result.add(number, outcome)
                _show_traceback(outcome)
                advance(_told(outcome))
        report(result)
    return result


def conclude(result: BatchResult, batch: Batch) -> ExitCode:
    """Tells people how a batch ended and which files failed; returns the exit code."""
    failed = result.failed
    for outcome in failed[:_SHOWN_FAILURES]:
        echo(f"{visible(outcome.job.source)}: {_reason(outcome)}", err=True)
    echo(", ".join(f"{count} {status}" for status, count in result.counts().items() if count), err=True)
    if len(failed) > _SHOWN_FAILURES and batch.folder is not None:
        echo(f"{batch.folder / STATUS_FILE} names all that failed", err=True)
    return result.exit_code


def _tell_damage(earlier: Earlier) -> None:
    if earlier.damaged:
        lines, tell = ("a line", "it tells") if earlier.damaged == 1 else (f"{earlier.damaged} lines", "they tell")
        echo(f"{lines} of {STATUS_FILE} cannot be read: what only {tell} of is done again", err=True)


def _tell_clashes(batch: Batch, what: str) -> None:
    if batch.clashes:
        echo(
            f"{len(batch.clashes)} of {len(batch.jobs)} {what} would replace results of others: they fail",
            err=True,
        )


@contextmanager
def _interrupted(result: BatchResult) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise CommandError(
            f"interrupted after {sum(result.counts().values())} of {len(result.outcomes)};"
            " `skip_existing` goes on with the rest",
            ExitCode.INTERRUPTED,
        ) from error


def _outcomes(batch: Batch, process: Process, earlier: Earlier, dask: str | None) -> Iterator[tuple[int, Outcome]]:
    """The outcomes as they come, each with the number of its job: first those of the jobs that are not run."""
    is_settled, was_changed = bytearray(len(batch.jobs)), bytearray(len(batch.jobs))
    for number, job in enumerate(batch.jobs):
        left = _left(number, job, batch, earlier)
        was_changed[number] = left.was_changed
        if left.outcome is not None:
            is_settled[number] = True
            yield number, left.outcome
    todo = (
        (number, replace(job, was_changed=bool(was_changed[number])))
        for number, job in enumerate(batch.jobs)
        if not is_settled[number]
    )
    if dask is None:
        yield from ((number, attempt(process, job)) for number, job in todo)
    else:
        from nflows_core.runtime.cluster import run_on_cluster

        yield from run_on_cluster(dask, process, todo)


def _left(number: int, job: Job, batch: Batch, earlier: Earlier) -> Left:
    """What earlier runs have left of a job; one that clashes with others fails."""
    if (reason := batch.clashes.get(job)) is not None:
        return Left(failure(job, ValueError(reason)))
    return earlier.left(number, job)


def _show_traceback(outcome: Outcome) -> None:
    """Where the person asked to debug."""
    context = click.get_current_context(silent=True)
    if outcome.traceback and context is not None and context.ensure_object(Invocation).debug:
        echo(outcome.traceback, err=True)


def _told(outcome: Outcome) -> str:
    """A few words for the progress."""
    words = f"{outcome.seconds:.1f} s" if outcome.status == Status.DONE else str(outcome.status)
    return f"{visible(outcome.job.source)}, {words}{f': {_reason(outcome)}' if outcome.error else ''}"


def _reason(outcome: Outcome) -> str:
    """Why a job failed, in one line."""
    return " ".join((outcome.error or "").split())
