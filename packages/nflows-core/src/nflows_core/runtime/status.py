"""What became of each file of a batch: ``status.jsonl``, a line a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from nflows_core.runtime.attempt import Outcome, Status
from nflows_core.runtime.jobs import Job

STATUS_FILE = "status.jsonl"


class StatusLog:
    """The lines of a folder, of this run and of those before; the last one on an output is what counts.

    Each line is written as one piece when its file is done. What a kill cut short is removed.

    Arguments:
        folder: The folder of the log, made if it is missing; without one there is no log.

    Raises:
        OSError: The folder or the file cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None

    def __enter__(self) -> StatusLog:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / STATUS_FILE).open("a+b")
            _drop_half_line(self._file)
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
        # What is no Unicode in a name becomes the escape that JSON has for it.
        self._file.write(json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
        self._file.flush()

    def finished(self, jobs: Iterable[Job]) -> dict[Job, Outcome]:
        """Those jobs whose result is there: a file, or a folder that an earlier run says is done.

        Raises:
            ValueError: The log holds something else than was written to it.
        """
        results = self._results()
        return {
            job: Outcome(job, Status.SKIPPED, result=results.get(self._name(job)))
            for job in jobs
            if job.target.is_file() or (self._name(job) in results and job.target.is_dir())
        }

    def _results(self) -> dict[str, Any]:
        """The results of the finished jobs of earlier runs, by the names of their outputs."""
        results: dict[str, Any] = {}
        for number, text in enumerate(self._lines(), 1):
            try:
                line = json.loads(text)
                status, output, result = line["status"], line["output"], line["result"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self._folder}: line {number} of {STATUS_FILE} is damaged; remove it") from error
            if status == Status.DONE:
                results[output] = result
            elif status == Status.FAILED:
                results.pop(output, None)
        return results

    def _lines(self) -> Iterator[bytes]:
        if self._file is not None:
            self._file.seek(0)
            yield from self._file

    def _name(self, job: Job) -> str:
        return job.target.name if self._folder is None else job.target.relative_to(self._folder).as_posix()


def _drop_half_line(file: BinaryIO) -> None:
    file.seek(0)
    # Line by line, for there is one for each of a million files.
    whole = sum(len(line) for line in file if line.endswith(b"\n"))
    file.truncate(whole)
