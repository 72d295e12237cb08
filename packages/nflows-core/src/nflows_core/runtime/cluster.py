"""A batch on the machines of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from nflows_core.runtime.attempt import Outcome, Process, attempt, failure
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.jobs import Job

if TYPE_CHECKING:
    from distributed import Client, Future

_IN_FLIGHT = 1000
"""Jobs that the scheduler knows at a time: it would choke on a million, and so many keep any cluster busy."""


def run_on_cluster(address: str, process: Process, jobs: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, Outcome]]:
    """Runs numbered jobs on the workers, which see the files under the same absolute paths.

    A job whose worker dies is run again elsewhere, and fails when that has happened several times.

    Arguments:
        address: Of the scheduler, as ``tcp://host:8786``.
        process: The function.
        jobs: Taken as the cluster has room for them.

    Returns:
        The outcomes as they come, each with the number of its job.

    Raises:
        CommandError: No scheduler answers, or it is gone before the end.
        ModuleNotFoundError: Dask is not installed.
    """
    with _connect(address) as client:
        try:
            yield from _run(client, process, jobs)
        except CancelledError as error:
            raise CommandError(
                f"{address}: the Dask scheduler is gone; start it again and go on with --skip-existing", ExitCode.FAILED
            ) from error


def _run(client: Client, process: Process, jobs: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, Outcome]]:
    from distributed import as_completed

    running: dict[str, tuple[int, Job]] = {}

    def submit(numbered: tuple[int, Job]) -> Future[Outcome]:
        future = client.submit(attempt, process, _absolute(numbered[1]), pure=False)
        running[future.key] = numbered
        return future

    futures = as_completed(list(map(submit, islice(jobs, _IN_FLIGHT))))
    for future in futures:
        number, job = running.pop(future.key)
        yield number, _outcome(future, job)
        futures.update(list(map(submit, islice(jobs, 1))))


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("--dask needs Dask; run: pip install 'nflows-core[dask]'") from error
    try:
        return Client(address)
    except (OSError, ValueError) as error:
        raise CommandError(f"{address}: no Dask scheduler answers; start one by: dask scheduler") from error


def _absolute(job: Job) -> Job:
    return Job(job.source.absolute(), job.target.absolute())


def _outcome(future: Any, job: Job) -> Outcome:
    error = future.exception()
    return failure(job, error) if error is not None else replace(future.result(), job=job)
