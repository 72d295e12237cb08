"""Edits by the flow of a run: which images are taken, and what is refused. The commands' tests look at the pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nflows_core.data import read_images
from nflows_core.data.images import DataError
from nflows_core.runs import read_run, save_run
from nflows_core.runs.edits import edit_pictures, interpolate_pictures
from run_folders import untrained_run

TILE = 66
"""Pixels from one image of a grid to the next."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("run"))


def save(path: Path, side: int = 8) -> Path:
    Image.fromarray(np.full((side, side), 100, np.uint8)).save(path)
    return path


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_pictures_go_from_one_to_the_next_and_test_images_in_pairs(folder: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / f"{name}.png") for name in "abcd"]
    interpolate_pictures(folder, pictures, tmp_path / "i.png", steps=5)
    assert size(tmp_path / "i.png") == (2 + 5 * TILE, 2 + 3 * TILE)
    interpolate_pictures(folder, [], tmp_path / "i.png", n=4)
    assert size(tmp_path / "i.png") == (2 + 9 * TILE, 2 + 4 * TILE)


def test_an_edit_says_what_was_done(folder: Path, tmp_path: Path) -> None:
    done = edit_pictures(folder, [], "brightness", [0.0, 1.0], tmp_path / "e.png", n=3)
    assert (done["attribute"], done["images"], done["amounts"]) == ("brightness", 3, [0.0, 1.0])
    test = read_images("digits", "test")
    names = [f"test image {i * len(test) // 3}" for i in range(3)]
    assert list(done["measured"]) == names, "evenly spaced, for a folder's first images are of one class"
    for values in done["measured"].values():
        assert values["after"][0] == pytest.approx(values["before"], abs=1e-6)


def test_one_picture_is_no_pair(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="alone: give two pictures or more, or none for test images"):
        interpolate_pictures(folder, [save(tmp_path / "a.png")], tmp_path / "i.png")


def test_a_picture_of_another_size_needs_a_size(folder: Path, tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png", 12)
    with pytest.raises(DataError, match=r"a\.png: 12x12 pixels, but the flow takes 8x8; give size 8"):
        edit_pictures(folder, [picture], "brightness", [1.0], tmp_path / "e.png")
    edit_pictures(folder, [picture], "brightness", [1.0], tmp_path / "e.png", size=8)
    assert size(tmp_path / "e.png") == (8, 8)


def test_data_that_moved_is_asked_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    save_run(tmp_path, replace(read_run(folder), data=str(tmp_path / "gone")))
    with pytest.raises(DataError, match="gone, which is not there; give as data where it is now"):
        interpolate_pictures(tmp_path, [], tmp_path / "i.png")
    interpolate_pictures(tmp_path, [], tmp_path / "i.png", data="digits", n=1)
    assert size(tmp_path / "i.png") == (2 + 9 * TILE, 2 + TILE)
