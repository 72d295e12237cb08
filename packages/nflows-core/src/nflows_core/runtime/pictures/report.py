"""What became of a batch of pictures: numbers of each, pictures before and after, and what failed."""

from __future__ import annotations

import statistics
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.batch import BatchResult
from nflows_core.runtime.files import sha256
from nflows_core.runtime.jobs import Batch, Job
from nflows_core.runtime.lazy import LazySequence, SortedMapping
from nflows_core.runtime.page import Sheet, Table
from nflows_core.runtime.pictures.sheets import before_and_after, contact_sheet, spread
from nflows_core.runtime.report import complete_report, write_report

_SHOWN = 24
"""Pictures before and after."""


class FileProcess(Protocol):
    """A process whose results a report shows: each is as `nflows_core.runtime.pictures.work.is_told` wants it."""

    @property
    def weights(self) -> Mapping[str, str]:
        """The SHA-256 of what it loads, by name."""

    @property
    def seed(self) -> int:
        """The seed of the run."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes a result, and returns what is known of it."""

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""


def before_and_after_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """The pictures before and after, and what was made beside them."""
    if not done:
        return []
    shown = about.shown(done)
    pairs = [(str(outcome.job.source), outcome.job.source, outcome.job.target) for outcome in shown]
    extremes = f", those with the lowest and highest {about.notable.replace('_', ' ')} first"
    caption = f"{len(shown)} of {len(done)} pictures{extremes}" if len(shown) < len(done) else "Before and after"
    sheets = [before_and_after(caption, pairs)]
    if beside := [path for outcome in shown for path in outcome.job.targets[1:]]:
        sheets.append(contact_sheet("Made beside them", [(str(path), path) for path in beside[:_SHOWN]]))
    return sheets


@dataclass(frozen=True)
class PictureReport:
    """What an application says of its report.

    Arguments:
        title: The headline.
        notable: The number of a picture whose extremes are shown first.
        weights: The files or folders of weights, by name; their SHA-256 goes into the report.
        packages: The further packages whose versions decide the pixels, by the names of their distributions.
        what: The word for the files.
        sheets: What is shown of those that are done.
    """

    title: str
    notable: str
    weights: Mapping[str, Path] = field(default_factory=dict)
    packages: Sequence[str] = ()
    what: str = "pictures"
    sheets: Callable[[PictureReport, Sequence[Outcome]], list[Sheet]] = before_and_after_sheets

    def digests(self) -> dict[str, str]:
        """The SHA-256 of the weights, by name."""
        return {name: sha256(path) for name, path in self.weights.items()}

    def shown(self, done: Sequence[Outcome]) -> list[Outcome]:
        """As many of the results as a person would look at: the extremes first, then others evenly."""
        values = LazySequence(lambda number: _numbers(done[number]).get(self.notable), range(len(done)))
        return [done[index] for index in spread(values, _SHOWN)]


def report_files(about: PictureReport, batch: Batch, process: FileProcess, result: BatchResult) -> dict[str, Any]:
    """Writes ``report.json`` and ``report.html`` into the folder of a batch, if it has one.

    What an earlier run has done counts as done, so that a run that was stopped and went on has the report of one that
    was not, but for times.

    Returns:
        The content of ``report.json``.

    Raises:
        OSError: A file cannot be read or written.
    """
    done = result.told
    report: dict[str, Any] = {
        about.what: len(result.outcomes),
        "failed": len(result.failed),
        "not_taken": dict(batch.left_out),
        "seconds": result.seconds,
        **process.settings,
    }
    content: dict[str, Any] = {
        "seed": process.seed,
        "digests": _digests(done, process.weights),
        "tables": list(_tables(about.what, done, result.failed, batch.folder)),
        "packages": about.packages,
    }
    if batch.folder is None:
        return complete_report(about.title, report, **content)
    return write_report(batch.folder, about.title, report, sheets=about.sheets(about, done), **content)


def _digests(done: Sequence[Outcome], weights: Mapping[str, str]) -> SortedMapping[str]:
    """The SHA-256 of the sources and of the weights, by their names."""
    known = list(weights.items())

    def named(number: int) -> tuple[str, str]:
        if number >= len(done):
            return known[number - len(done)]
        outcome = done[number]
        return str(outcome.job.source), str((outcome.result or {})["sha256"])

    digests = LazySequence(named, range(len(done) + len(known)))
    return SortedMapping(digests.map(lambda item: item[0]), digests.map(lambda item: item[1]))


def _tables(
    what: str, done: LazySequence[Outcome], failed: LazySequence[Outcome], folder: Path | None
) -> Iterator[Table]:
    one = what.removesuffix("s")
    if failed:
        yield Table("Failures", failed.map(lambda outcome: {one: str(outcome.job.source), "reason": outcome.error}))
    if not done:
        return
    columns = _columns(done)
    if summary := [column.summary(name) for name, column in columns.items() if column.values]:
        yield Table("Numbers", summary)
    yield Table(what.capitalize(), done.map(partial(_row, one, list(columns), folder)))


def _row(one: str, columns: Sequence[str], folder: Path | None, outcome: Outcome) -> dict[str, Any]:
    result, target = outcome.result or {}, outcome.job.target
    return {
        one: str(outcome.job.source),
        "result": target.name if folder is None else target.relative_to(folder).as_posix(),
        "size": result["size"],
        "new_size": result["new_size"],
        **{name: _numbers(outcome).get(name) for name in columns},
        "seconds": outcome.seconds,
        "left_out": result["left_out"] or None,
    }


@dataclass
class _Column:
    """The finite numbers of one name, eight bytes each; words have none."""

    values: array[float] = field(default_factory=lambda: array("d"))
    type: type[int | float] = int

    def add(self, value: Any) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.values.append(value)
            self.type = float if isinstance(value, float) else self.type

    def summary(self, name: str) -> dict[str, Any]:
        lowest, highest, median = min(self.values), max(self.values), statistics.median(self.values)
        n = len(self.values)  # the mean of two in the middle is no whole number
        median = self.type(median) if n % 2 else median
        return {"number": name, "n": n, "lowest": self.type(lowest), "median": median, "highest": self.type(highest)}


def _columns(done: Sequence[Outcome]) -> dict[str, _Column]:
    """The numbers of all files, by their names in the order in which they come."""
    columns: dict[str, _Column] = defaultdict(_Column)
    for outcome in done:
        for name, value in _numbers(outcome).items():
            columns[name].add(value)
    return columns


def _numbers(outcome: Outcome) -> Mapping[str, Any]:
    numbers: Mapping[str, Any] = (outcome.result or {})["numbers"]
    return numbers
