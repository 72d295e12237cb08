"""The same model trained twice, on pictures as they were and on anonymised ones, and tested on the same real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import drawn_again, percentiles

Row = dict[str, Any]
REAL = "real"


class Scores(Protocol):
    """What a trained model made of each picture of the test set, in one order."""

    @property
    def pictures(self) -> int:
        """How many pictures there are."""

    def metrics(self, chosen: NDArray[np.intp]) -> Mapping[str, float]:
        """The measures of the pictures of these indices as one set; NaN where one has no value."""


@dataclass(frozen=True)
class Compared:
    """A model trained on real pictures and on anonymised ones, once for each seed.

    Arguments:
        model: What it is called.
        real: The scores of the models that were trained on real pictures, by seed.
        anonymised: Those of the models that were trained on anonymised ones, by how these are called.
    """

    model: str
    real: Sequence[Scores]
    anonymised: Mapping[str, Sequence[Scores]]

    def rows(self, seed: int, resamples: int = 1000) -> list[Row]:
        """The measures of all, means over the seeds, and the differences to the real ones, with 95 % intervals.

        The intervals are of the choice of the test pictures, which are drawn again for all at once; that of a
        difference is therefore as narrow as pairs are. They know nothing of what another seed would have given: with
        several seeds, ``..._over_seeds`` is the standard deviation of that.

        Arguments:
            seed: The seed of the resampling.
            resamples: How often the test pictures are drawn again.
        """
        names = list(self.real[0].metrics(np.arange(1)))
        real, *others = (_Table.of(group, seed, resamples) for group in (self.real, *self.anonymised.values()))
        rows = [self._row(REAL, names, real)]
        for name, table in zip(self.anonymised, others, strict=True):
            rows.append(self._row(name, names, table))
            rows.append(self._row(f"{name} - {REAL}", names, table.less(real)))
        return rows

    def _row(self, trained_on: str, names: Sequence[str], table: _Table) -> Row:
        return {"model": self.model, "trained_on": trained_on, **table.cells(names)}


@dataclass(frozen=True)
class _Table:
    """M measures of S models on all test pictures, :math:`(S, M)`, and their means on R resamples, :math:`(R, M)`."""

    found: NDArray[np.float64]
    drawn: NDArray[np.float64]

    @classmethod
    def of(cls, group: Sequence[Scores], seed: int, resamples: int) -> _Table:
        number = group[0].pictures
        draws = drawn_again(number, seed, resamples)
        means = [np.mean(_values(group, chosen), axis=0) for chosen in draws]
        return cls(_values(group, np.arange(number)), np.array(means))

    def less(self, other: _Table) -> _Table:
        return _Table(self.found - other.found, self.drawn - other.drawn)

    def cells(self, names: Sequence[str]) -> Row:
        row: Row = {}
        for name, values, drawn in zip(names, self.found.T, self.drawn.T, strict=True):
            interval = percentiles(drawn)
            row[name] = None if np.isnan(values).any() else float(values.mean())
            row[f"{name}_interval_95"] = None if interval is None else list(interval)
            if len(values) > 1:
                row[f"{name}_over_seeds"] = float(values.std(ddof=1))
        return row


def _values(group: Sequence[Scores], chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.array([list(one.metrics(chosen).values()) for one in group])
