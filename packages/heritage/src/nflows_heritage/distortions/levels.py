"""How strong a distortion is: levels from 1 to 5, and what a distortion makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVELS = (1, 2, 3, 4, 5)
"""The whole levels; those between them are allowed too."""


def at_level(level: float, values: Sequence[float]) -> float:
    """The value of a parameter at a level, between the given ones along a line.

    Arguments:
        level: The level, 1 to 5.
        values: The values at the five whole levels.
    """
    return float(np.interp(level, LEVELS, values))
