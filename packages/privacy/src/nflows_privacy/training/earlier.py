"""What earlier runs of ``nflows privacy augment`` have left in a folder: a table that names not all of it would teach
that the rest shows nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.attempt import Outcome, Status
from nflows_core.runtime.foreign_text import MOST_JSON_BYTES, parse_json
from nflows_core.runtime.jobs import Batch
from nflows_core.runtime.ownership import STATUS_FILE

_SHOWN = 3


def refuse_older(batch: Batch) -> None:
    """Refuses a folder with files of earlier runs that a batch does not make anew.

    Raises:
        FileExistsError: There are some; the first are named.
        OSError: The log of the folder cannot be read.
    """
    if batch.folder is None:
        return
    left = {(batch.folder / line["output"]).with_name(name) for line in _done(batch.folder) for name in line["written"]}
    if not left:
        return
    older = sorted(path for path in left.difference(*(job.targets for job in batch.jobs)) if path.exists())
    if older:
        first = ", ".join(path.relative_to(batch.folder).as_posix() for path in older[:_SHOWN])
        more = ", …" if len(older) > _SHOWN else ""
        raise FileExistsError(
            errno.EEXIST,
            f"has {len(older)} files of an earlier run that this one does not make: {first}{more}; its table would not"
            " name them, and a training would take them for pictures that show nothing: choose another folder, or"
            " remove them",
            str(batch.folder),
        )


def older_copies(failed: Sequence[Outcome], folder: Path) -> list[Outcome]:
    """What earlier runs have left of jobs that failed now, and so of pictures that still stand there.

    Arguments:
        failed: The jobs that failed.
        folder: The folder of the results.

    Raises:
        OSError: The log of the folder cannot be read.
    """
    if not failed:
        return []
    jobs = {outcome.job.target.relative_to(folder).as_posix(): outcome.job for outcome in failed}
    last = {line["output"]: line for line in _done(folder) if line["output"] in jobs and _has_boxes(line["result"])}
    return [Outcome(jobs[name], Status.SKIPPED, 0.0, line["result"], line["written"]) for name, line in last.items()]


def _done(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the log on what was written; others, and damaged ones, tell of no file."""
    path = folder / STATUS_FILE
    if not path.is_file():
        return
    with path.open("rb") as file:
        for text in iter(lambda: file.readline(MOST_JSON_BYTES), b""):
            try:
                line = parse_json(text)
            except ValueError:
                continue
            match line:
                case {"status": "done", "output": str(), "written": dict(), "result": dict() | None}:
                    yield line


def _has_boxes(result: Any) -> bool:
    match result:
        case {"boxes": list(), "made_from": list(), "new_size": str()}:
            return True
    return False
