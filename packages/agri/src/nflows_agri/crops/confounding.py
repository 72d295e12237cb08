r"""How well the photograph alone tells the class.

Where each photograph holds one class, a network can learn the photograph, its light and its ground, instead of the
class; a test on crops of the same photographs does not notice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_core.data import LabelledFiles


@dataclass(frozen=True)
class Confounding:
    """How class and photograph go together.

    Arguments:
        groups: The number of photographs.
        groups_of_one_class: The number of them that hold one class only.
        cramers_v: The association from 0, none, to 1, where the photograph tells the class, corrected for chance.
        accuracy: The share of things whose class the other things on their photograph tell, by majority.
        chance: The share of the largest class.
    """

    groups: int
    groups_of_one_class: int
    cramers_v: float
    accuracy: float
    chance: float

    @property
    def is_strong(self) -> bool:
        """Whether half of what chance leaves open is told by the photograph."""
        return self.groups > 1 and self.accuracy > (1 + self.chance) / 2

    def __str__(self) -> str:
        return (
            f"class and photograph are confounded: {self.groups_of_one_class} of {self.groups} photographs hold one "
            f"class only, and the photograph alone tells the class of {self.accuracy:.1%} of the things, where the "
            f"largest class is {self.chance:.1%} of them (Cramér's V {self.cramers_v:.2f}); a split that divides "
            "photographs would reward this"
        )


def confounding(files: LabelledFiles) -> Confounding:
    """How class and photograph go together in a data set of at least one file; views of one thing count once."""
    things = {(file.group, file.item, file.label) for file in files.files}
    counts = Counter((group, label) for group, _, label in things)
    table = np.array([[counts[group, label] for label in files.classes] for group in sorted(set(files.groups))])
    return Confounding(
        groups=len(table),
        groups_of_one_class=int(((table > 0).sum(1) == 1).sum()),
        cramers_v=cramers_v(table),
        accuracy=_left_out(table),
        chance=float(table.sum(0).max() / table.sum()),
    )


def cramers_v(table: NDArray[np.int64]) -> float:
    r"""Cramér's V of a table of counts, corrected for its bias.

    .. math:: \tilde V = \sqrt{\frac{\max(0, \chi^2 / n - (r - 1)(c - 1) / (n - 1))}{\min(\tilde r, \tilde c) - 1}}
        \qquad \tilde r = r - \frac{(r - 1)^2}{n - 1} \qquad \tilde c = c - \frac{(c - 1)^2}{n - 1}

    Source: W. Bergsma, *A bias-correction for Cramér's V and Tschuprow's T*, Journal of the Korean Statistical Society
    42, 2013.

    Arguments:
        table: The counts, :math:`(r, c)`.

    Returns:
        The association from 0 to 1; 0 where it cannot be told, as of one row.
    """
    table = table[table.any(1)][:, table.any(0)]
    n, (rows, columns) = int(table.sum()), table.shape
    if n < 2:
        return 0.0
    expected = table.sum(1, keepdims=True) * table.sum(0) / n
    chi = float((np.square(table - expected) / expected).sum()) / n
    low = min(side - (side - 1) ** 2 / (n - 1) for side in (rows, columns))
    excess = max(0.0, chi - (rows - 1) * (columns - 1) / (n - 1))
    return float(min(1.0, np.sqrt(excess / (low - 1)))) if low > 1 else 0.0


def _left_out(table: NDArray[np.int64]) -> float:
    """The share told by the majority of the others on the same photograph; one alone, or in a tie, is not told."""
    own = table.max(1, keepdims=True)
    others = np.where(table == own, -1, table).max(1)
    others = np.where((table == own).sum(1) > 1, own[:, 0], others)
    told = np.where(own[:, 0] - 1 > np.maximum(others, 0), own[:, 0], 0)
    return float(told.sum() / table.sum())
