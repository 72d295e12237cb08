from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from made_up_art import pixels
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_core.testing.tiny_diffusion import autoencoder, write_stable_diffusion
from nflows_heritage.cli import heritage
from nflows_heritage.restoring.diffusion import Diffusion, load_diffusion
from nflows_heritage.restoring.tiling import restored
from nflows_heritage.training.art import ART
from nflows_heritage.views import InMemory
from nflows_sr.data import CropPairs, WholePairs
from nflows_sr.data.degraded import find_degradation
from nflows_sr.data.pictures import Pictures


class Negative:
    """A diffusion, as nflows-sr has one, that remembers what it was given."""

    scale = 1
    network = nn.Identity()

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def enlarge(self, picture: Tensor, seed: int) -> Tensor:
        self.seen.append((*picture.shape, seed))
        return 1 - picture


@pytest.mark.parametrize("channels", [1, 3])
def test_a_diffusion_gets_the_whole_picture_at_its_own_size_and_the_seed(channels: int) -> None:
    engine, source = Negative(), pixels(700, 90, channels)
    prepared = Diffusion(engine, Path("run")).prepare(InMemory(source), "rain", 5)
    result = np.concatenate(list(restored(InMemory(source), prepared, 1.0, None, None)))
    np.testing.assert_array_equal(result, 255 - source)
    assert engine.seen == [(channels, 700, 90, 5)]


def test_what_enlarges_alone_is_no_engine() -> None:
    with pytest.raises(ValueError, match="cannot restore at the size of the picture"):
        load_diffusion(Path("bicubic"))


@pytest.mark.parametrize("scale", [1, 2])
def test_a_diffusion_is_trained_on_the_damage_of_art(scale: int) -> None:
    assert find_degradation("art") is ART
    pictures = Pictures(["a.png"], [pixels(64, 64)])
    pairs = ART.pairs(CropPairs(WholePairs.of(pictures, scale), 32 // scale), scale)
    assert len(pairs) == 4
    items = [pairs.read(0, seed) for seed in range(30)]
    for small, large in items:
        assert small.shape == (3, 32 // scale, 32 // scale)
        assert large.shape == (3, 32, 32)
    again = pairs.read(0, 7)
    assert torch.equal(again[0], items[7][0])
    if scale == 1:
        assert 0 < sum(torch.equal(small, large) for small, large in items) < 10


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for number in range(12):
        write_picture(folder / f"{number}.png", Picture(pixels(32, 40, seed=number)))
    return folder


def stable_sr(folder: Path) -> str:
    base = write_stable_diffusion(folder / "sd")
    return f"stable-sr:base={base},degradation=art,scale=1,crop=32,width=8"


def res_shift(folder: Path) -> str:
    autoencoder().save_pretrained(folder / "vae")
    return f"res-shift:autoencoder={folder / 'vae'},degradation=art,scale=1,crop=32,width=8,steps=3"


@pytest.mark.parametrize("model", [stable_sr, res_shift])
def test_a_diffusion_fine_tuned_on_the_damage_of_art_restores_and_replays(
    tmp_path: Path, good: Path, model: Callable[[Path], str]
) -> None:
    options = ("--model", model(tmp_path), "--epochs", 1, "--batch-size", 4, "--accumulation-steps", 1)
    assert call_command(heritage, "train", good, "-o", tmp_path / "run", *options) == 0
    source = pixels(20, 33, seed=99)
    write_picture(tmp_path / "a.png", Picture(source))
    arguments = (tmp_path / "a.png", "-o", tmp_path / "out", "--engine", tmp_path / "run", "--type", "rain")
    assert call_command(heritage, "restore", *arguments) == 0
    result = tmp_path / "out" / "a.png"
    assert read_picture(result).pixels.shape == source.shape
    assert (read_picture(result).pixels != source).any()
    assert call_command(heritage, "replay", tmp_path / "out" / "a.json", "-o", tmp_path / "again.png") == 0
    assert (tmp_path / "again.png").read_bytes() == result.read_bytes()


def test_a_diffusion_without_what_guides_it_ends_with_its_own_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sd").mkdir()
    (tmp_path / "sd" / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    write_picture(tmp_path / "a.png", Picture(pixels(16, 16)))
    arguments = (tmp_path / "a.png", "-o", tmp_path / "out", "--engine", tmp_path / "sd", "--type", "rain")
    assert call_command(heritage, "restore", *arguments) == 3
    assert "has no conditioning.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
