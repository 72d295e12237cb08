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

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from nflows_core.runtime.attempt import Outcome, Process, Status, attempt, failure
from nflows_core.runtime.cli import Invocation
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.jobs import Batch, Job
from nflows_core.runtime.ownership import STATUS_FILE
from nflows_core.runtime.progress import progress
from nflows_core.runtime.status import Earlier, IsCurrent, StatusLog
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.written import foreign

_SHOWN_FAILURES = 10

inputs_argument = click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A folder; of one file, a file's name too."
)
skip_existing_option = click.option(
    "--skip-existing", is_flag=True, help="Leave out inputs whose result is there: goes on with a run that was stopped."
)


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch.

    Arguments:
        outcomes: The outcome of each job, in the order of the jobs.
    """

    outcomes: Sequence[Outcome]

    @property
    def failed(self) -> list[Outcome]:
        """The jobs that failed."""
        return [outcome for outcome in self.outcomes if outcome.status == Status.FAILED]

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns."""
        return ExitCode.FAILED if self.failed else ExitCode.DONE

    def counts(self) -> dict[str, int]:
        """How many files ended how."""
        return {status.value: sum(outcome.status == status for outcome in self.outcomes) for status in Status}


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
            that was cut short is made again; what somebody else has put in its place stays, and the job fails.
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
    outcomes: dict[int, Outcome] = {}
    with StatusLog(batch.folder) as log:
        earlier = log.earlier(batch.jobs, is_current) if skip_existing else Earlier()
        _tell_damage(earlier)
        _tell_clashes(batch, what)
        settled = _settled(batch, earlier)
        jobs = [replace(job, was_changed=job in earlier.changed) for job in batch.jobs]
        with progress(what, len(jobs)) as advance, _interrupted(outcomes, len(jobs)):
            for index, outcome in _outcomes(jobs, process, settled, dask):
                outcomes[index] = outcome
                log.write(outcome)
                _show_traceback(outcome)
                advance(_told(outcome))
        result = BatchResult([outcomes[index] for index in range(len(batch.jobs))])
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


def _settled(batch: Batch, earlier: Earlier) -> dict[Job, Outcome]:
    """What became of jobs that are not run."""
    errors: dict[Job, Exception] = {job: foreign(path) for job, path in earlier.foreign.items()}
    errors |= {job: ValueError(reason) for job, reason in batch.clashes.items()}
    return {**earlier.finished, **{job: failure(job, error) for job, error in errors.items()}}


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
def _interrupted(outcomes: Mapping[int, Outcome], count: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise CommandError(
            f"interrupted after {len(outcomes)} of {count}; `skip_existing` goes on with the rest",
            ExitCode.INTERRUPTED,
        ) from error


def _outcomes(
    jobs: Sequence[Job], process: Process, settled: Mapping[Job, Outcome], dask: str | None
) -> Iterator[tuple[int, Outcome]]:
    """The outcomes as they come, each with the number of its job."""
    yield from ((index, settled[job]) for index, job in enumerate(jobs) if job in settled)
    todo = ((index, job) for index, job in enumerate(jobs) if job not in settled)
    if dask is None:
        yield from ((index, attempt(process, job)) for index, job in todo)
    else:
        from nflows_core.runtime.cluster import run_on_cluster

        yield from run_on_cluster(dask, process, todo)


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
