"""What became of each file of a batch: ``status.jsonl``, a line a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from nflows_core.runtime.attempt import Outcome, Status
from nflows_core.runtime.files import errors_naming
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json, to_json
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.lock import locked
from nflows_core.runtime.ownership import STATUS_FILE, claim_folder, is_status_log

BATCH = "batch of results"
"""What its folder holds, as `claim_folder` is told."""
_BEGINNING = b'{"input": '


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
        self.folder = folder
        self._file: BinaryIO = BytesIO()
        self.was_cut = False
        """Whether a kill has cut the last line short."""
        self._open_files = ExitStack()

    def __enter__(self) -> StatusLog:
        if self.folder is not None:
            claim_folder(self.folder, BATCH, [STATUS_FILE])
            with ExitStack() as stack:
                stack.enter_context(locked(self.folder))
                self._file, self.was_cut = _open(self.folder / STATUS_FILE)
                stack.enter_context(self._file)
                self._open_files = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        with self._errors_naming_it():  # what was not written is tried again
            self._open_files.close()

    def write(self, outcome: Outcome) -> int:
        """Appends a line, in which the input is as it was given and the output below the folder; returns its place."""
        line = {
            "input": str(outcome.job.source),
            "output": self.name(outcome.job),
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "error": outcome.error,
            "result": outcome.result,
            "written": outcome.written,
        }
        place = self._file.seek(0, os.SEEK_END)
        with self._errors_naming_it():
            self._file.write(f"{to_json(line)}\n".encode())
            self._file.flush()
        return place

    def read(self, place: int, job: Job) -> Outcome:
        """What a line of this run says of a job, but for the traceback.

        Raises:
            OSError: The log cannot be read any more.
            ValueError: Somebody has changed it meanwhile.
        """
        line = parse_json(self.line(place))
        if isinstance(line, dict) and line.get("output") == self.name(job):
            status = Status(line["status"])
            return Outcome(job, status, line["seconds"], line["result"], line["written"], line["error"])
        raise ValueError(f"{STATUS_FILE} was changed meanwhile, and tells nothing of {job.source}")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines and their places."""
        place = self._file.seek(0)
        for line in _lines(self._file):
            yield place, line
            place += len(line)

    def line(self, place: int) -> bytes:
        """The line at a place."""
        with self._reading() as file:
            file.seek(place)
            return file.readline()

    def _errors_naming_it(self) -> AbstractContextManager[None]:
        return errors_naming(STATUS_FILE if self.folder is None else self.folder / STATUS_FILE)

    def _reading(self) -> BinaryIO:
        if isinstance(self._file, BytesIO):
            return BytesIO(self._file.getvalue())
        return Path(self._file.name).open("rb")

    def name(self, job: Job) -> str:
        """What the result of a job is called in the log."""
        return job.target.name if self.folder is None else job.target.relative_to(self.folder).as_posix()


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
