"""One function over many tiles at once, with the results in order and the memory bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from nflows_core.runtime.memory import keep_freed_memory

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 2
"""Items for each worker that are begun or wait for their turn: none is idle, and few results wait in memory."""


@dataclass(frozen=True)
class Workers:
    """Threads, or the cores of a cluster.

    Arguments:
        count: How many work at once.
        sharing: How many of them share the memory of one process.
        submit: Gives one of them a function and its arguments; returns a future.
    """

    count: int
    sharing: int
    submit: Callable[..., Any]

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """The results in the order of the items; no more than a few items are ahead of the last result taken."""
        rest = iter(items)
        running = deque(self.submit(_call, function, item) for item in islice(rest, _AHEAD * self.count))
        try:
            while running:
                yield running.popleft().result()
                running.extend(self.submit(_call, function, item) for item in islice(rest, 1))
        finally:
            for future in running:
                future.cancel()


def _call(function: Callable[[_Item], _Result], item: _Item) -> _Result:
    keep_freed_memory()
    return function(item)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps NumPy and scikit-learn from threads of their own."""
    # Only libraries that are loaded can be told.
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def workers(dask: str | None = None) -> Iterator[Workers]:
    """The cores of this machine, or of a Dask cluster.

    Arguments:
        dask: The address of a scheduler, as ``tcp://host:8786``; its workers see the files under the same paths.

    Raises:
        CommandError: No scheduler answers.
        ModuleNotFoundError: Dask is not installed.
    """
    if dask is None:
        count = os.cpu_count() or 1
        with ThreadPoolExecutor(count) as pool:
            yield Workers(count, count, pool.submit)
    else:
        from nflows_core.runtime.cluster import connect

        with connect(dask) as client:
            threads = client.nthreads().values()
            # Not pure: Dask would otherwise digest the function and its arguments for every tile.
            yield Workers(sum(threads), max(threads), partial(client.submit, pure=False))
