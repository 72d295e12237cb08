"""Arguments and output that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import click

from nflows_core.runtime.page import shown, words
from nflows_core.runtime.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rasterio.windows import Window

    from nflows_geo.labels.labels import Labels
    from nflows_geo.raster.grid import Grid, Tile
    from nflows_geo.scene.scene import Scene

REDUCTIONS = ("local-whitening", "pca", "whitened-pca", "autoencoder", "stacked-paper", "stacked-notebook", "flow")
SENSORS = ("landsat-8", "aster", "sentinel-2")
DETECTORS = ("flow", "rx", "isolation-forest")
CLUSTERINGS = ("k-means", "mini-batch", "gmm", "spectral", "ward")
METHODS = (*REDUCTIONS, "gmm")
"""Named here too, so that help need not load what they are made with; a test compares them."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class OutputFile(click.Path):
    """A file to be written, whose suffix must say what it is."""

    def __init__(self, *suffixes: str) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if path.suffix.lower() not in self.suffixes:
            self.fail(f"{path} must end in {' or '.join(self.suffixes)}", param, ctx)
        return path


class Names(click.ParamType):  # type: ignore[type-arg]
    """Several names, as ``B4,B3,B2``."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


def scene_options(command: _Function) -> _Function:
    """Gives a command the arguments of `opened`."""
    for decorator in reversed(
        (
            click.argument("scene", nargs=-1, required=True, type=click.Path(path_type=Path)),
            click.option("--grid", type=click.Path(path_type=Path), help="A raster whose pixels the scene takes."),
            click.option("--align", is_flag=True, help="Resample rasters whose grids do not match."),
            click.option(
                "--resampling",
                type=click.Choice(("nearest", "bilinear", "cubic")),
                default="nearest",
                show_default=True,
                help="How bands of other resolutions come onto the grid.",
            ),
            click.option(
                "--mask-clouds", is_flag=True, help="Leave out the clouds and shadows that the product marks."
            ),
            click.option(
                "--sensor", type=click.Choice(SENSORS), help="Of rasters that do not say what their bands are."
            ),
            click.option(
                "--bands",
                type=Names(),
                default=(),
                metavar="NAME,...",
                help="The sensor's names for the bands of the rasters, in their order; all of its bands if not given.",
            ),
        )
    ):
        command = decorator(command)
    return command


def labels_options(command: _Function) -> _Function:
    """Gives a command the arguments of `labels_on`."""
    for decorator in reversed(
        (
            click.option(
                "--labels",
                type=click.Path(path_type=Path),
                help="A raster of classes, or points, that the map is compared with; it is not learned from them.",
            ),
            click.option("--assume-crs", is_flag=True, help="Take labels without a CRS to be in the scene's."),
            click.option("--column", default="class", show_default=True, help="Of points, with their class."),
        )
    ):
        command = decorator(command)
    return command


def labels_on(grid: Grid, labels: Path | None, *, align: bool, assume_crs: bool, column: str) -> Labels | None:
    """The labels that the arguments of `labels_options` describe."""
    from nflows_geo.labels.labels import read_labels

    return None if labels is None else read_labels(labels, grid, align=align, assume_crs=assume_crs, column=column)


def recipe_options(command: _Function) -> _Function:
    """Gives a command the arguments of a `Recipe`."""
    for decorator in reversed(
        (
            reduction_option,
            clustering_option,
            units_option,
            click.option("--smooth/--no-smooth", default=True, show_default=True, help="By a 7 x 7 majority filter."),
            seed_option,
        )
    ):
        command = decorator(command)
    return command


class Memory(click.ParamType):  # type: ignore[type-arg]
    """So many bytes, as ``2GB`` or ``512MB``."""

    name = "memory"
    _UNITS: ClassVar = {"": 1, "MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(value))
        if found is None or found[2].upper() not in self._UNITS:
            self.fail(f"{value!r} is no amount of memory; give one such as 2GB", param, ctx)
        return int(float(found[1]) * self._UNITS[found[2].upper()])


reduction_option = click.option(
    "--reduction",
    type=click.Choice(REDUCTIONS),
    default=REDUCTIONS[0],
    show_default=True,
    help="Of spectra, before they are clustered.",
)
clustering_option = click.option(
    "--clustering", type=click.Choice(CLUSTERINGS), default=CLUSTERINGS[0], show_default=True
)
units_option = click.option(
    "--units", "-k", type=click.IntRange(2, 255), help="How many; if not given, where the elbow is."
)
memory_option = click.option(
    "--memory", type=Memory(), default="2GB", show_default=True, help="That the program may take, whatever the scene."
)
output_folder_option = click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="For the results."
)
rgb_option = click.option("--rgb", metavar="R,G,B", help="Three bands for the picture in false colour.")
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)


def opened(scene: Sequence[Path], grid: Path | None, *, dask: str | None = None, **options: Any) -> Scene:
    """The scene that the arguments of `scene_options` describe; by absolute paths for the workers of a cluster."""
    from nflows_geo.raster.files import open_raster
    from nflows_geo.raster.grid import grid_of
    from nflows_geo.scene.scene import open_scene

    scene = [path.absolute() for path in scene] if dask else scene
    if grid is None:
        return open_scene(scene, **options)
    with open_raster(grid) as dataset:
        target = grid_of(dataset)
    return open_scene(scene, grid=target, **options)


def refuse_overwriting(output: Path, inputs: Iterable[Path]) -> None:
    """Refuses an output that is one of the inputs, which are never changed."""
    if any(path.resolve() == output.resolve() for path in inputs):
        raise click.UsageError(f"{output} is an input; give another name")


def digests(files: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """The SHA-256 of files by their names, for a report."""
    from nflows_core.runtime.files import sha256

    return {name: {"sha256": sha256(path)} for name, path in files.items()}


def rows_of_tiles(
    blocks: Iterable[tuple[Tile, NDArray[np.float32]]], advance: Callable[[str], None]
) -> Iterator[tuple[Tile, NDArray[np.float32]]]:
    """The same blocks; says after each row of them how far the scene is read."""
    row = 0
    for tile, block in blocks:
        if tile.core.row_off != row:
            advance(f"{tile.core.row_off:,} lines of pixels")
            row = tile.core.row_off
        yield tile, block
    advance("all lines of pixels")


class _Part(Protocol):
    @property
    def window(self) -> Window: ...


_SomePart = TypeVar("_SomePart", bound=_Part)


def watched_tiles(parts: Iterable[_SomePart], total: int) -> Iterator[_SomePart]:
    """The same parts of a scene, one for each of so many tiles; says after each how far it is."""
    with progress("tiles", total) as advance:
        for part in parts:
            yield part
            advance(f"{part.window.row_off + part.window.height:,} lines of pixels")


def watched_blocks(blocks: Iterable[tuple[Window, NDArray[Any]]], total: int) -> Iterator[tuple[Window, NDArray[Any]]]:
    """The same blocks of a raster, one for each of so many tiles; says after each how far it is."""
    with progress("tiles", total) as advance:
        for window, block in blocks:
            yield window, block
            advance(f"{window.row_off + window.height:,} lines of pixels")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as text: numbers to the right, words to the left."""
    cells = [[words(key) for key in rows[0]], *([cell(value) for value in row.values()] for row in rows)]
    right = [isinstance(value, int | float) for value in rows[0].values()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        [
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ]
        for line in cells
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def cell(value: object) -> str:
    """A value in a table on a terminal."""
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1000 else shown(value)
