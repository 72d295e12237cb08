"""A scene as one raster, and the tags that say where a raster is from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.raster.cog import write_cog
from nflows_geo.raster.grid import Tile
from nflows_geo.scene.products.raster import QUANTITY_TAG
from nflows_geo.scene.scene import Scene

PACKAGES = ("nflows-geo", "rasterio", "scikit-learn")
"""Whose versions decide the numbers of a report, beside those of nflows-core."""


def write_stack(
    scene: Scene, path: Path, blocks: Iterable[tuple[Tile, NDArray[np.float32]]], resampling: str = "nearest"
) -> int:
    """Writes the blocks of a scene, NaN where a pixel is not valid, with names and wavelengths of the bands.

    Arguments:
        scene: The scene.
        path: A GeoTIFF.
        blocks: Of the scene, without a margin.
        resampling: With which the scene was opened.

    Returns:
        The number of valid pixels.

    Raises:
        ValueError: No pixel is valid, and nothing is written.
    """
    valid = 0

    def counted() -> Iterator[tuple[Window, NDArray[np.float32]]]:
        nonlocal valid
        for tile, block in blocks:
            valid += int(np.isfinite(block[0]).sum())
            yield tile.core, block
        if not valid:
            raise ValueError(f"{scene.name} has no valid pixel; `nflows geo info` counts them by band")

    write_cog(
        path,
        scene.grid,
        counted(),
        dtype="float32",
        bands=[band.name for band in scene.bands],
        nodata=np.nan,
        tags=provenance(scene, f"stack, {resampling}") | {QUANTITY_TAG: scene.quantity},
        wavelengths_nm=[band.wavelength_nm for band in scene.bands],
    )
    return valid


def provenance(scene: Scene, method: str, seed: int | None = None) -> dict[str, str]:
    """Tags of a raster that was made from a scene: method, seed, version and the digest of the inputs."""
    tags = {"METHOD": method, "SOFTWARE": f"nflows-geo {_version()}", "INPUT_SHA256": scene.sha256()}
    return tags if seed is None else tags | {"SEED": str(seed)}


def _version() -> str:
    try:
        return version("nflows-geo")
    except PackageNotFoundError:
        return "(not installed)"
