from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from geo_files import make_grid
from nflows_geo.raster import Grid, write_cog

COLOURS = {1: (200, 30, 40), 2: (20, 130, 90), 3: (30, 60, 180)}


def in_blocks(values: NDArray[Any], grid: Grid, size: int = 128) -> Iterator[tuple[Window, NDArray[Any]]]:
    for tile in grid.tiles(size):
        yield tile.core, values[..., *tile.core.toslices()]


def classes(height: int = 700, width: int = 900) -> NDArray[np.uint8]:
    return (
        np.random.default_rng(0)
        .integers(0, 4, (height // 20, width // 20))
        .astype(np.uint8)
        .repeat(20, 0)
        .repeat(20, 1)
    )


def write_classes(path: Path, values: NDArray[np.uint8], size: int = 128) -> Path:
    grid = make_grid(*values.shape[::-1])
    tags = {"METHOD": "k-means", "SEED": 7, "INPUT_SHA256": "ab"}
    write_cog(path, grid, in_blocks(values, grid, size), dtype="uint8", nodata=0, colours=COLOURS, tags=tags)
    return path


def test_classes_come_back(tmp_path: Path) -> None:
    values = classes()
    with rasterio.open(write_classes(tmp_path / "map.tif", values)) as dataset:
        assert np.array_equal(dataset.read(1), values)
        assert (dataset.crs.to_epsg(), dataset.transform, dataset.nodata) == (32641, make_grid().transform, 0)
        assert {value: colour[:3] for value, colour in dataset.colormap(1).items() if value in COLOURS} == COLOURS
        assert dataset.tags() | {"METHOD": "k-means", "SEED": "7", "INPUT_SHA256": "ab"} == dataset.tags()
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.overviews(1) == [2]
        overview = dataset.read(1, out_shape=(350, 450))
    # The most frequent of four pixels of the same class is that class.
    assert np.array_equal(overview, values[::2, ::2])


def test_measurements_come_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 600, 520)).astype(np.float32)
    values[:, 100:200, 50:60] = np.nan
    grid = make_grid(520, 600)
    write_cog(
        tmp_path / "a.tif",
        grid,
        in_blocks(values, grid),
        dtype="float32",
        bands=["B2", "B3"],
        nodata=np.nan,
        wavelengths_nm=[492.4, None],
    )
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
        assert dataset.descriptions == ("B2", "B3")
        assert math.isnan(dataset.nodata)
        assert dataset.tags(1, ns="IMAGERY") == {"CENTRAL_WAVELENGTH_UM": "0.4924"}
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        overview = dataset.read(1, out_shape=(300, 260))
    np.testing.assert_allclose(overview[0, 0], values[0, :2, :2].mean(), rtol=1e-5)
    assert np.isnan(overview[50:100, 25:30]).all()


def test_the_same_blocks_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [write_classes(tmp_path / f"{size}.tif", classes(), size) for size in (64, 128, 1000)]
    assert len({path.read_bytes() for path in paths}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1000.tif", "128.tif", "64.tif"]


def test_blocks_that_do_not_cover_the_grid(tmp_path: Path) -> None:
    grid = make_grid(30, 20)
    blocks = list(in_blocks(np.ones((20, 30), np.uint8), grid, 10))[:-1]
    with pytest.raises(ValueError, match="the blocks have 500 pixels, but the raster 600"):
        write_cog(tmp_path / "a.tif", grid, blocks, dtype="uint8")
    assert list(tmp_path.iterdir()) == []


def test_an_error_between_blocks_leaves_the_old_map(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        yield Window(0, 0, 30, 10), np.ones((10, 30), np.uint8)
        raise KeyboardInterrupt

    path = write_classes(tmp_path / "map.tif", classes())
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_cog(path, make_grid(30, 20), failing(), dtype="uint8")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_cog(tmp_path / "nowhere" / "a.tif", make_grid(), [], dtype="uint8")


KILLED = """
    import os, signal, sys
    import numpy as np
    from rasterio.crs import CRS
    from rasterio.transform import from_origin
    from nflows_geo.raster import Grid
    from nflows_geo.raster import write_cog

    grid = Grid(CRS.from_epsg(32641), from_origin(0, 2000, 1, 1), 2000, 2000)
    tiles = list(grid.tiles(500))

    def blocks():
        for index, tile in enumerate(tiles):
            if index == len(tiles) // 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield tile.core, np.ones((500, 500), np.uint8)

    write_cog(sys.argv[1], grid, blocks(), dtype="uint8")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("exists", [False, True])
def test_a_killed_run_leaves_no_half_written_map(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "map.tif"
    before = write_classes(path, classes(100, 100)).read_bytes() if exists else None
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(path)], env=_environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    assert (path.read_bytes() if path.exists() else None) == before


def _environment() -> dict[str, str]:
    """With the packages where this process has them."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
