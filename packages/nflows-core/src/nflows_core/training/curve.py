"""The curves of a training run, as CSV files that survive a kill and, if asked for, for TensorBoard."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
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
        epoch: Counted from 1.
        bits_per_dim: Of the update's images, by the weights before it.
        gradient_norm: Euclidean, before clipping.
        learning_rate: Of this update.
        seconds: Spent in training since the start, time between a stop and its resumption left out.
    """

    step: int
    epoch: int
    bits_per_dim: float
    gradient_norm: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class TestMetrics:
    """The test images after an epoch: a row of ``metrics_test.csv``.

    Arguments:
        step: Updates made.
        epoch: Epochs done.
        bits_per_dim: Of the test images, by the averaged weights.
    """

    __test__ = False  # pytest takes every Test* for a test

    step: int
    epoch: int
    bits_per_dim: float


class Curve:
    """A CSV file to which a run appends rows.

    Arguments:
        path: The file. Its rows beyond ``last_step`` are dropped: the run is about to make them again.
        columns: Names of the columns, "step" first.
        last_step: The last update whose row may stay; -1 starts an empty file.
    """

    def __init__(self, path: Path, columns: Sequence[str], last_step: int) -> None:
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


def read_curve(path: Path, column: str) -> list[tuple[float, float]]:
    """The values of a column, each with its step."""
    with path.open(newline="", encoding="utf-8") as file:
        return [(float(row["step"]), float(row[column])) for row in csv.DictReader(file)]


class Log:
    """The curves of a run; processes other than the main one write nothing.

    Arguments:
        accelerator: Of the run.
        folder: Where the files go.
        step: Updates made so far; -1 starts empty curves.
        tested_step: Updates made when the test images were evaluated last.
    """

    def __init__(self, accelerator: Accelerator, folder: Path, step: int, tested_step: int) -> None:
        self._accelerator = accelerator
        self._curves: dict[type, Curve] = {}
        if accelerator.is_main_process:
            self._open(StepMetrics, folder / METRICS_FILE, step)
            self._open(TestMetrics, folder / TEST_METRICS_FILE, tested_step)
        # TensorBoard hides what an earlier process logged from this step on.
        accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": step + 1}})

    def write(self, metrics: StepMetrics | TestMetrics) -> None:
        """Adds one row to its curve."""
        if self._accelerator.is_main_process:
            self._curves[type(metrics)].append(astuple(metrics))
        group = "train" if isinstance(metrics, StepMetrics) else "test"
        values = {f"{group}/{name}": value for name, value in asdict(metrics).items() if name != "step"}
        self._accelerator.log(values, step=metrics.step)

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

    def _open(self, row: type[StepMetrics | TestMetrics], path: Path, last_step: int) -> None:
        self._curves[row] = Curve(path, [field.name for field in fields(row)], last_step)


def _rows(path: Path, width: int, last_step: int) -> list[list[str]]:
    """The rows of updates up to ``last_step``; one that a kill cut short is of a later update."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [row for row in rows if len(row) == width and int(row[0]) <= last_step]
