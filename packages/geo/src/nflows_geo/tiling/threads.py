"""How many threads numerical libraries use beside our own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


class _Limits:
    """What is limited while somebody is inside of `one_thread`, in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.limits_torch = False
        self.undo = ExitStack()

    def enter(self) -> None:
        with self.lock:
            self.inside += 1
            loaded = "torch" in sys.modules
            if self.inside == 1 or loaded > self.limits_torch:
                self._limit(loaded)

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.limits_torch = False
                self.undo.close()

    def _limit(self, torch_is_loaded: bool) -> None:
        # Only libraries that are loaded can be told.
        import sklearn.cluster  # noqa: F401
        from threadpoolctl import threadpool_limits

        if torch_is_loaded:
            import torch

            self.undo.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
            self.limits_torch = True
        self.undo.enter_context(threadpool_limits(1))


_LIMITS = _Limits()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps NumPy, scikit-learn and torch from threads of their own, in the whole process.

    Tiles have a thread each, and those that libraries would add to each would wait for one another. Alone, they add
    sums up in any order, so that the same seed would give other numbers.

    Blocks may lie within each other and overlap in several threads: the first sets the limits and the last lifts them.
    Where torch is loaded within a block, another block within it limits torch too.
    """
    _LIMITS.enter()
    try:
        yield
    finally:
        _LIMITS.leave()
