"""A raster worked on tile by tile: every map, score and raster of components is drawn by this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.raster import Grid, Tile
from nflows_geo.tiling.memory import share
from nflows_geo.tiling.threads import one_thread
from nflows_geo.tiling.workers import Workers, workers

_Told = TypeVar("_Told")


@dataclass(frozen=True)
class Part(Generic[_Told]):
    """What came of a tile.

    Arguments:
        window: The tile without its margin.
        block: What goes to the disk, :math:`(H, W)` or :math:`(C, H, W)`.
        told: What else became known of the tile.
    """

    window: Window
    block: NDArray[Any]
    told: _Told


Work = Callable[[Tile, NDArray[Any]], Part[_Told]]
"""Makes the part of a tile from what was read in its padded window."""


class Watch(Protocol):
    """Passes parts on, of which there will be so many, to see how far the work is."""

    def __call__(self, parts: Iterable[Part[_Told]], total: int) -> Iterator[Part[_Told]]: ...


class Opened(Protocol):
    """A source whose files are open; several threads may read it at once."""

    def read(self, window: Window) -> NDArray[Any]:
        """The pixels of a window, :math:`(H, W)` or :math:`(C, H, W)`."""
        ...


class Source(Protocol):
    """What is worked on: a scene, or a map."""

    @property
    def grid(self) -> Grid:
        """Where its pixels lie."""
        ...

    def opened(self) -> AbstractContextManager[Opened]:
        """Its files, open until the block ends."""
        ...


def unwatched(parts: Iterable[Part[_Told]], total: int) -> Iterator[Part[_Told]]:
    """The same parts, of which nobody is told."""
    yield from parts


@dataclass(frozen=True)
class Tiling:
    """How a raster is worked on; what comes of it does not depend on this.

    Arguments:
        memory: What a process may take, in bytes; it decides how large tiles are, and how many are worked on at once.
        side: The side of a tile in pixels, whatever the memory.
        dask: The address of a Dask scheduler whose workers do the work; the threads of this process if not given.
        watch: Sees how far the work is.

    Example:
        >>> from nflows_geo import Recipe, Tiling, map_scene, open_scene
        >>> scene, recipe = open_scene(Path("scene.tif")), Recipe(units=3)
        >>> for name, tiling in (("a", Tiling(side=16)), ("b", Tiling(memory=4 * 10**9))):
        ...     report = map_scene(scene, recipe, Path(name), tiling=tiling)
        >>> Path("a/map.tif").read_bytes() == Path("b/map.tif").read_bytes()
        True
    """

    memory: int = 2 * 10**9
    side: int | None = None
    dask: str | None = None
    watch: Watch = unwatched

    @contextmanager
    def started(self) -> Iterator[Run]:
        """The workers, at hand until the block ends.

        Raises:
            CommandError: No scheduler answers.
            ModuleNotFoundError: Dask is not installed.
        """
        with workers(self.dask) as staff:
            yield Run(self, staff)


@dataclass(frozen=True)
class Run:
    """Workers that are ready.

    Arguments:
        tiling: How they work.
        workers: The threads or cores.
    """

    tiling: Tiling
    workers: Workers

    def parts(self, source: Source, work: Work[_Told], *, layers: int, margin: int = 0) -> Iterator[Part[_Told]]:
        """The parts of all tiles, in the order of the grid.

        Arguments:
            source: What is read.
            work: What is done with a tile; for a cluster, it and its results can be pickled.
            layers: How many layers of a tile are in memory at once, those that are read and those that are made.
            margin: Pixels around a tile that are read with it.

        Raises:
            ValueError: The memory is too little for the smallest tile.
        """
        side, staff = self.tiling.side, self.workers
        if side is None:
            found = share(self.tiling.memory, layers, staff.sharing, margin, fewer=staff.is_own)
            side, staff = found.side, staff.at_most(found.workers)
        return self.tiling.watch(_worked(staff, source, work, side, margin), source.grid.tile_count(side))


def _worked(staff: Workers, source: Source, work: Work[_Told], side: int, margin: int) -> Iterator[Part[_Told]]:
    with one_thread(), source.opened() as opened:
        yield from staff.map(partial(_part, opened, work), source.grid.tiles(side, margin))


def _part(opened: Opened, work: Work[_Told], tile: Tile) -> Part[_Told]:
    return work(tile, opened.read(tile.padded))


def gathered(
    parts: Iterable[Part[_Told]], gather: Callable[[Part[_Told]], None] = lambda part: None
) -> Iterator[tuple[Window, NDArray[Any]]]:
    """The blocks of parts, for the disk, each after its part was gathered."""
    for part in parts:
        gather(part)
        yield part.window, part.block
