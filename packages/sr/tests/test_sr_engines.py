from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.weights import Weights
from nflows_sr.engines import Bicubic, EngineSettings, NetworkEngine, load_engine, resolve
from nflows_sr.engines.published import PUBLISHED


def keys(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel of Keys (1981) with a = -1/2."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def matrix(length: int, scale: int) -> NDArray[np.float64]:
    """From the pixels of a row to those of the enlarged row, by imresize's contributions."""
    result = np.zeros((length * scale, length))
    mirror = np.r_[np.arange(length), np.arange(length)[::-1]]
    for row in range(length * scale):
        center = (row + 0.5) / scale - 0.5
        for tap in range(int(np.floor(center)) - 1, int(np.floor(center)) + 3):
            result[row, mirror[tap % (2 * length)]] += keys(np.array(center - tap))
    return result


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (20, 1), (9, 13)])
def test_bicubic_is_the_kernel_of_keys_with_mirrored_edges(size: tuple[int, int], scale: int) -> None:
    tile = torch.rand(3, *size)
    rows, columns = (matrix(length, scale) for length in size)
    expected = rows @ tile.double().numpy() @ columns.T
    np.testing.assert_allclose(Bicubic(scale)(tile).numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("engine", [Bicubic(2), Bicubic(3)])
def test_beyond_its_margin_an_engine_sees_nothing(engine: Bicubic) -> None:
    picture, m, s = torch.rand(1, 20, 20), engine.margin, engine.scale
    part = engine(picture[:, 4:16, 5:17])[:, s * m : -s * m, s * m : -s * m]
    torch.testing.assert_close(engine(picture)[:, s * (4 + m) : s * (16 - m), s * (5 + m) : s * (17 - m)], part)


class _Sum(nn.Module):
    """The sum of all channels, in each of as many."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True).expand_as(x)


def test_a_network_in_colour_gives_grey_as_the_mean_of_three() -> None:
    engine, grey = NetworkEngine(_Sum(), 1, 0, 3, EngineSettings("sum")), torch.rand(1, 4, 5)
    torch.testing.assert_close(engine(grey), 3 * grey)
    assert engine(torch.rand(3, 4, 5)).shape == (3, 4, 5)


def test_a_grey_network_takes_channels_one_by_one() -> None:
    engine, colours = NetworkEngine(_Sum(), 1, 0, 1, EngineSettings("sum")), torch.rand(3, 4, 5)
    torch.testing.assert_close(engine(colours), colours)


def test_an_engine_is_kept_until_another_is_wanted() -> None:
    first = load_engine(EngineSettings("bicubic", 3))
    assert load_engine(EngineSettings("bicubic", 3)) is first
    assert load_engine(EngineSettings("bicubic")).scale == 2
    assert load_engine(EngineSettings("bicubic", 3)) is not first


def test_a_missing_model_is_told_as_missing_weights() -> None:
    with pytest.raises(CommandError, match=r"nowhere\.pth: no such model; give one of bicubic") as caught:
        resolve(EngineSettings("nowhere.pth"))
    assert caught.value.exit_code == 3


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    settings = resolve(EngineSettings(str(tmp_path / "a.txt")))
    with pytest.raises(ValueError, match=r"a\.txt is no model that is read"):
        load_engine(settings)


@pytest.mark.parametrize("weights", PUBLISHED, ids=lambda weights: str(weights.name))
def test_published_weights_that_cannot_be_had_are_told_with_their_place(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path))
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    with pytest.raises(CommandError) as caught:
        resolve(EngineSettings(weights.name))
    assert caught.value.exit_code == 3
    assert f"Put {weights.file} (SHA-256 {weights.sha256}) from {weights.mirrors[0]}" in str(caught.value)


def test_published_weights_of_another_content_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    (tmp_path / "RealESRGAN_x4plus.pth").write_text("another one")
    with pytest.raises(CommandError, match=r"has the SHA-256 \w+ instead of 4fa0d389"):
        resolve(EngineSettings("realesrgan-x4plus"))
