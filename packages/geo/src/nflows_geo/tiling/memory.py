"""How large tiles may be, so that a process stays within its memory."""

from __future__ import annotations

import sys

# All of it is bounded from above: what benchmarks/bench_map.py measures as the peak of a process that draws ten bands
# on two cores (peak_memory_bytes in benchmarks/results/map-epyc-zen4-2-cores.json) lies below what these give for it.
_TAKEN = 600 * 2**20
"""Bytes that Python, its libraries, and what GDAL keeps of files take."""

_TORCH = 500 * 2**20
"""Bytes that torch takes, which only some methods load."""

_BYTES = 40
"""Bytes of a layer of a pixel: as read, blurred, without nodata, reduced, its square, and temporaries."""

SIDES = (1024, 512, 256, 128)
"""Sides of tiles: multiples of the blocks in which rasters are stored, so that few are decoded twice. Larger ones are
slower: their arrays no longer fit in the memory that is kept between two, and the system clears them anew;
``benchmarks/bench_map.py`` measures it, as draw_mpx_per_second."""


def tile_side(memory: int, layers: int, workers: int) -> int:
    """The side of the largest tiles with which this process stays within its memory, with what it has loaded.

    Arguments:
        memory: What the process may take, in bytes.
        layers: Layers of a tile that are in memory at once.
        workers: Threads that work on a tile each.

    Raises:
        ValueError: Not even the smallest tiles fit.
    """
    taken = _TAKEN + (_TORCH if "torch" in sys.modules else 0)
    for side in SIDES:
        if taken + workers * layers * _BYTES * side**2 <= memory:
            return side
    least = taken + workers * layers * _BYTES * SIDES[-1] ** 2
    raise ValueError(
        f"{layers} bands on {workers} cores need {least / 2**30:.1f} GiB of memory, more than {memory / 2**30:.1f}"
    )
