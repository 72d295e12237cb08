"""The curves of a training run, as CSV files that survive a kill and, if asked for, for TensorBoard."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from nflows_core.runtime.files import atomic_write

METRICS_FILE = "metrics.csv"
TEST_METRICS_FILE = "metrics_test.csv"


@dataclass(frozen=True)
class StepMetrics:
    """One update: a row of ``metrics.csv``.

    Arguments:
        step: Updates made, this one included.
        epoch: The epoch of this update, from 1.
        losses: The loss of each objective by its name, of the update's batches and by the weights before it.
        gradient_norms: The Euclidean norm of each objective's gradient, before clipping.
        learning_rate: The learning rate of this update.
        seconds: The time of training since the start, time between a stop and its resumption left out.
    """

    step: int
    epoch: int
    losses: Mapping[str, float]
    gradient_norms: Mapping[str, float]
    learning_rate: float
    seconds: float

    @property
    def loss(self) -> float:
        """The loss of the first objective."""
        return next(iter(self.losses.values()))

    def row(self) -> dict[str, float]:
        """The values by column; where there are several objectives, the columns of their norms begin with their names.

        Example:
            >>> StepMetrics(1, 1, {"bits_per_dim": 8.0}, {"bits_per_dim": 0.5}, 1e-3, 0.1).row()
            {'step': 1, 'epoch': 1, 'bits_per_dim': 8.0, 'gradient_norm': 0.5, 'learning_rate': 0.001, 'seconds': 0.1}
        """
        prefixes = {name: f"{name}_" if len(self.losses) > 1 else "" for name in self.losses}
        norms = {f"{prefixes[name]}gradient_norm": norm for name, norm in self.gradient_norms.items()}
        rest = {"learning_rate": self.learning_rate, "seconds": self.seconds}
        return {"step": self.step, "epoch": self.epoch, **self.losses, **norms, **rest}


@dataclass(frozen=True)
class TestMetrics:
    """A test, after an epoch: a row of ``metrics_test.csv``.

    Arguments:
        step: Updates made.
        epoch: Epochs done.
        values: The mean of each measure over the test data, by the averaged weights.
    """

    __test__ = False  # pytest takes every Test* for a test

    step: int
    epoch: int
    values: Mapping[str, float]

    def row(self) -> dict[str, float]:
        """The values by column."""
        return {"step": self.step, "epoch": self.epoch, **self.values}


class Curve:
    """A CSV file to which a run appends rows.

    Arguments:
        path: The file. Its rows beyond ``last_step`` are dropped: the run is about to make them again.
        columns: Names of the columns, "step" first.
        last_step: The last update whose row may stay; -1 starts an empty file.

    Raises:
        FileExistsError: The file has other columns, so it is not of this run.
    """

    def __init__(self, path: Path, columns: Sequence[str], last_step: int) -> None:
        _check_columns(path, columns)
        rows = _rows(path, len(columns), last_step) if last_step >= 0 and path.exists() else []
        with atomic_write(path, "w") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])
        self._file = path.open("a", newline="", encoding="utf-8")

    def append(self, values: Sequence[float]) -> None:
        """Writes one row, in the order of the columns; floats keep every digit."""
        self._file.write(",".join(map(repr, values)) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Waits until the rows are on the disk, so that no checkpoint is ahead of its curve."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_curve(path: str | Path, column: str) -> list[tuple[float, float]]:
    """The values of a column, each with its step."""
    path = Path(path)
    with path.open(newline="", encoding="utf-8") as file:
        return [(float(row["step"]), float(row[column])) for row in csv.DictReader(file)]


class Log:
    """The curves of a run; processes other than the main one write nothing, and none without a folder.

    Arguments:
        accelerator: The run's.
        folder: Where the files go, if anything is to be kept.
        examples: A row of each curve that the run writes, for the names of its columns.
        step: Updates made so far; -1 starts empty curves.
        tested_step: Updates made when the test data were evaluated last.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        folder: Path | None,
        examples: Sequence[StepMetrics | TestMetrics],
        step: int,
        tested_step: int,
    ) -> None:
        self._accelerator = accelerator
        self._curves: dict[type, Curve] = {}
        if folder is not None and accelerator.is_main_process:
            for example in examples:
                file, last = _FILES[type(example)], step if isinstance(example, StepMetrics) else tested_step
                self._curves[type(example)] = Curve(folder / file, list(example.row()), last)
        # TensorBoard hides what an earlier process logged from this step on.
        accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": step + 1}})

    def write(self, metrics: StepMetrics | TestMetrics) -> None:
        """Adds one row to its curve."""
        row = metrics.row()
        if type(metrics) in self._curves:
            self._curves[type(metrics)].append(list(row.values()))
        group = "train" if isinstance(metrics, StepMetrics) else "test"
        self._accelerator.log({f"{group}/{name}": value for name, value in row.items() if name != "step"}, metrics.step)

    def sync(self) -> None:
        """Waits until every row is on the disk."""
        for curve in self._curves.values():
            curve.sync()

    def close(self) -> None:
        """Closes every file."""
        for curve in self._curves.values():
            curve.close()
        for tracker in self._accelerator.trackers:
            tracker.finish()


_FILES = {StepMetrics: METRICS_FILE, TestMetrics: TEST_METRICS_FILE}


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        first = next(csv.reader(file), list(columns))
    if first != list(columns):
        raise FileExistsError(
            errno.EEXIST, f"it has the columns {', '.join(first)[:80]}, and is not of this run; move it", str(path)
        )


def _rows(path: Path, width: int, last_step: int) -> list[list[str]]:
    """The rows of updates up to ``last_step``; one that a kill cut short is of a later update."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [row for row in rows if len(row) == width and int(row[0]) <= last_step]
