"""``nflows interpolate`` and ``nflows edit`` as a person uses them."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.latents import save_directions, stored_directions
from nflows_core.runs import load_run
from nflows_core.runs.folder import KIND
from nflows_core.testing import call_command

TINY = ["--levels", "1", "--depth", "1", "--width", "4", "--epochs", "1", "--batch-size", "50"]
TILE = 66
"""Pixels from one image of a grid to the next."""


call = partial(call_command, nflows)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a folder of pictures, half of them dark, with a table beside it."""
    folder = tmp_path_factory.mktemp("faces")
    generator = np.random.default_rng(0)
    lines = ["image,dark,same"]
    for index in range(200):
        dark, split = index % 2, "test" if index < 40 else "train"
        pixels = generator.integers(20, 60, (8, 8)) + (0 if dark else 150)
        save(folder / "data" / split / f"{index}.png", pixels)
        lines.append(f"{index}.png,{dark},1")
    (folder / "faces.csv").write_text("\n".join(lines))
    assert call("train", folder / "data", "-o", folder / "run", *TINY, "--epochs", 5) == 0
    return folder


def save(path: Path, pixels: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)
    return path


def digits(folder: Path, count: int = 3) -> list[Path]:
    """Pictures of bars that the run takes."""
    pixels = np.zeros((8, 8), dtype=np.uint8)
    pixels[:, 3:5] = 200
    return [save(folder / f"{i}.png", np.roll(pixels, i, axis=1)) for i in range(count)]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def tile(grid: np.ndarray, row: int, column: int) -> np.ndarray:
    """The image of 8 x 8 pixels at a place of the grid."""
    return grid[2 + TILE * row :, 2 + TILE * column :][:64:8, :64:8]


# What the commands do


