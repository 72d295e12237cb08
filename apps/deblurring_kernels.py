"""Kernels of blurs that run one way: built in, and from a file.

Taps are :math:`(k_h, k_w)`, the one on the pixel itself first, and their sum is 1: light is neither made nor lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Taps = NDArray[np.float64]

_LAST = 0.05
"""What is left of the light at the last tap of a lag."""
_GHOST = 0.6
"""The light of an echo for one of the picture."""


def lag(length: int) -> Taps:
    """A sensor that forgets slowly while it is read along the row: exponential decay to a twentieth."""
    return _LAST ** (np.arange(length) / (length - 1))[None]


def echo(length: int) -> Taps:
    """A ghost, as of a second exposure or a reflection, the last pixels away along the row."""
    return np.eye(1, length) + _GHOST * np.eye(1, length, length - 1)


def half_gaussian(length: int) -> Taps:
    """In both directions one side of a Gaussian, of which a third of the length is the standard deviation."""
    one = np.exp(-4.5 * (np.arange(length) / length) ** 2)
    return np.outer(one, one)


def motion(length: int) -> Taps:
    """Uniform motion along the row: all taps are equal."""
    return np.ones((1, length))


def box(length: int) -> Taps:
    """A square of equal taps."""
    return np.ones((length, length))


def gaussian(length: int) -> Taps:
    """A whole Gaussian moved into the corner, of which a sixth of the length is the standard deviation."""
    one = np.exp(-18 * ((np.arange(length) - (length - 1) / 2) / length) ** 2)
    return np.outer(one, one)


KERNELS: Mapping[str, Callable[[int], Taps]] = {
    "echo": echo,
    "lag": lag,
    "half-gaussian": half_gaussian,
    "motion": motion,
    "box": box,
    "gaussian": gaussian,
}
"""The kernels that are built in, the best behaved first, by their length in pixels."""


def kernel(name: str, length: int) -> Taps:
    """A kernel that is built in.

    Raises:
        ValueError: The length is below 2.
    """
    if length < 2:
        raise ValueError(f"length: a kernel of {length} taps blurs nothing; give 2 or more")
    return _checked(KERNELS[name](length), name)


def read_kernel(path: Path) -> Taps:
    """The kernel in a text file: a line for each row of taps, with commas or spaces between them.

    The first number is the tap on the pixel itself; the number in row i and column j, counted from 0, is the share of
    the light from i rows above and j columns to the left. They are divided by their sum.

    Raises:
        ValueError: The file holds no kernel of a blur, or one that cannot be inverted.
        OSError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark before the first number
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no text in UTF-8; expected a line of numbers for each row of taps") from error
    lines = text.replace(",", " ").splitlines()
    try:
        taps = np.array([[float(number) for number in line.split()] for line in lines if line.strip()])
    except ValueError as error:
        raise ValueError(f"{path}: expected rows of as many numbers each ({error})") from error
    return _checked(np.atleast_2d(taps), str(path))


def find_kernel(name: str, length: int) -> Taps:
    """The kernel that is built in under a name, by its length, or that in the file of this name."""
    if name in KERNELS:
        return kernel(name, length)
    if not Path(name).is_file():
        raise ValueError(f"kernel: {name!r} is none of {', '.join(KERNELS)}, and no file of taps")
    return read_kernel(Path(name))


def _checked(taps: Taps, name: str) -> Taps:
    if not taps.size:
        raise ValueError(f"{name}: holds no taps; give a line of numbers for each row")
    if (wrong := taps[~(np.isfinite(taps) & (taps >= 0))]).size:
        raise ValueError(f"{name}: a blur has taps of 0 or more, and finite ones; found {wrong[0]}")
    taps = taps / (taps.max() or 1)  # whose sum is finite
    if taps[0, 0] == 0:
        raise ValueError(
            f"{name}: the first tap, on the pixel itself, is 0, so the blur has no exact inverse; leave out what only "
            "moves the picture, rows and columns of zeros at the top and left, or take a blur that runs one way"
        )
    return np.asarray(taps / taps.sum())
