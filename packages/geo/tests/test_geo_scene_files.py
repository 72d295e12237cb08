"""A scene in samples, threads and other processes, and the files that it opens."""

from __future__ import annotations

import hashlib
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.windows import Window

from geo_files import numbers, write_raster
from nflows_geo.scene import OpenScene, Scene, open_scene, sample_spectra


def whole(scene: Scene) -> NDArray[np.float32]:
    return scene.read(Window(0, 0, scene.grid.width, scene.grid.height))


def test_a_sample_has_valid_spectra_only(tmp_path: Path) -> None:
    pixels = numbers(3).astype(np.float32)
    pixels[:, 5:] = np.nan
    sample = sample_spectra(open_scene(write_raster(tmp_path / "a.tif", pixels)), 0, 1000)
    expected = pixels[:, :5].reshape(3, -1).T
    assert sorted(sample.tolist()) == sorted(expected.tolist())


def test_all_nodata(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((2, 20, 30), np.uint16), nodata=0)
    with pytest.raises(ValueError, match=r"a\.tif: no pixel is valid: each is nodata"):
        sample_spectra(open_scene(path), 0, 10)


def test_a_scene_can_be_sent_to_another_process(tmp_path: Path) -> None:
    scene = open_scene(write_raster(tmp_path / "a.tif", numbers(3)))
    values = whole(scene)
    sent = pickle.loads(pickle.dumps(scene))
    assert sent == scene
    np.testing.assert_array_equal(whole(sent), values)
    with scene.opened() as opened:
        opened.read(scene.grid.window)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(opened)).read(scene.grid.window), values)


def test_threads_share_a_scene(tmp_path: Path) -> None:
    scene = open_scene(write_raster(tmp_path / "a.tif", numbers(3, 200, 300), compress="DEFLATE"))
    values = whole(scene)
    tiles = list(scene.grid.tiles(32))
    with scene.opened() as opened, ThreadPoolExecutor(4) as pool:
        for tile, block in zip(tiles, pool.map(lambda tile: opened.read(tile.core), tiles), strict=True):
            np.testing.assert_array_equal(block, values[:, *tile.core.toslices()])


def open_files(path: Path) -> int:
    """How often this process has a file open, as Linux tells."""
    return sum(Path(link).resolve() == path.resolve() for link in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
def test_every_thread_opens_a_file_once_and_all_are_closed(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(3, 200, 300))
    scene = open_scene(path)
    both = Barrier(2)

    def read(opened: OpenScene) -> int:
        both.wait(10)
        for tile in scene.grid.tiles(64):
            opened.read(tile.core)
        both.wait(10)
        return open_files(path)

    with ThreadPoolExecutor(2) as pool:
        with scene.opened() as opened:
            assert list(pool.map(read, [opened, opened])) == [2, 2]
        # The threads are still there.
        assert open_files(path) == 0
    whole(scene)
    assert open_files(path) == 0


def test_inputs_are_digested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(3))
    scene = open_scene(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert scene.digests == {"a.tif": digest}
    path.unlink()
    assert scene.digests == {"a.tif": digest}
    assert scene.sha256() == hashlib.sha256(digest.encode()).hexdigest()


@pytest.mark.real_data
def test_sistan(data_folder: Path) -> None:
    folder = data_folder / "geo" / "sistan"
    scene = open_scene(folder / "Sistan_Landsat8.tif")
    assert (len(scene.bands), scene.grid.width, scene.grid.height) == (6, 257, 289)
    values = whole(scene)
    assert np.isfinite(values).all()
    sample = sample_spectra(scene, 0, 20_000)
    standard_error = values.std((1, 2)) / math.sqrt(20_000)
    assert (np.abs(sample.mean(0) - values.mean((1, 2))) < 4 * standard_error).all()
    with pytest.raises(ValueError, match=r"2\.28 m west, 2\.84 m south"):
        open_scene([folder / "Sistan_Landsat8.tif", folder / "Sistan_Sentinel_Training.tif"])
