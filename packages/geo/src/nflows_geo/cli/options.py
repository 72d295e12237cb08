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
    from nflows_geo.figures import View
    from nflows_geo.labels import Labels
    from nflows_geo.mapping import UnitNames
    from nflows_geo.raster import Grid
    from nflows_geo.scene import Scene
    from nflows_geo.tiling import Part

REDUCTIONS = (
    "leading-pca", "local-whitening", "mnf", "ica",
    "pca", "whitened-pca", "autoencoder", "stacked-paper", "stacked-notebook", "flow",
)  # fmt: skip
SENSORS = ("landsat-4", "landsat-5", "landsat-7", "landsat-8", "landsat-9", "aster", "sentinel-2")
DETECTORS = ("flow", "rx", "isolation-forest")
CLUSTERINGS = ("gmm", "k-means", "mini-batch", "spectral", "ward")
METHODS = REDUCTIONS
"""Named here too, so that help need not load what they are made with; a test compares them."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Told = TypeVar("_Told")


class GeoCommand(Command):
    """A command that knows which other one helps."""

    def invoke(self, ctx: click.Context) -> Any:
        import rasterio

        # Without it GDAL prints warnings of its own, where every file is told in our words.
        with rasterio.Env():
            return super().invoke(ctx)

    def message(self, error: Exception) -> str:
        from nflows_geo.scene import NoValidPixelError

        advice = "; `nflows geo info` counts them by band" if isinstance(error, NoValidPixelError) else ""
        return super().message(error) + advice


class Names(click.ParamType):  # type: ignore[type-arg]
    """Several names, as ``B4,B3,B2``, or with blanks too, in quotes."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if not isinstance(value, str):
            return tuple(value)
        if value.rstrip().endswith(","):
            self.fail(f"{value!r} ends with a comma: write the names without blanks, or all of them in quotes")
        return tuple(name.strip() for name in value.split(",") if name.strip())


class SensorNames(Names):
    """Several names of a sensor, which have no blanks: these part them as well as commas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return tuple(word for name in super().convert(value, param, ctx) for word in name.split())


reduction_option = click.option(
    "--reduction",
    type=click.Choice(REDUCTIONS),
    default=REDUCTIONS[0],
    show_default=True,
    help="Of spectra, before they are clustered.",
)
clustering_option = click.option(
    "--clustering",
    type=click.Choice(CLUSTERINGS),
    callback=lambda context, parameter, value: value or "",
    help="Of what the reduction makes; if not given, gmm for leading-pca and mnf, k-means for the others.",
)
units_option = click.option(
    "--units", "-k", type=click.IntRange(2, 255), help="How many; if not given, where the elbow is."
)
min_pixels_option = click.option(
    "--min-pixels",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Polygons of fewer pixels become part of their largest neighbour; islands, which have none, stay.",
)
rgb_option = click.option(
    "--rgb", type=Names(), default=(), metavar="R,G,B", help="Three bands for the picture in false colour."
)
exclude_bands_option = click.option(
    "--exclude-bands",
    type=Names(),
    default=(),
    metavar="BAND,...",
    help="Bands that are left out, by name or by place in the raster, as B1, 1 or 9-12.",
)


names_option = click.option(
    "--names",
    type=click.Path(path_type=Path),
    help="What units are called: a CSV file with the columns unit and name, and if wanted colour, as #c8685a.",
)


def names_in(path: Path | None) -> UnitNames | None:
    """The names in the file of `names_option`; says what of it is not used."""
    from nflows_geo.mapping import read_names

    if path is None:
        return None
    names = read_names(path)
    for note in names.notes:
        echo(f"note: {note}", err=True)
    return names


def scene_options(command: _Function) -> _Function:
    """Gives a command the arguments of `opened`."""
    for decorator in reversed(
        (
            click.argument("paths", metavar="SCENE...", nargs=-1, required=True, type=click.Path(path_type=Path)),
            click.option(
                "--layer",
                "layers",
                multiple=True,
                metavar="NAME",
                help="Of files that hold several rasters, as netCDF, HDF5 and GeoPackages; repeatable.",
            ),
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
                type=SensorNames(),
                default=(),
                metavar="NAME,...",
                help="The sensor's names for the bands of the rasters, in their order; all of its bands if not given.",
            ),
            exclude_bands_option,
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


def file_of_labels(labels: Path | None) -> Path | None:
    """The file on the disk that labels lie in, for reports."""
    from nflows_geo.raster import address, file_of

    if labels is not None and address(labels):
        raise click.UsageError(f"labels are read from a file; download {address(labels)} and give that")
    return None if labels is None else file_of(labels)


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


def opened(
    paths: Sequence[Path],
    *,
    outputs: Iterable[Path] = (),
    labels: Path | None = None,
    dask: str | None = None,
    **options: Any,
) -> Scene:
    """The scene that the arguments of `scene_options` describe; by absolute paths for the workers of a cluster.

    Says what was left out of it, or taken for granted.

    Raises:
        FileExistsError: What will be written is read: by the scene, as its grid, or as labels.
    """
    from nflows_geo.raster import assumed_datum
    from nflows_geo.scene import open_scene, refuse_inputs

    scene = open_scene([_seen_by_all(path) for path in paths] if dask else list(paths), **options)
    refuse_inputs(outputs, scene, [options.get("grid"), labels])
    for notice in scene.notices:
        echo(f"note: {notice}", err=True)
    if scene.grid.crs is None:
        echo(f"note: {scene.name} has no CRS: places and areas are in pixels", err=True)
    for datum in {assumed_datum(placed.grid.crs, scene.grid.crs) for placed in scene.placed_bands} - {""}:
        echo(f"note: {scene.name}: a datum that is not said is taken to be {datum}", err=True)
    return scene


def _seen_by_all(path: Path) -> Path:
    """The path for the workers of a cluster, on other machines too."""
    from nflows_geo.raster import address, archive_of

    if archive := archive_of(path):
        raise click.UsageError(f"{archive} would be unpacked on this machine alone; unpack it where all workers see it")
    return path if address(path) else path.absolute()


def view_of(scene: Scene, rgb: Sequence[str]) -> View:
    """The pictures of a scene, in false colour by the bands that a person named, or by those of its sensor."""
    from nflows_geo.figures import View
    from nflows_geo.scene import find_bands

    names = [band.name for band in scene.bands]
    places = {band.index: band.name for band in scene.bands} if len({band.path for band in scene.bands}) == 1 else {}
    return View.of(scene.grid, names, find_bands(rgb, names, places))


def echo_doubts(number_of_units: Mapping[str, Any]) -> None:
    """Warns where the number of units, as `Elbow.describe` tells it, is not sure."""
    if doubts := number_of_units.get("doubts"):
        echo(
            f"the number of units, {number_of_units['k']}, is not sure: {'; '.join(doubts)}. "
            "Look at maps with others, by --units; the report has the stability of each",
            err=True,
        )


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
