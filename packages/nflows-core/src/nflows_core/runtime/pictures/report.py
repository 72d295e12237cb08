"""What became of a batch of pictures: numbers of each, pictures before and after, and what failed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.batch import BatchResult
from nflows_core.runtime.files import sha256
from nflows_core.runtime.jobs import Batch, Job
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
        return [done[index] for index in spread([_numbers(outcome).get(self.notable) for outcome in done], _SHOWN)]


def report_files(about: PictureReport, batch: Batch, process: FileProcess, result: BatchResult) -> dict[str, Any]:
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
        about.what: len(result.outcomes),
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
        "tables": list(_tables(about.what, done, result.failed, batch.folder)),
        "packages": about.packages,
    }
    if batch.folder is None:
        return complete_report(about.title, report, **content)
    return write_report(batch.folder, about.title, report, sheets=about.sheets(about, done), **content)


def _tables(what: str, done: Sequence[Outcome], failed: Sequence[Outcome], folder: Path | None) -> Iterator[Table]:
    if failed:
        rows = [{what.removesuffix("s"): str(outcome.job.source), "reason": outcome.error} for outcome in failed]
        yield Table("Failures", rows)
    if not done:
        return
    columns = list(dict.fromkeys(name for outcome in done for name in _numbers(outcome)))
    if summary := [_summary(name, done) for name in columns if _values(name, done)]:
        yield Table("Numbers", summary)
    yield Table(
        what.capitalize(), [{what.removesuffix("s"): str(one.job.source), **_row(one, columns, folder)} for one in done]
    )


def _row(outcome: Outcome, columns: Sequence[str], folder: Path | None) -> dict[str, Any]:
    result, target = outcome.result or {}, outcome.job.target
    return {
        "result": target.name if folder is None else target.relative_to(folder).as_posix(),
        "size": result["size"],
        "new_size": result["new_size"],
        **{name: _numbers(outcome).get(name) for name in columns},
        "seconds": outcome.seconds,
        "left_out": result["left_out"] or None,
    }


def _summary(name: str, done: Sequence[Outcome]) -> dict[str, Any]:
    values = _values(name, done)
    told = {"lowest": min(values), "median": statistics.median(values), "highest": max(values)}
    return {"number": name, "n": len(values), **told}


def _values(name: str, done: Sequence[Outcome]) -> list[float]:
    """The finite numbers by that name; words have none."""
    values = (_numbers(outcome).get(name) for outcome in done)
    return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def _numbers(outcome: Outcome) -> Mapping[str, Any]:
    numbers: Mapping[str, Any] = (outcome.result or {})["numbers"]
    return numbers
