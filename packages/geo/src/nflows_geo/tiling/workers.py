"""One function over many items at once, with the results in order and the memory bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from nflows_core.runtime.memory import keep_freed_memory

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Submit = Callable[..., Any]
"""Gives a worker a function and its arguments; returns a future."""

_AHEAD = 2
"""Items for each worker that are begun or wait for their turn: none is idle, and few results wait in memory."""


@dataclass(frozen=True)
class Workers:
    """Threads, or the cores of a cluster.

    Arguments:
        count: How many work at once.
        sharing: How many of them share the memory of one process.
        pool: Makes so many of them ready, until its block ends.
        is_own: Whether they are of this process, which decides how many of them work at once.
    """

    count: int
    sharing: int
    pool: Callable[[int], AbstractContextManager[_Submit]]
    is_own: bool = True

    def at_most(self, count: int) -> Workers:
        """The same, of which no more than so many work at once, if they are of this process."""
        return replace(self, count=min(count, self.count), sharing=count) if self.is_own else self

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """The results in the order of the items; no more than a few items are ahead of the last result taken.

        When it ends, for whatever reason, no thread still works on an item.
        """
        rest = iter(items)
        with self.pool(self.count) as submit:
            running = deque(submit(_call, function, item) for item in islice(rest, _AHEAD * self.count))
            try:
                while running:
                    yield running.popleft().result()
                    running.extend(submit(_call, function, item) for item in islice(rest, 1))
            finally:
                for future in running:
                    future.cancel()


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
        yield Workers(count, count, _threads)
    else:
        from nflows_core.runtime.cluster import connect

        with connect(dask) as client:
            threads = client.nthreads().values()
            # Dask itself lets libraries have one thread in its processes. Not pure: it would otherwise digest the
            # function and its arguments for every item.
            submit: _Submit = partial(client.submit, pure=False)
            yield Workers(sum(threads), max(threads), lambda count: nullcontext(submit), is_own=False)


@contextmanager
def _threads(count: int) -> Iterator[_Submit]:
    with ThreadPoolExecutor(count) as pool:
        yield pool.submit


def _call(function: Callable[[_Item], _Result], item: _Item) -> _Result:
    keep_freed_memory()
    return function(item)
