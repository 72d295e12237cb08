"""What became of a batch of pictures: numbers of each, pictures before and after, and what failed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.batch import BatchResult
from nflows_core.runtime.jobs import Batch
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.sheets import before_and_after, contact_sheet, spread
from nflows_core.runtime.pictures.work import PictureProcess
from nflows_core.runtime.report import complete_report, write_report

_SHOWN = 24
"""Pictures before and after."""


@dataclass(frozen=True)
class PictureReport:
    """What an application says of its report.

    Arguments:
        title: The headline.
        notable: The number of a picture whose extremes are shown first.
        weights: The files or folders of weights, by name; their SHA-256 goes into the report.
        packages: The further packages whose versions decide the pixels, by the names of their distributions.
    """

    title: str
    notable: str
    weights: Mapping[str, Path] = field(default_factory=dict)
    packages: Sequence[str] = ()


def report_pictures(about: PictureReport, batch: Batch, process: PictureProcess, result: BatchResult) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html`` into the folder of a batch, if it has one.

    What an earlier run has done counts as done, so that a run that was stopped and went on has the report of one that
    was not, but for times.

    Returns:
        The content of ``report.json``.

    Raises:
        OSError: A file cannot be read or written.
    """
    done = [outcome for outcome in result.outcomes if outcome.result is not None]
    report: dict[str, Any] = {
        "pictures": len(result.outcomes),
        "failed": len(result.failed),
        "not_taken": dict(batch.left_out),
        "seconds": sum(outcome.seconds for outcome in result.outcomes),
        **process.settings,
    }
    digests = {str(outcome.job.source): str((outcome.result or {})["sha256"]) for outcome in done}
    content: dict[str, Any] = {
        "seed": process.seed,
        "inputs": {**{name: name for name in digests}, **about.weights},
        "digests": {**digests, **process.weights},
        "tables": list(_tables(done, result.failed, batch.folder)),
        "packages": about.packages,
    }
    if batch.folder is None:
        return complete_report(about.title, report, **content)
    return write_report(batch.folder, about.title, report, sheets=_sheets(about, done), **content)


def _tables(done: Sequence[Outcome], failed: Sequence[Outcome], folder: Path | None) -> Iterator[Table]:
    if failed:
        rows = [{"picture": str(outcome.job.source), "reason": outcome.error} for outcome in failed]
        yield Table("Failures", rows)
    if not done:
        return
    columns = list(dict.fromkeys(name for outcome in done for name in _numbers(outcome)))
    if summary := [_summary(name, done) for name in columns if _values(name, done)]:
        yield Table("Numbers", summary)
    yield Table("Pictures", [_row(outcome, columns, folder) for outcome in done])


def _row(outcome: Outcome, columns: Sequence[str], folder: Path | None) -> dict[str, Any]:
    result, target = outcome.result or {}, outcome.job.target
    return {
        "picture": str(outcome.job.source),
        "result": target.name if folder is None else target.relative_to(folder).as_posix(),
        "size": result["size"],
        "new_size": result["new_size"],
        **{name: _numbers(outcome).get(name) for name in columns},
        "seconds": outcome.seconds,
        "left_out": result["left_out"] or None,
    }


def _summary(name: str, done: Sequence[Outcome]) -> dict[str, Any]:
    values = _values(name, done)
    return {"number": name, "lowest": min(values), "median": statistics.median(values), "highest": max(values)}


def _values(name: str, done: Sequence[Outcome]) -> list[float]:
    """The finite numbers by that name; words have none."""
    values = (_numbers(outcome).get(name) for outcome in done)
    return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def _numbers(outcome: Outcome) -> Mapping[str, Any]:
    numbers: Mapping[str, Any] = (outcome.result or {})["numbers"]
    return numbers


def _sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    if not done:
        return []
    shown = [done[index] for index in spread([_numbers(outcome).get(about.notable) for outcome in done], _SHOWN)]
    pairs = [(str(outcome.job.source), outcome.job.source, outcome.job.target) for outcome in shown]
    extremes = f", those with the lowest and highest {about.notable.replace('_', ' ')} first"
    caption = f"{len(shown)} of {len(done)} pictures{extremes}" if len(shown) < len(done) else "Before and after"
    sheets = [before_and_after(caption, pairs)]
    if beside := [path for outcome in shown for path in outcome.job.targets[1:]]:
        sheets.append(contact_sheet("Made beside them", [(str(path), path) for path in beside[:_SHOWN]]))
    return sheets
