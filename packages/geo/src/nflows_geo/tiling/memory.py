"""How large tiles may be, so that a process stays within its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

# All of it is bounded from above: what benchmarks/bench_map.py measures as the peak of a process that draws ten bands
# on two cores (peak_memory_bytes in benchmarks/results/map-epyc-zen4-2-cores.json) lies below what these give for it.
_TAKEN = 600 * 2**20
"""Bytes that Python, its libraries, and what GDAL keeps of files take."""

_TORCH = 500 * 2**20
"""Bytes that torch takes, which only some methods load."""

_BYTES = 40
"""Bytes of a layer of a pixel: as read, blurred, without nodata, reduced, its square, and temporaries."""

SIDES = (1024, 512, 256)
"""Sides of tiles: multiples of the blocks in which rasters are stored, so that few are decoded twice. Larger ones are
slower: their arrays no longer fit in the memory that is kept between two, and the system clears them anew;
``benchmarks/bench_map.py`` measures it, as draw_mpx_per_second."""

SMALL_SIDES = (128, 64)
"""Sides for rasters of hundreds of bands, where larger tiles do not fit; they decode what is stored several times."""


@dataclass(frozen=True)
class Share:
    """How memory is shared out.

    Arguments:
        side: The side of a tile in pixels.
        workers: Threads of a process that work on a tile each.
    """

    side: int
    workers: int


def share(memory: int, layers: int, workers: int, margin: int = 0, *, fewer: bool = True) -> Share:
    """The largest tiles with which this process stays within its memory, with what it has loaded.

    All threads work while tiles of a side of ``SIDES`` fit for them; else half of them are enough, a quarter and so on,
    at any side.

    Arguments:
        memory: What the process may take, in bytes.
        layers: Layers of a tile that are in memory at once.
        workers: Threads that may work on a tile each.
        margin: Pixels around a tile that are read with it.
        fewer: Whether threads may be left out.

    Raises:
        ValueError: Not even the smallest tile of one thread fits, or of all if none may be left out.
    """
    taken = _TAKEN + (_TORCH if "torch" in sys.modules else 0)
    tiles = {side: layers * _BYTES * (side + 2 * margin) ** 2 for side in (*SIDES, *SMALL_SIDES)}
    for enough, sides in _choices(workers, fewer):
        for side in sides:
            fitting = min(workers, (memory - taken) // tiles[side])
            if fitting >= enough:
                return Share(side, fitting)
    threads = 1 if fewer else workers
    least = taken + threads * tiles[SMALL_SIDES[-1]]
    raise ValueError(
        f"tiles of {layers} layers on {threads} {'core' if threads == 1 else 'cores'} need {least / 2**30:.2f} GiB of "
        f"memory, more than {memory / 2**30:.2f}; give more `memory`"
    )


def _choices(workers: int, fewer: bool) -> Iterator[tuple[int, tuple[int, ...]]]:
    """How many threads are enough, and the sides of tiles for them, the best first."""
    yield workers, SIDES if fewer else SIDES + SMALL_SIDES
    while fewer and workers:
        yield workers if workers == 1 else workers // 2, SIDES + SMALL_SIDES
        workers //= 2
