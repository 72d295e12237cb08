"""Pictures that show a face by other means than their colours: by alpha, by dots, or in a small part of their range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import read_picture
from nflows_core.testing import call_command
from nflows_privacy.cli import privacy
from nflows_privacy.detection import Look
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.regions import Box, Region


class Recording:
    """A detector that keeps what it was shown, and finds one face more each time."""

    kinds = frozenset({"face"})

    def __init__(self) -> None:
        self.shown: list[NDArray[np.uint8]] = []

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        self.shown.append(pixels)
        return [Region(Box(20.0 * number, 0, 20.0 * number + 9, 9), "face") for number in range(len(self.shown))]


def shown(pixels: NDArray[np.uint8 | np.uint16]) -> list[NDArray[np.uint8]]:
    detector = Recording()
    assert len(seen_by(detector, pixels)) == len(detector.shown)
    return detector.shown


def noise(channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (40, 50, channels), np.uint8)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("deep", [False, True])
def test_what_is_transparent_is_looked_at_as_it_is_and_on_black_and_on_white(channels: int, deep: bool) -> None:
    pixels = noise(channels)
    colours, alpha = pixels[..., :-1].astype(int), pixels[..., -1:].astype(int)
    found = shown(pixels.astype(np.uint16) * 257 if deep else pixels)
    on_black, on_white = colours * alpha / 255, 255 - (255 - colours) * alpha / 255
    assert len(found) == 3
    for view, expected in zip(found, (colours, on_black, on_white), strict=True):
        assert (abs(view - expected) <= 1).all()
    pixels[..., -1] = 255
    assert len(shown(pixels)) == 1
    pixels[..., -1] = 0
    assert len(shown(pixels)) == 1  # the others are black and white


def test_what_has_few_colours_is_looked_at_smoothed_too() -> None:
    half = np.random.default_rng(0).integers(0, 2, (200, 200, 1), np.uint8) * 255
    sharp, smooth = shown(half)
    assert np.array_equal(sharp[..., :1], half)
    assert smooth.mean() == pytest.approx(half.mean(), abs=2)
    assert smooth.std() < half.std() / 3
    assert len(shown(noise(3))) == 1


@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (4, 0), (16, 0), (8, 20_000)])
@pytest.mark.parametrize("caption", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_samples_that_use_little_of_their_range_are_looked_at_in_all_of_it(
    factor: int, offset: int, caption: bool, channels: int
) -> None:
    eight = noise(channels)
    pixels = eight.astype(np.uint16) * factor + offset
    if caption:
        pixels[:8] = 2**16 - 1
    spread = shown(pixels)[-1].astype(int)
    assert (abs(spread - eight)[8 * caption :] <= 1).all()
    assert not caption or (spread[:8] == 255).all()


def test_a_caption_with_soft_edges_takes_little_of_the_range() -> None:
    eight = np.random.default_rng(0).integers(0, 255, (200, 300, 1), np.uint8)
    pixels = eight.astype(np.uint16) * 4
    pixels[0] = np.linspace(2_000, 2**16 - 1, 300)[:, None]  # as many levels as the picture has
    spread = shown(pixels)[-1][1:, :, :1].astype(int)
    assert spread.max() > 220
    assert np.corrcoef(spread.ravel(), eight[1:].ravel())[0, 1] > 0.999


def test_samples_that_use_their_range_are_looked_at_once() -> None:
    assert len(shown(noise(3).astype(np.uint16) * 257)) == 1
    assert not shown(np.full((8, 8, 1), 300, np.uint16))  # of one colour, however it is spread


def drawn(face: Image.Image, how: str) -> Image.Image:
    if how == "10 bits":
        return Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 4)
    if how == "dithered":
        return face.resize((face.width // 2, face.height // 2)).convert("1")
    picture = Image.new("RGBA", face.size, how)
    picture.putalpha(face.convert("L"))
    return picture


@pytest.mark.real_data
@pytest.mark.parametrize("how", ["dithered", "white", "black", "10 bits"])
def test_faces_in_alpha_in_dots_and_in_few_levels_are_found_and_filled(
    how: str,
    yunet_weights: Path,
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(yunet_weights.parent))
    with Image.open(data_folder / "privacy" / "coco01.jpg") as picture:
        drawn(picture.crop((210, 40, 460, 250)), how).save(tmp_path / "a.png")
    assert call_command(privacy, "verify", "--what", "face", tmp_path / "a.png") == 1
    assert "faces left in 1 of 1 files" in capsys.readouterr().err
    assert call_command(privacy, "redact", "--what", "face", tmp_path / "a.png", "-o", tmp_path / "out") == 0
    assert call_command(privacy, "verify", "--what", "face", tmp_path / "out") == 0
    before, after = (read_picture(path).pixels for path in (tmp_path / "a.png", tmp_path / "out" / "a.png"))
    changed = (before != after).any(axis=2)
    assert 0.1 < changed.mean() < 0.7
    if how in ("white", "black"):
        assert (after[changed][:, 3] == 255).all()
