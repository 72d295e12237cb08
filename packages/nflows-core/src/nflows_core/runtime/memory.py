"""The memory that work on large arrays takes, frees and takes again, and what says that there is none left."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_ONE_GIB = 2**30
_OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "STATUS_ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, of the machine or of a device; each library says so in its own way."""
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return known or (isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY))


@cache
def keep_freed_memory() -> None:
    """Lets the C library keep the memory of one update, or tile, for the next one.

    glibc gives large blocks back to the system as they are freed, and the next update has every page of them mapped
    and zeroed again: a large part of an update's time on a CPU, and more of a tile's in a Dask worker, which is told to
    give back all it can.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _ONE_GIB)
        mallopt(_M_TRIM_THRESHOLD, _ONE_GIB)


def give_back_freed_memory() -> None:
    """Gives the memory that was kept back to the system, for work of another kind."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