def test_edits_without_the_data_along_directions_kept_with_the_run(trained: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    shutil.copytree(trained, run_folder)
    (picture,) = digits(tmp_path, 1)
    command = ("edit", run_folder, picture, "--attribute", "thickness", "--amounts", "-1,1", "-o")
    assert call(*command, tmp_path / "from-data.png") == 0
    save_directions(run_folder, load_run(run_folder), read_images("digits", "train"), most=5000)
    config = json.loads((run_folder / "config.json").read_text())
    (run_folder / "config.json").write_text(json.dumps({**config, "data": "gone"}))
    assert call(*command, tmp_path / "kept.png") == 0
    assert (read(tmp_path / "kept.png") == read(tmp_path / "from-data.png")).all()
    assert stored_directions(run_folder).keys() == {"brightness", "contrast", "slant", "thickness", *"0123456789"}
    KIND.remove(run_folder)
    assert [file.name for file in run_folder.iterdir()] == ["config.json"]  # by which the folder is known as ours


def test_interpolation_has_a_row_for_each_two(trained: Path, tmp_path: Path) -> None:
    pictures = digits(tmp_path)
    assert call("interpolate", trained, *pictures, "-o", tmp_path / "i.png", "--steps", 5) == 0
    grid = read(tmp_path / "i.png")
    assert grid.shape == (2 + 2 * TILE, 2 + 5 * TILE)
    for row, column, picture in ((0, 0, 0), (0, 4, 1), (1, 0, 1), (1, 4, 2)):
        # The data has 17 values, so that a picture comes back to within one of them.
        difference = tile(grid, row, column).astype(int) - read(pictures[picture])
        assert np.abs(difference).max() <= 256 / 17


def test_interpolation_of_test_images(trained: Path, tmp_path: Path) -> None:
    assert call("interpolate", trained, "-o", tmp_path / "i.png", "-n", 3) == 0
    assert read(tmp_path / "i.png").shape == (2 + 3 * TILE, 2 + 9 * TILE)


def test_edit_changes_what_it_says(trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pictures = digits(tmp_path)
    options = ["--attribute", "brightness", "--amounts", "-1,0,1", "-o", tmp_path / "e.png"]
    assert call("edit", trained, *pictures, *options, "--json") == 0
    result = json.loads(capfd.readouterr().out)
    assert (result["attribute"], result["images"], result["amounts"]) == ("brightness", 3, [-1, 0, 1])
    for picture in pictures:
        values = result["measured"][str(picture)]
        darker, same, brighter = values["after"]
        assert darker < same < brighter
        assert same == pytest.approx(values["before"], abs=1e-6)
    grid = read(tmp_path / "e.png")
    assert grid.shape == (2 + 3 * TILE, 2 + 3 * TILE)
    assert tile(grid, 0, 0).mean() < tile(grid, 0, 1).mean() < tile(grid, 0, 2).mean()


def test_one_edited_picture_has_its_own_size(trained: Path, tmp_path: Path) -> None:
    (picture,) = digits(tmp_path, 1)
    assert call("edit", trained, picture, "--attribute", "brightness", "--amount", 1.5, "-o", tmp_path / "e.png") == 0
    edited = read(tmp_path / "e.png")
    assert edited.shape == (8, 8)
    assert edited.mean() > read(picture).mean() + 5


def test_edit_of_test_images_by_class(trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("edit", trained, "--attribute", "3", "-n", 2, "-o", tmp_path / "e.png", "--json") == 0
    result = json.loads(capfd.readouterr().out)
    assert 0.05 < result["attribute_mean"] < 0.15, "a tenth of the digits"
    assert "measured" not in result
    assert read(tmp_path / "e.png").shape == (2 + 2 * TILE, 2 + 5 * TILE)


def test_edit_by_a_column_of_a_table(faces: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = faces / "data" / "test" / "0.png"
    options = ["--attribute", "dark", "--attributes", faces / "faces.csv", "--amount", 1, "-o", tmp_path / "e.png"]
    assert call("edit", faces / "run", picture, *options, "--json") == 0
    result = json.loads(capfd.readouterr().out)
    assert (result["attribute_mean"], result["training_images"]) == (0.5, 160)
    assert read(tmp_path / "e.png").mean() < read(picture).mean() - 20


def test_the_same_command_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        assert call("edit", trained, "--attribute", "thickness", "-o", tmp_path / name) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_data_that_moved(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((faces / "run" / "config.json").read_text())
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    (run_folder / "config.json").write_text(json.dumps({**config, "data": str(tmp_path / "gone")}))
    (run_folder / "model.safetensors").write_bytes((faces / "run" / "model.safetensors").read_bytes())
    command = ["edit", run_folder, "--attribute", "brightness", "-o", tmp_path / "e.png"]
    assert call(*command) == 2
    assert "gone, which is not there; give as data where it is now" in capsys.readouterr().err
    assert call(*command, "--data", faces / "data") == 0


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attribute", "hat"], "no attribute 'hat'; known here: brightness, contrast, slant, thickness, 0, 1, 2"),
        (["--attribute", "thickness", "--amounts", "1,x"], "'1,x' is not a list of numbers such as -1,0,1.5"),
        (["--attribute", "thickness", "--amount", "nan"], "'nan' is not a list of numbers"),
        ([], "Missing option '--attribute'"),
    ],
)
def test_bad_options(
    trained: Path, tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("edit", trained, *options, "-o", tmp_path / "e.png") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "e.png").exists()


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        ("image,dark\nother.png,1\n", "dark", "has other.png, but none of the training images, such as train/"),
        ("image,dark\n1.png,1\n2.png,0\n", "dark", "those held out for tests do not count"),
        ("image,dark\n50.png,1e300\n", "dark", "50.png has '1e300', which is more than 3.4e+38, in the column dark"),
        ("image,slant\n50.png,1\n", "slant", "slant is a column of the table and what is measured"),
        ("image,dark,dark\n50.png,1,0\n", "dark", "line 1: has two columns dark; give each a name of its own"),
        ("image,dark\n50.png,1\n51.png,0\n", "dark", "needs the attribute of at least 10 images, got 2"),
        (None, "same", "the attribute is 1 for all 160 images"),
        (None, "hat", "no attribute 'hat'; known here: brightness, contrast, slant, thickness, dark, same"),
        ("image\n", "dark", "needs a first line such as image,smiling"),
    ],
)
def test_bad_tables(
    faces: Path, tmp_path: Path, table: str | None, column: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = faces / "faces.csv"
    if table is not None:
        path = tmp_path / "table.csv"
        path.write_text(table)
    options = ["--attribute", column, "--attributes", path, "-o", tmp_path / "e.png"]
    assert call("edit", faces / "run", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("command", [["interpolate"], ["edit", "--attribute", "thickness"]])
def test_pictures_that_do_not_fit(
    trained: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.png").write_text("text")
    cases = {
        "8x9 pixels, but the flow takes 8x8; give size 8": save(tmp_path / "tall.png", np.zeros((9, 8))),
        "is in colour, but the flow takes greyscale": save(tmp_path / "colour.png", np.zeros((8, 8, 3))),
        "not a picture": tmp_path / "text.png",
        "does not exist": tmp_path / "missing.png",
    }
    for message, picture in cases.items():
        assert call(*command[:1], trained, picture, picture, *command[1:], "-o", tmp_path / "o.png") == 2
        assert message in capsys.readouterr().err
    assert (
        call(*command[:1], trained, *[tmp_path / "tall.png"] * 2, *command[1:], "--size", 8, "-o", tmp_path / "o.png")
        == 0
    )


def test_one_picture_is_no_pair(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("interpolate", trained, *digits(tmp_path, 1), "-o", tmp_path / "i.png") == 2
    assert "give two pictures or more" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["interpolate"], ["edit", "--attribute", "thickness"]])
def test_runs_that_cannot_be_used(
    trained: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command[0], tmp_path, *command[1:], "-o", tmp_path / "o.png") == 2
    assert "is no run folder" in capsys.readouterr().err
