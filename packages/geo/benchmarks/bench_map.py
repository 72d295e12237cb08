"""How fast a scene of the size of a Sentinel-2 tile is mapped, and in how much memory.

python bench_map.py [--size 10980] [--dask-workers 2] [--json results/NAME.json]

`nflows geo map` in a process of its own, on a made-up scene of ten bands of 16 bits. Drawing reads, maps and writes the
scene once the map is learned. Its floor, in the same run, reads the same bands and writes as large a map, and nothing
between. With --dask-workers a cluster of so many processes draws the scene too, and the bytes are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import Window

from nflows_core.runtime.files import sha256
from nflows_core.runtime.report import machine, versions
from nflows_geo.mapping import MAP_FILE
from nflows_geo.raster import grid_of, write_cog
from nflows_geo.raster.files import bounded_memory

BANDS, UNITS = 10, 8
_MAIN = "import sys; from nflows_core.runtime.cli import run; from nflows_geo.cli import geo; sys.exit(run(geo))"


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


def mapped(scene: Path, folder: Path, *options: str) -> dict[str, float]:
    """Seconds of the steps, and the peak memory of the process."""
    command = [sys.executable, "-c", _MAIN, "map", str(scene), "-o", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {status}")
    steps: dict[str, float] = json.loads((folder / "report.json").read_text())["seconds_by_step"]
    return {f"{step}_seconds": seconds for step, seconds in steps.items()} | {
        "peak_memory_bytes": usage.ru_maxrss * 1024
    }


def floor_seconds(scene: Path, folder: Path) -> float:
    start = time.perf_counter()
    with rasterio.open(scene) as dataset:
        grid = grid_of(dataset)

        def blocks() -> Iterator[tuple[Window, NDArray[np.uint8]]]:
            for tile in grid.tiles(1024):
                numbers = dataset.read(window=tile.core)
                yield tile.core, (numbers[0] // 1000 + 1).astype(np.uint8)

        write_cog(folder / "floor.tif", grid, blocks(), dtype="uint8", nodata=0)
    return time.perf_counter() - start


def on_a_cluster(scene: Path, folder: Path, workers: int) -> dict[str, float]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        return mapped(scene, folder, "--dask", cluster.scheduler_address)


def measured(size: int, workers: int) -> dict[str, Any]:
    # A process that is started counts the memory of the one that starts it as its own peak, so this one stays small.
    with bounded_memory(), TemporaryDirectory() as name, ProcessPoolExecutor(1) as writer:
        folder = Path(name)
        writer.submit(write_tile, folder / "tile.tif", size).result()
        floor = floor_seconds(folder / "tile.tif", folder)
        report: dict[str, Any] = {"size": size, "floor_seconds": floor} | mapped(folder / "tile.tif", folder / "here")
        report["draw_mpx_per_second"] = size**2 / 1e6 / report["draw_seconds"]
        report["draw_ratio_to_floor"] = report["draw_seconds"] / floor
        if workers:
            cluster = on_a_cluster(folder / "tile.tif", folder / "there", workers)
            same = sha256(folder / "here" / MAP_FILE) == sha256(folder / "there" / MAP_FILE)
            report["cluster"] = cluster | {"workers": workers, "same_bytes": same}
        return report | {"machine": machine(), "versions": versions()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_980)
    parser.add_argument("--dask-workers", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report = measured(arguments.size, arguments.dask_workers)
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
