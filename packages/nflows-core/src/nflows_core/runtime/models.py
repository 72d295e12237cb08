"""Models in memory: loading one takes longer than much of what is done with it, and two may not fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar

S = TypeVar("S")
M = TypeVar("M")


def keeps_one(load: Callable[[S], M]) -> Callable[[S], M]:
    """Keeps the model that a function has loaded last, for all threads of a process.

    Threads that want a model at the same time, as those of a Dask worker do, wait for the one that loads it. Before a
    model of other settings is loaded, the one that was kept is let go.

    Arguments:
        load: The function, of settings that have a hash.

    Example:
        >>> loads = []
        >>> @keeps_one
        ... def model(size: int) -> list[int]:
        ...     loads.append(size)
        ...     return [0] * size
        >>> model(2) is model(2), model(3), loads
        (True, [0, 0, 0], [2, 3])
    """
    lock = Lock()
    kept: dict[S, M] = {}

    @wraps(load)
    def get(settings: S) -> M:
        with lock:
            if settings not in kept:
                kept.clear()
                kept[settings] = load(settings)
            return kept[settings]

    return get
