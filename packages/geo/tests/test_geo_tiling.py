"""The engine of tiles."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier, Event, Lock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.windows import Window
from threadpoolctl import threadpool_info

from geo_files import make_grid
from nflows_geo.raster import Grid, Tile
from nflows_geo.tiling import Part, Tiling, gathered, one_thread
from nflows_geo.tiling.memory import Share, share
from nflows_geo.tiling.workers import workers

HEIGHT, WIDTH = 23, 37


@dataclass
class Numbers:
    """Pixels that are numbers, and whether they can be read."""

    pixels: NDArray[np.int64]
    is_open: bool = False

    @property
    def grid(self) -> Grid:
        return make_grid(*self.pixels.shape[::-1])

    @contextmanager
    def opened(self) -> Iterator[Numbers]:
        self.is_open = True
        yield self
        self.is_open = False

    def read(self, window: Window) -> NDArray[np.int64]:
        assert self.is_open
        return self.pixels[window.toslices()]


def numbers() -> Numbers:
    return Numbers(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH))


def smallest_around(tile: Tile, padded: NDArray[np.int64]) -> Part[int]:
    """What depends on the margin: the smallest number within a pixel."""
    wide = np.pad(padded, 1, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).min((2, 3))
    return Part(tile.core, tile.crop(least), int(tile.core.width * tile.core.height))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40))
def test_what_is_drawn_does_not_depend_on_the_tiles(side: int) -> None:
    source, drawn, pixels = numbers(), np.full((HEIGHT, WIDTH), -1), []
    with Tiling(side=side).started() as run:
        parts = run.parts(source, smallest_around, layers=1, margin=1)
        for window, block in gathered(parts, lambda part: pixels.append(part.told)):
            drawn[window.toslices()] = block
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    np.testing.assert_array_equal(drawn, source.pixels[np.maximum(rows - 1, 0), np.maximum(columns - 1, 0)])
    assert sum(pixels) == HEIGHT * WIDTH
    assert not source.is_open


def test_parts_come_in_order_and_whoever_watches_knows_how_many() -> None:
    totals: list[int] = []

    def watch(parts: Iterable[Part[int]], total: int) -> Iterator[Part[int]]:
        totals.append(total)
        yield from parts

    source = numbers()
    with Tiling(side=10, watch=watch).started() as run:
        windows = [part.window for part in run.parts(source, smallest_around, layers=1)]
    assert windows == [tile.core for tile in source.grid.tiles(10)]
    assert totals == [len(windows)] == [12]


def test_memory_that_is_too_little_is_told_before_anything_is_read() -> None:
    source = numbers()
    with Tiling(memory=10**8).started() as run, pytest.raises(ValueError, match=r"GiB of memory, more than 0\.09"):
        run.parts(source, smallest_around, layers=10)
    assert not source.is_open


def needed(found: Share, layers: int, margin: int = 0) -> int:
    """What so many tiles take beside the process itself, by what a layer of a pixel takes."""
    return found.workers * layers * 40 * (found.side + 2 * margin) ** 2


LOADED = (600 + 500) * 2**20
"""What a process with torch takes."""


@given(st.integers(1, 600), st.integers(1, 256), st.integers(0, 2**36), st.integers(0, 12))
def test_tiles_stay_within_the_memory_and_are_refused_only_if_the_smallest_does_not_fit(
    layers: int, count: int, room: int, margin: int
) -> None:
    if room < needed(Share(64, 1), layers, margin):
        with pytest.raises(ValueError, match="on 1 core need"):
            share(LOADED + room, layers, count, margin)
    else:
        found = share(LOADED + room, layers, count, margin)
        assert 1 <= found.workers <= count
        assert needed(found, layers, margin) <= room


@pytest.mark.parametrize(
    ("layers", "count", "room", "expected"),
    [
        (10, 2, 10**9, Share(1024, 2)),
        (10, 2, 5 * 10**8, Share(512, 2)),
        (10, 64, 1_500_000_000, Share(256, 57)),
        (285, 2, 1_500_000_000, Share(256, 2)),
        (285, 2, 1_000_000_000, Share(256, 1)),
        (285, 64, 1_400_000_000, Share(64, 29)),
        (285, 1, 200_000_000, Share(128, 1)),
    ],
)
def test_many_cores_or_bands_take_fewer_threads_or_smaller_tiles(
    layers: int, count: int, room: int, expected: Share
) -> None:
    assert share(LOADED + room, layers, count) == expected


def test_of_a_cluster_no_thread_can_be_left_out() -> None:
    room = 285 * 40 * 64**2 * 16
    assert share(LOADED + room, 285, 16, fewer=False) == Share(64, 16)
    with pytest.raises(ValueError, match="on 16 cores need"):
        share(LOADED + room - 1, 285, 16, fewer=False)


def test_no_more_threads_work_at_once_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    lock, working, most = Lock(), 0, 0

    def count(tile: Tile, padded: NDArray[np.int64]) -> Part[int]:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.01)
        with lock:
            working -= 1
        return smallest_around(tile, padded)

    source = Numbers(np.arange(300 * 300).reshape(300, 300))
    with Tiling(memory=LOADED + 3 * 500 * 40 * 66**2).started() as run:
        parts = list(run.parts(source, count, layers=500, margin=1))
    assert sum(part.told for part in parts) == 300 * 300
    assert len(parts) == 25
    assert most <= 3


def test_no_thread_works_on_after_the_end() -> None:
    working, ends = set[int](), Event()
    lock = Lock()

    def work(item: int) -> int:
        with lock:
            working.add(item)
        if item:
            ends.wait(10)
            time.sleep(0.05)
        with lock:
            working.discard(item)
        return item

    with workers() as staff:
        results = staff.map(work, range(100))
        assert next(results) == 0
        ends.set()
        results.close()
        assert not working


def test_an_error_in_a_tile_is_that_of_the_run() -> None:
    def fail(tile: Tile, padded: NDArray[np.int64]) -> Part[None]:
        if tile.core.row_off:
            raise ValueError("the second row of tiles")
        return Part(tile.core, padded, None)

    with Tiling(side=10).started() as run, pytest.raises(ValueError, match="the second row"):
        list(run.parts(numbers(), fail, layers=1))


# Threads of libraries


def library_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_threads_of_libraries_are_limited_until_the_last_block_ends() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    both = Barrier(2)

    def first() -> None:
        with one_thread():
            both.wait(10)
            both.wait(10)

    def second() -> int:
        both.wait(10)
        with one_thread():
            both.wait(10)
            one.result(10)
            # The first block, which set the limits, has ended; this one has not.
            return torch.get_num_threads()

    try:
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(first)
            assert pool.submit(second).result(10) == 1
        assert torch.get_num_threads() == 2
        with one_thread():
            assert torch.get_num_threads() == 1
            assert library_threads() == {1}
    finally:
        torch.set_num_threads(before)


def test_torch_has_one_thread_in_every_worker() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def count(tile: Tile, padded: NDArray[np.int64]) -> Part[int]:
        return Part(tile.core, padded, torch.get_num_threads())

    try:
        with Tiling(side=5).started() as run:
            assert {part.told for part in run.parts(numbers(), count, layers=1)} == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
