"""The same model trained twice, on pictures as they were and on anonymised ones, and tested on the same real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import drawn_again, percentiles

Row = dict[str, Any]
REAL, ANONYMISED, DIFFERENCE = "real", "anonymised", "anonymised - real"


class Scores(Protocol):
    """What a trained model made of each picture of the test set, in one order."""

    @property
    def pictures(self) -> int:
        """How many pictures there are."""

    def metrics(self, chosen: NDArray[np.intp]) -> Mapping[str, float]:
        """The measures of the pictures of these indices as one set; NaN where one has no value."""


@dataclass(frozen=True)
class Compared:
    """A model trained on both, once for each seed.

    Arguments:
        model: What it is called.
        real: The scores of the models that were trained on real pictures, by seed.
        anonymised: Those of the models that were trained on anonymised ones.
    """

    model: str
    real: Sequence[Scores]
    anonymised: Sequence[Scores]

    def rows(self, seed: int, resamples: int = 1000) -> list[Row]:
        """Three rows: the measures of both, means over the seeds, and their difference, each with a 95 % interval.

        The intervals are of the choice of the test pictures, which are drawn again for both at once; that of the
        difference is therefore as narrow as pairs are. They know nothing of what another seed would have given: with
        several seeds, ``..._over_seeds`` is the standard deviation of that.

        Arguments:
            seed: The seed of the resampling.
            resamples: How often the test pictures are drawn again.
        """
        number = self.real[0].pictures
        names = list(self.real[0].metrics(np.arange(number)))
        groups = [self.real, self.anonymised]
        found = np.array([_values(group, np.arange(number)) for group in groups])
        drawn = [[_values(group, chosen) for group in groups] for chosen in drawn_again(number, seed, resamples)]
        means, means_drawn = found.mean(1), np.array(drawn).mean(2)  # (2, M) and (R, 2, M)
        tables = [(means[0], means_drawn[:, 0], found[0]), (means[1], means_drawn[:, 1], found[1])]
        tables.append((means[1] - means[0], means_drawn[:, 1] - means_drawn[:, 0], found[1] - found[0]))
        return [
            {"model": self.model, "trained_on": trained_on, **_cells(names, *table)}
            for trained_on, table in zip((REAL, ANONYMISED, DIFFERENCE), tables, strict=True)
        ]


def _values(group: Sequence[Scores], chosen: NDArray[np.intp]) -> list[list[float]]:
    """The measures by seed, :math:`(S, M)`."""
    return [list(one.metrics(chosen).values()) for one in group]


def _cells(
    names: Sequence[str],
    means: NDArray[np.float64],
    drawn: NDArray[np.float64],
    by_seed: NDArray[np.float64],
) -> Row:
    row: Row = {}
    for place, name in enumerate(names):
        interval = percentiles(drawn[:, place])
        row[name] = None if np.isnan(means[place]) else float(means[place])
        row[f"{name}_interval_95"] = None if interval is None else list(interval)
        if len(by_seed) > 1:
            row[f"{name}_over_seeds"] = float(by_seed[:, place].std(ddof=1))
    return row
