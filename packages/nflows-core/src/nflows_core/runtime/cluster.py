"""A batch on the machines of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from nflows_core.runtime.attempt import Outcome, Process, attempt, failure
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.jobs import Job

if TYPE_CHECKING:
    from distributed import Client

_PORTION = 500
"""Jobs that go to the scheduler at once: one by one would cost more than a small picture, a million would choke it."""


def run_on_cluster(address: str, process: Process, jobs: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, Outcome]]:
    """Runs numbered jobs on the workers, which see the files under the same absolute paths.

    A job whose worker dies is run again elsewhere, and fails when that has happened several times.

    Arguments:
        address: The address of the scheduler, as ``tcp://host:8786``.
        process: The function.
        jobs: The jobs with their numbers, taken as the cluster has room for them.

    Returns:
        The outcomes as they come, each with the number of its job.

    Raises:
        CommandError: No scheduler answers, or it is gone before the end.
        ModuleNotFoundError: Dask is not installed.
    """
    with connect(address) as client:
        try:
            yield from _run(client, process, jobs)
        except CancelledError as error:
            raise CommandError(
                f"{address}: the Dask scheduler is gone; start it again and go on with `skip_existing`", ExitCode.FAILED
            ) from error


def _run(client: Client, process: Process, jobs: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, Outcome]]:
    from distributed import as_completed

    running: dict[str, tuple[int, Job]] = {}
    futures = as_completed(with_results=True, raise_errors=False)
    while True:
        if len(running) <= _PORTION and (portion := list(islice(jobs, _PORTION))):
            submitted = client.map(partial(attempt, process), [_absolute(job) for _, job in portion], pure=False)
            running |= {future.key: numbered for future, numbered in zip(submitted, portion, strict=True)}
            futures.update(submitted)
        if not running:
            return
        future, result = next(futures)
        number, job = running.pop(future.key)
        yield number, _outcome(future.status, result, job)


def connect(address: str) -> Client:
    """A client of a Dask scheduler, as ``tcp://host:8786``.

    Raises:
        CommandError: No scheduler answers.
        ModuleNotFoundError: Dask is not installed.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a cluster needs Dask; run: pip install 'nflows-core[dask]'") from error
    try:
        return Client(address)
    except (OSError, ValueError) as error:
        raise CommandError(f"{address}: no Dask scheduler answers; start one by: dask scheduler") from error


def _absolute(job: Job) -> Job:
    return replace(job, source=job.source.absolute(), target=job.target.absolute())


def _outcome(status: str, result: Any, job: Job) -> Outcome:
    """What Dask's result says of a job: an outcome, the error that Dask itself met, or that it is gone."""
    if isinstance(result, CancelledError):
        raise result
    return failure(job, result[1]) if status == "error" else replace(result, job=job)
