"""A made-up scene of the size of a Sentinel-2 tile: 10,980 x 10,980 pixels, ten bands of 16 bits.

python make_tile.py scene.tif
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

BANDS, UNITS = 10, 8


def strips(size: int, height: int) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """Units as wavy bodies, each of its own spectrum, in changing light and with noise."""
    random = np.random.default_rng(0)
    spectra = random.uniform(800, 5000, (UNITS, BANDS)).astype(np.float32)
    columns = np.arange(size, dtype=np.float32)
    for top in range(0, size, height):
        rows = np.arange(top, min(size, top + height), dtype=np.float32)[:, None]
        field = np.sin(columns / 700 + np.sin(rows / 500)) + np.sin(rows / 900 + columns / 1300)
        units = ((field + 2) / 4 * UNITS).astype(np.int8).clip(0, UNITS - 1)
        light = 0.8 + 0.2 * np.sin(columns / 31) * np.sin(rows / 37)
        noise = random.standard_normal((BANDS, *units.shape), np.float32) * 40
        yield top, (spectra.T[:, units] * light + noise).clip(1, 65534).astype(np.uint16)


def write_tile(path: Path, size: int = 10_980) -> None:
    """Writes the scene as a tiled GeoTIFF."""
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": BANDS, "width": size, "height": size, "nodata": 0,
        "crs": "EPSG:32641", "transform": from_origin(300_000, 3_300_000, 10, 10),
        "tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "band", "BIGTIFF": "YES",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as scene:
        for top, strip in strips(size, 512):
            scene.write(strip, window=Window(0, top, size, strip.shape[1]))


if __name__ == "__main__":
    write_tile(Path(sys.argv[1]))
