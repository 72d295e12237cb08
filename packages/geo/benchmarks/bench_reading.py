"""How fast a scene is read, sampled and written, beside rasterio that only reads the same numbers.

python bench_reading.py [--size 4096] [--json results/NAME.json]

A made-up scene of ten bands of 16 bits in several formats. The time is the processor's, of one thread. `read` gives
reflectance with NaN, `floor` is `DatasetReader.read` of the same windows without any of that, `sample` draws 100,000
spectra. JPEG 2000 is decoded at half of the bands' resolution or at all of it, as Sentinel-2 has it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

from nflows_core.runtime.report import machine
from nflows_geo.raster import Grid, write_cog
from nflows_geo.scene import Scene, open_scene, sample_pixels

BANDS, FINE_BANDS = 10, 4
FORMATS: dict[str, dict[str, Any]] = {
    "GeoTIFF, tiles": {"tiled": True, "blockxsize": 512, "blockysize": 512},
    "GeoTIFF, tiles, deflate": {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"},
    "GeoTIFF, lines": {},
    "GeoTIFF, lines, deflate, by pixel": {"compress": "deflate", "interleave": "pixel"},
}
_JP2 = {"driver": "JP2OpenJPEG", "QUALITY": 100, "REVERSIBLE": "YES", "BLOCKXSIZE": 1024, "BLOCKYSIZE": 1024}


def numbers(size: int, bands: int) -> NDArray[np.uint16]:
    """Smooth ground and some noise, which compresses about as well as a satellite's image."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(1500, 5000, (bands, size // 16 + 1, size // 16 + 1)).repeat(16, 1).repeat(16, 2)
    return (coarse[:, :size, :size] + generator.normal(0, 20, (bands, size, size))).astype(np.uint16)


def write(path: Path, pixels: NDArray[np.uint16], metres: float, **profile: Any) -> Path:
    bands, height, width = pixels.shape
    place = {"crs": "EPSG:32641", "transform": from_origin(3e5, 3.3e6, metres, metres), "nodata": 0}
    shape = {"width": width, "height": height, "count": bands, "dtype": "uint16"}
    with rasterio.open(path, "w", **{"driver": "GTiff", **place, **shape, **profile}) as file:
        file.write(pixels)
    return path


def scenes(folder: Path, size: int) -> Iterator[tuple[str, Scene]]:
    pixels = numbers(size, BANDS)
    for name, profile in FORMATS.items():
        yield name, open_scene(write(folder / "scene.tif", pixels, 10, **profile))
    paths = [
        write(folder / f"B{i}.jp2", pixels[i : i + 1, :: 1 + coarse, :: 1 + coarse], 10 * (1 + coarse), **_JP2)
        for i in range(BANDS)
        for coarse in [int(i >= FINE_BANDS)]
    ]
    yield "JPEG 2000, 4 bands fine, 6 coarse", open_scene(paths)


def megapixels_per_second(work: Callable[[], object], pixels: int) -> float:
    start = time.process_time()
    work()
    return pixels / (time.process_time() - start) / 1e6


def read_all(scene: Scene) -> None:
    for _ in scene.blocks():
        pass


def read_numbers(scene: Scene) -> None:
    for path in scene.inputs.values():
        with rasterio.open(path) as dataset:
            for tile in Grid(scene.grid.crs, dataset.transform, dataset.width, dataset.height).tiles(1024):
                dataset.read(window=tile.core)


def measure(name: str, scene: Scene) -> dict[str, Any]:
    # Each opens its files anew, so that none finds blocks that another has decoded.
    works: dict[str, Callable[[Scene], object]] = {
        "read": read_all,
        "floor": read_numbers,
        "sample": lambda one: sample_pixels(one.blocks(), one.grid.width, 100_000, 0),
    }
    rates = {key: megapixels_per_second(partial(work, scene), scene.grid.pixels) for key, work in works.items()}
    return {"format": name, **rates, "ratio": rates["read"] / rates["floor"]}


def measure_writing(folder: Path, size: int) -> float:
    grid = Grid(rasterio.CRS.from_epsg(32641), from_origin(3e5, 3.3e6, 10, 10), size, size)
    classes = (numbers(size, 1)[0] // 500).astype(np.uint8)

    def blocks() -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        for tile in grid.tiles(1024):
            yield tile.core, classes[tile.core.toslices()]

    target = folder / "map.tif"
    return megapixels_per_second(lambda: write_cog(target, grid, blocks(), dtype="uint8", nodata=0), grid.pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        read_all(open_scene(write(Path(folder, "first.tif"), numbers(64, BANDS), 10)))  # loads what is loaded once
        rows = [measure(name, scene) for name, scene in scenes(Path(folder), arguments.size)]
        writing = measure_writing(Path(folder), arguments.size)
    print(f"{'Mpx/s of ten bands':<36}{'read':>8}{'floor':>8}{'ratio':>8}{'sample':>8}")
    for row in rows:
        print(f"{row['format']:<36}" + "".join(f"{row[key]:>8.2f}" for key in ("read", "floor", "ratio", "sample")))
    print(f"a map of classes is written at {writing:.1f} Mpx/s")
    if arguments.json:
        conditions = {"size": arguments.size, "gdal": rasterio.__gdal_version__, "machine": machine()}
        results = {"rows": rows, "map_writing": writing, **conditions}
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
