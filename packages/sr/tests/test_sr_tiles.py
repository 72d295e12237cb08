from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nflows_core.runtime.images import Picture, PictureFile, write_picture
from nflows_core.runtime.pictures.samples import to_pixels
from nflows_sr.degradations.transparency import filled
from nflows_sr.engines import Bicubic, Engine, EngineSettings, NetworkEngine
from nflows_sr.upscaling import enlarging, tiling_of

NETWORK = EngineSettings("network", device="cpu")


def network(channels: int = 3, scale: int = 2) -> NetworkEngine:
    """Two convolutions of 3 x 3 of random weights, and pixels shuffled."""
    torch.manual_seed(0)
    layers = nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, channels * scale**2, 3, padding=1)
    return NetworkEngine(nn.Sequential(*layers, nn.PixelShuffle(scale)), scale, 2, channels, NETWORK)  # type: ignore[arg-type]


class Grainy(Engine):
    """Adds the noise to grey."""

    scale, margin, noise = 1, 0, 1

    def __call__(self, tile: Tensor) -> Tensor:
        return tile[:-1] + tile[-1:]


class Greedy(Engine):
    """Runs out of memory above a size of tiles, as a device or the machine does."""

    def __init__(self, engine: Engine, most: int, error: Callable[[], Exception]) -> None:
        self.scale, self.margin = engine.scale, engine.margin
        self._engine, self._most, self._error = engine, most, error

    def __call__(self, tile: Tensor) -> Tensor:
        if max(tile.shape[1:]) > self._most:
            raise self._error()
        return self._engine(tile)


def source(folder: Path, channels: int = 3, dtype: Any = np.uint8, size: tuple[int, int] = (150, 130)) -> Path:
    most = int(np.iinfo(dtype).max)
    pixels = np.random.default_rng(0).integers(0, most + 1, (*size, channels), dtype)
    write_picture(folder / "a.png", Picture(pixels))
    return folder / "a.png"


def made(path: Path, engine: Engine, side: int | None = None, seed: int = 0) -> Tensor:
    with PictureFile(path) as picture:
        return torch.cat(list(enlarging(engine, side)(picture, seed)), dim=1)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("engine", [Bicubic(2), Bicubic(3), network(1), network(3), network(3, 4)])
def test_tiles_leave_no_seam(tmp_path: Path, engine: Engine, channels: int) -> None:
    path = source(tmp_path, channels)
    whole, tiled = (to_pixels(made(path, engine, side), np.uint8).astype(int) for side in (512, 64))
    assert abs(whole - tiled).max() <= 1
    assert (whole != tiled).mean() < 1e-3


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError, lambda: RuntimeError("CUDA out of memory")])
def test_out_of_memory_halves_the_tiles_and_goes_on(tmp_path: Path, error: Callable[[], Exception]) -> None:
    path = source(tmp_path)
    with pytest.warns(RuntimeWarning, match="out of memory with tiles of 128: going on with 64"):
        tiled = made(path, Greedy(network(), 64, error), 128)
    torch.testing.assert_close(tiled, made(path, network(), 512), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("ignore:out of memory with tiles")
def test_no_memory_for_the_smallest_tile_is_told(tmp_path: Path) -> None:
    path = source(tmp_path)
    with pytest.raises(MemoryError, match="out of memory at row 0"):
        made(path, Greedy(network(), 8, MemoryError))


def test_a_tile_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`tile` 12: this model sees 2 pixels around; give more than \d+"):
        tiling_of(Bicubic(2), 12)


def test_noise_is_of_the_place_and_the_seed(tmp_path: Path) -> None:
    path = source(tmp_path, 1)
    noise = made(path, Grainy(), 512) - made(path, Bicubic(1), 512)
    torch.testing.assert_close(made(path, Grainy(), 64) - made(path, Bicubic(1), 64), noise, atol=1e-5, rtol=0)
    assert abs(float(noise.mean())) < 0.03
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    other = made(path, Grainy(), 512, seed=1) - made(path, Bicubic(1), 512)
    assert abs(float(torch.corrcoef(torch.stack([noise.flatten(), other.flatten()]))[0, 1])) < 0.03


def test_colours_are_carried_under_transparent_pixels() -> None:
    colours, alpha = torch.rand(3, 30, 30), torch.zeros(1, 30, 30)
    alpha[:, :, :15] = 1
    alpha[:, :, 15] = 0.3
    result = filled(colours, alpha)
    assert torch.equal(result[..., :16], colours[..., :16])
    near, mean = result[:, 5, 16], colours[:, 4:7, 15].mean(1)
    torch.testing.assert_close(near, mean)


def test_what_is_hidden_changes_nothing_that_is_seen(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 4), np.uint8)
    pixels[10:30, 10:30, 3] = 0
    results = []
    for hidden in (0, 255):
        pixels[10:30, 10:30, :3] = hidden
        write_picture(tmp_path / "a.png", Picture(pixels))
        results.append(made(tmp_path / "a.png", network()))
    seen = results[0][3] > 0
    assert torch.equal(results[0][:3, seen], results[1][:3, seen])
