"""Blocks of pictures, none of which may be divided, shared out so that every part has its share of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MISSING = 1e3  # what a part without a class costs, more than any deviation
_WORK = 2**18  # numbers of a table that all attempts together may look at in one step
_SHAKEN = 0.2  # of the blocks, before each new attempt
_LEAST_GAIN = 1e-12

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def assign(table: NDArray[np.int64], shares: Floats, seed: int = 0) -> Places:
    r"""The part of each block, such that the parts come near to their shares of every class.

    With :math:`n_{pc}` pictures of class c in part p, of :math:`N_c`, and the share :math:`w_p` asked for, small is

    .. math:: \sum_p \sum_c \frac{1}{w_p} \left(\frac{n_{pc}}{N_c} - w_p\right)^2

    and, before that, the number of parts that lack a class. The largest blocks are placed first, each where it costs
    least (as scikit-learn's ``StratifiedGroupKFold`` does, for equal shares); single blocks then move as long as that
    helps, and the best of several attempts, each begun from the best one shaken, is kept. No class weighs more than
    another, however large.

    Arguments:
        table: The pictures of each block and class, :math:`(B, C)`; every class has some.
        shares: The share of each part, :math:`(P,)`; their sum is 1.
        seed: The seed of the order among equals and of the attempts.

    Returns:
        The number of the part of each block, :math:`(B,)`.
    """
    generator = np.random.default_rng(seed)
    relative = table / table.sum(0)
    best = _improved(relative, shares, _placed(relative, shares, generator))
    lowest = _cost(_sums(relative, best, len(shares)), shares).sum()
    for _ in range(min(50, _WORK // table.size)):
        shaken = best.copy()
        some = generator.random(len(table)) < _SHAKEN
        shaken[some] = generator.integers(len(shares), size=int(some.sum()))
        other = _improved(relative, shares, shaken)
        cost = _cost(_sums(relative, other, len(shares)), shares).sum()
        if cost < lowest - _LEAST_GAIN:
            best, lowest = other, cost
    return best


def _placed(relative: Floats, shares: Floats, generator: np.random.Generator) -> Places:
    """Every block, the largest first, where it costs least."""
    size = relative.sum(1)
    parts, sums = np.zeros(len(relative), np.intp), np.zeros((len(shares), relative.shape[1]))
    for block in np.lexsort((generator.random(len(size)), -size)):
        grown = _cost(sums + relative[block], shares) - _cost(sums, shares)
        cheapest = np.flatnonzero(grown <= grown.min() + _LEAST_GAIN)
        parts[block] = part = generator.choice(cheapest)
        sums[part] += relative[block]
    return parts


def _improved(relative: Floats, shares: Floats, parts: Places) -> Places:
    """Moves the block that gains most to where it does, until none gains."""
    blocks = np.arange(len(relative))
    while True:
        sums = _sums(relative, parts, len(shares))
        before = _cost(sums, shares)
        left = _cost(sums[parts] - relative, shares[parts]) - before[parts]
        gained = _cost(sums + relative[:, None], shares) - before + left[:, None]
        gained[blocks, parts] = 0
        block, part = np.unravel_index(gained.argmin(), gained.shape)
        if gained[block, part] > -_LEAST_GAIN:
            return parts
        parts[block] = part


def _sums(relative: Floats, parts: Places, count: int) -> Floats:
    sums = np.zeros((count, relative.shape[1]))
    np.add.at(sums, parts, relative)
    return sums


def _cost(sums: Floats, shares: Floats) -> Floats:
    """What each part costs, by its shares of the classes, :math:`(..., P, C)`."""
    missing = _MISSING * (sums < _LEAST_GAIN).sum(-1)
    cost: Floats = missing + (np.square(sums - shares[:, None]) / shares[:, None]).sum(-1)
    return cost
