"""The boundaries of units as lines, to be drawn over a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.patches import PathPatch

MOST_LINES = 40_000
"""Above so many, lines hide what they are drawn over, and make files of many megabytes."""


def boundaries(units: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The sides of pixels where the unit changes, put together to straight lines.

    Arguments:
        units: (H, W), 0 where nothing is known.

    Returns:
        (N, 2, 2): the column and row of both ends of each line, as corners of pixels; those along rows first.

    Example:
        >>> boundaries(np.array([[1, 1, 2], [1, 1, 1]], np.uint8)).tolist()
        [[[2, 1], [3, 1]], [[2, 0], [2, 1]]]
    """
    rows, starts, stops = _runs(units[1:] != units[:-1])
    along_rows = np.stack([np.stack([starts, rows], 1), np.stack([stops, rows], 1)], 1)
    columns, starts, stops = _runs((units[:, 1:] != units[:, :-1]).T)
    along_columns = np.stack([np.stack([columns, starts], 1), np.stack([columns, stops], 1)], 1)
    return np.concatenate([along_rows, along_columns])


def boundary_patch(
    lines: NDArray[np.int64],
    shape: tuple[int, int],
    extent: tuple[float, float, float, float],
    colour: str,
    width: float,
) -> PathPatch:
    """The lines as one path over a picture, (H, W), that is drawn over an extent of the ground; so many points wide."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    left, right, bottom, top = extent
    size = np.array([(right - left) / shape[1], (bottom - top) / shape[0]])
    places = (lines * size + (left, top)).reshape(-1, 2)
    codes = np.tile(np.array([Path.MOVETO, Path.LINETO], np.uint8), len(lines))
    return PathPatch(Path(places, codes), fill=False, edgecolor=colour, linewidth=width, capstyle="projecting")


def _runs(changes: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where changes lie side by side: the number of the line of pixels behind them, the first and one past the last."""
    steps = np.diff(np.pad(changes, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lines, starts = np.nonzero(steps == 1)
    return lines + 1, starts, np.nonzero(steps == -1)[1]
