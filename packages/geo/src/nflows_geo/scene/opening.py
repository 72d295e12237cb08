"""Product folders and rasters opened as one scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nflows_geo.raster import Grid, GridMismatchError, finest, grid_of, is_reachable, open_raster
from nflows_geo.scene.bands import WIDE_TYPES, Band, Layer, Product
from nflows_geo.scene.layers import RESAMPLINGS, Placed
from nflows_geo.scene.naming import find_bands, unique
from nflows_geo.scene.precision import require_precision
from nflows_geo.scene.products import read_product
from nflows_geo.scene.scene import Scene
from nflows_geo.scene.sensors import label_bands
from nflows_geo.scene.stretches import stretches_of
from nflows_geo.scene.unsaid import without_unsaid


def open_scene(
    paths: Path | Sequence[Path],
    *,
    grid: Grid | Path | None = None,
    align: bool = False,
    resampling: str = "nearest",
    layers: Sequence[str] = (),
    mask_clouds: bool = False,
    sensor: str | None = None,
    bands: Sequence[str] = (),
    exclude_bands: Sequence[str] = (),
) -> Scene:
    """Opens product folders or rasters as one scene.

    The bands of a product may have any grids of one CRS: who made it has registered them. Rasters must nest, each pixel
    a whole number of the finest ones and corner on corner, unless they are to be resampled.

    Arguments:
        paths: One product folder or raster, or several; see `read_product`.
        grid: The grid of the scene, or a raster that has it; the finest of all bands if not given.
        align: Resample rasters that lie elsewhere, or in another CRS.
        resampling: One of `RESAMPLINGS`; masks are always resampled by the nearest.
        layers: Names of the rasters that are taken of files that hold several, as netCDF, HDF5 and GeoPackages do.
        mask_clouds: Leave out the clouds and shadows that a product's own mask shows.
        sensor: The sensor of rasters that do not say what their bands are; see `label_bands`.
        bands: Names of the sensor's bands, in the order of the rasters.
        exclude_bands: Bands that are left out, by their names or their places in the raster; see `find_bands`.

    Raises:
        GridMismatchError: The grids do not fit.
        ValueError: A path is no raster or product, or lies nowhere; or the names are not of the sensor's bands, or of
            those of a product, which says itself what they are.

    Example:
        >>> from nflows_geo import open_scene
        >>> scene = open_scene(Path("scene.tif"), sensor="sentinel-2", bands=["B2", "B4", "B8", "B12"])
        >>> [band.title for band in scene.bands]
        ['blue', 'red', 'near infrared', 'shortwave infrared 2']
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    if not paths:
        raise ValueError("a scene needs at least one product folder or raster")
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise ValueError(f"{twice} is given twice; its bands would count twice")
    if resampling not in RESAMPLINGS:
        raise ValueError(f"resampling must be one of {', '.join(RESAMPLINGS)}, got {resampling!r}")
    paths = [path / name for path in paths for name in layers] if layers else paths
    products = [read_product(path, mask_clouds, exclude_bands) for path in paths]
    named = _labelled(products, sensor, bands) if sensor or bands else _named(products, paths)
    kept, notices = _kept(products, named, exclude_bands)
    placed_bands = tuple(Placed(band, _grid(band), resampling) for band in kept)
    masks = tuple(Placed(mask, _grid(mask)) for product in products for mask in product.masks)
    if isinstance(grid, Path):
        with open_raster(grid) as dataset:
            grid = grid_of(dataset)
    target = grid or finest([placed.grid for placed in placed_bands])
    registered = grid is not None or (len(products) == 1 and products[0].registered)
    _check(placed_bands, target, registered, align)
    scene = Scene(
        " + ".join(product.name for product in products),
        " + ".join(dict.fromkeys(product.quantity for product in products)),
        target,
        placed_bands,
        masks,
        tuple(path for product in products for path in product.metadata),
        notices=(*(words for product in products for words in product.notices), *notices),
    )
    if not any(product.registered for product in products):
        return without_unsaid(scene)
    if wide := [placed for placed, band in zip(placed_bands, kept, strict=True) if band.dtype in WIDE_TYPES]:
        require_precision([band for band in kept if band.dtype in WIDE_TYPES], stretches_of(wide).all)
    return scene


def _kept(products: Sequence[Product], named: Sequence[Band], exclude: Sequence[str]) -> tuple[list[Band], list[str]]:
    """The bands that are neither left out on request nor called bad by their files, and what is to be said of that."""
    names = [band.name for band in named]
    places = {} if any(product.registered for product in products) else dict(enumerate(names, 1))
    # What a product leaves out itself is known to it, and gone already.
    excluded = find_bands(exclude, [*names, *(name for product in products for name in product.left_out)], places)
    bad = [band.name for band in named if band.bad and band.name not in excluded]
    kept = [band for band in named if band.name not in (*excluded, *bad)]
    if not kept:
        raise ValueError(f"no band is left of {', '.join(product.name for product in products)}; leave out fewer")
    return kept, [f"left out, as the file calls them bad (bbl): {', '.join(bad)}"] if bad else []


def _check(bands: Sequence[Placed], target: Grid, registered: bool, align: bool) -> None:
    reference = next((placed.layer.path.name for placed in bands if placed.grid == target), "the grid that was given")
    for placed in bands:
        if align and is_reachable(placed.grid.crs, target.crs) and placed.grid.overlaps(target):
            continue
        same_place = placed.grid.same_system(target) and placed.grid.overlaps(target)
        if not (same_place and (registered or placed.grid.factor(target))):
            raise GridMismatchError(placed.layer.path.name, placed.grid, reference, target)


def _named(products: Sequence[Product], paths: Sequence[Path]) -> list[Band]:
    """The bands of all products, each by its own name; where several have the same, the path's goes before it."""
    of_products = Counter(name for product in products for name in {band.name for band in product.bands})
    bands = [
        band if of_products[band.name] == 1 else replace(band, name=f"{path.stem}:{band.name}")
        for product, path in zip(products, paths, strict=True)
        for band in product.bands
    ]
    return [replace(band, name=name) for band, name in zip(bands, unique([b.name for b in bands]), strict=True)]


def _labelled(products: Sequence[Product], sensor: str | None, names: Sequence[str]) -> list[Band]:
    """The bands of rasters, called as those of a sensor."""
    if sensor is None:
        raise ValueError(f"`bands` {','.join(names)} needs `sensor`, whose bands these are")
    if told := next((product.name for product in products if product.registered), None):
        raise ValueError(f"{told} says itself what its bands are; leave `sensor` and `bands` out")
    return label_bands([band for product in products for band in product.bands], sensor, names)


def _grid(layer: Layer) -> Grid:
    with open_raster(layer.path) as dataset:
        return grid_of(dataset)
