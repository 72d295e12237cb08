"""Arguments that several commands share, and what they describe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import seed_option
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_geo.labels import Labels
    from nflows_geo.raster import Grid
    from nflows_geo.scene import Scene
    from nflows_geo.tiling import Part

REDUCTIONS = ("local-whitening", "pca", "whitened-pca", "autoencoder", "stacked-paper", "stacked-notebook", "flow")
SENSORS = ("landsat-8", "aster", "sentinel-2")
DETECTORS = ("flow", "rx", "isolation-forest")
CLUSTERINGS = ("k-means", "mini-batch", "gmm", "spectral", "ward")
METHODS = (*REDUCTIONS, "gmm")
"""Named here too, so that help need not load what they are made with; a test compares them."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Told = TypeVar("_Told")


class GeoCommand(Command):
    """A command that knows which other one helps."""

    def message(self, error: Exception) -> str:
        from nflows_geo.scene import NoValidPixelError

        advice = "; `nflows geo info` counts them by band" if isinstance(error, NoValidPixelError) else ""
        return super().message(error) + advice


class Names(click.ParamType):  # type: ignore[type-arg]
    """Several names, as ``B4,B3,B2``."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


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
rgb_option = click.option(
    "--rgb", type=Names(), default=(), metavar="R,G,B", help="Three bands for the picture in false colour."
)


names_option = click.option(
    "--names",
    type=click.Path(path_type=Path),
    help="What units are called: a CSV file with the columns unit and name, and if wanted colour, as #c8685a.",
)


def scene_options(command: _Function) -> _Function:
    """Gives a command the arguments of `opened`."""
    for decorator in reversed(
        (
            click.argument("paths", metavar="SCENE...", nargs=-1, required=True, type=click.Path(path_type=Path)),
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
                help="A raster of classes, points or polygons: what the map is compared with, and not learned from.",
            ),
            click.option("--assume-crs", is_flag=True, help="Take labels without a CRS to be in the scene's."),
            click.option(
                "--column", default="class", show_default=True, help="Of points or polygons, with their class."
            ),
            click.option("--labels-layer", metavar="NAME", help="Of a file of labels that has several layers."),
        )
    ):
        command = decorator(command)
    return command


def labels_on(grid: Grid, labels: Path | None, **options: Any) -> Labels | None:
    """The labels that the arguments of `labels_options` describe; says what was left out of them."""
    from nflows_geo.labels import read_labels

    if labels is None:
        return None
    ground = read_labels(labels, grid, **options)
    for note in ground.notes:
        echo(note, err=True)
    return ground


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


def opened(paths: Sequence[Path], *, dask: str | None = None, **options: Any) -> Scene:
    """The scene that the arguments of `scene_options` describe; by absolute paths for the workers of a cluster."""
    from nflows_geo.raster import assumed_datum
    from nflows_geo.scene import open_scene

    scene = open_scene([path.absolute() for path in paths] if dask else list(paths), **options)
    if scene.grid.crs is None:
        echo(f"{scene.name} has no CRS: places and areas are in pixels", err=True)
    for datum in {assumed_datum(placed.grid.crs, scene.grid.crs) for placed in scene.placed_bands} - {""}:
        echo(f"{scene.name}: a datum that is not said is taken to be {datum}", err=True)
    return scene


def area_shown(report: Mapping[str, Any], prefix: str = "") -> str:
    """The area in a report, which is in pixels where nothing is known of the ground."""
    from nflows_geo.mapping import area_words

    unit, key = ("km²", "area_km2") if f"{prefix}area_km2" in report else ("pixels", "area_pixels")
    return area_words(report[f"{prefix}{key}"], unit)


def watched(parts: Iterable[Part[_Told]], total: int) -> Iterator[Part[_Told]]:
    """The same parts, one for each of so many tiles; says after each how far the work is."""
    with progress("tiles", total) as advance:
        for part in parts:
            yield part
            advance(f"{part.window.row_off + part.window.height:,} lines of pixels")
