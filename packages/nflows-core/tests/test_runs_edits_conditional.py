"""``nflows interpolate`` and ``nflows edit`` of conditional runs: every picture has its own context."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.latents import attribute_direction, attribute_values, save_directions, stored_directions
from nflows_core.runs import load_run
from nflows_core.runs.edits import edit_pictures
from nflows_core.testing import call_command
from run_pictures import TINY

call = partial(call_command, nflows)
TILE = 66
"""Pixels from one image of a grid to the next."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on dark pictures of a class and bright ones of another, by class and by pictures of half their size."""
    folder = tmp_path_factory.mktemp("home")
    generator = np.random.default_rng(0)
    lines = ["160", "Loud  Bright"]
    for index in range(160):
        name, low = ("night", 20) if index % 2 else ("day", 180)
        pixels = generator.integers(low, low + 50, (8, 8), np.uint8)
        path = folder / "data" / ("test" if index < 32 else "train") / name / f"{index:03d}.png"
        small = folder / "small" / path.relative_to(folder / "data")
        for place in (path, small):
            place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        Image.fromarray(pixels).reduce(2).save(small)
        lines.append(f"{path.name} {1 if pixels.std() > 14.5 else -1} {1 if index % 2 == 0 else -1}")
    (folder / "list_attr.txt").write_text("\n".join(lines))
    options = [*TINY, "--epochs", 3, "--model", "glow"]
    assert call("train", folder / "data", "-o", folder / "by-class", *options, "--conditional") == 0
    assert (
        call("train", folder / "data", "-o", folder / "by-picture", *options, "--condition-on", folder / "small") == 0
    )
    return folder


def picture(home: Path, name: str, number: int) -> Path:
    return home / "data" / "test" / name / f"{number:03d}.png"


def tile(path: Path, row: int, column: int) -> np.ndarray:
    """The image of 8 x 8 pixels at a place of a grid."""
    with Image.open(path) as grid:
        return np.asarray(grid)[2 + TILE * row :, 2 + TILE * column :][:64:8, :64:8].astype(int)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as one:
        return np.asarray(one).astype(int)


def near(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether they are the same picture but for rounding."""
    return bool(np.abs(first - second).max() <= 1)


# By class


def test_an_interpolation_goes_from_class_to_class(home: Path, tmp_path: Path) -> None:
    day, night = picture(home, "day", 0), picture(home, "night", 1)
    command = ["interpolate", home / "by-class", day, night, "-o", tmp_path / "i.png", "--steps", 5]
    assert call(*command, "--class", "day", "--class", "night") == 0
    assert near(tile(tmp_path / "i.png", 0, 0), read(day))
    assert near(tile(tmp_path / "i.png", 0, 4), read(night))
    means = [tile(tmp_path / "i.png", 0, column).mean() for column in range(5)]
    assert means[0] > means[2] > means[4]
    assert call(*command[:-3], tmp_path / "same.png", "--steps", 5, "--class", "day") == 0
    assert near(tile(tmp_path / "same.png", 0, 4), read(night)), "a wrong class is still inverted"
    assert not near(tile(tmp_path / "same.png", 0, 2), tile(tmp_path / "i.png", 0, 2))


def test_test_images_have_the_classes_of_their_folders(home: Path, tmp_path: Path) -> None:
    assert call("interpolate", home / "by-class", "-o", tmp_path / "i.png", "-n", 2, "--steps", 3) == 0
    test = read_images(home / "data", "test")
    for row, ends in enumerate(((0, 8), (16, 24))):
        for column, index in zip((0, 2), ends, strict=True):
            assert near(tile(tmp_path / "i.png", row, column), test.pixels[index, 0].numpy().astype(int))


def test_an_edit_keeps_the_class(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    night = picture(home, "night", 1)
    command = ["edit", home / "by-class", night, "--class", "night", "--attribute", "brightness", "-o"]
    assert call(*command, tmp_path / "e.png", "--amounts", "-1,0,1", "--json") == 0
    values = json.loads(capfd.readouterr().out)["measured"][str(night)]
    darker, same, brighter = values["after"]
    assert darker < same < brighter
    assert same == pytest.approx(values["before"], abs=1 / 255)
    assert near(tile(tmp_path / "e.png", 0, 1), read(night))


def test_the_direction_is_that_of_images_in_their_own_class(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for file in ("config.json", "model.safetensors"):
        (folder / file).write_bytes((home / "by-class" / file).read_bytes())
    before = edit_pictures(folder, [], "contrast", [1.0], tmp_path / "a.png", n=2)
    flow, train = load_run(folder), read_images(home / "data", "train")
    save_directions(folder, flow, train)
    stored = stored_directions(folder)
    assert stored.keys() == {"brightness", "contrast", "slant", "thickness", "day", "night"}
    own = attribute_direction(flow, *attribute_values("contrast", train), train.context)
    torch.testing.assert_close(stored["contrast"].vector, own.vector, rtol=0, atol=0)
    assert edit_pictures(folder, [], "contrast", [1.0], tmp_path / "b.png", n=2) == before
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_edit_by_a_list_as_celeba_has_it(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for run, context in (
        ("by-class", ["--class", "night"]),
        ("by-picture", ["--condition-on", home / "small/test/night"]),
    ):
        command = ["edit", home / run, picture(home, "night", 1), *context, "--attribute", "Loud", "--amount", 1]
        capfd.readouterr()
        assert call(*command, "--attributes", home / "list_attr.txt", "-o", tmp_path / "e.png", "--json") == 0
        result = json.loads(capfd.readouterr().out)
        assert (result["training_images"], result["images"]) == (128, 1)
        assert abs(result["attribute_mean"]) < 1


# By picture


def test_pictures_find_theirs_by_name(home: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    pictures = [picture(home, "day", 0), picture(home, "night", 1), picture(home, "day", 2)]
    for path in pictures:
        (small / path.name).write_bytes((home / "small" / path.relative_to(home / "data")).read_bytes())
    run = home / "by-picture"
    command = ["interpolate", run, *pictures, "-o", tmp_path / "i.png", "--condition-on", small, "--steps", 3]
    assert call(*command) == 0
    for row, column, number in ((0, 0, 0), (0, 2, 1), (1, 0, 1), (1, 2, 2)):
        assert near(tile(tmp_path / "i.png", row, column), read(pictures[number]))
    assert (
        call("edit", run, pictures[0], "--condition-on", small, "--attribute", "contrast", "-o", tmp_path / "e.png")
        == 0
    )
    assert near(tile(tmp_path / "e.png", 0, 2), read(pictures[0]))


def test_test_images_have_the_pictures_of_the_run(home: Path, tmp_path: Path) -> None:
    assert call("interpolate", home / "by-picture", "-o", tmp_path / "i.png", "-n", 1, "--steps", 3) == 0
    test = read_images(home / "data", "test")
    assert near(tile(tmp_path / "i.png", 0, 2), test.pixels[16, 0].numpy().astype(int))
    assert call("edit", home / "by-picture", "--attribute", "slant", "-n", 1, "-o", tmp_path / "e.png") == 0
    assert near(tile(tmp_path / "e.png", 0, 2), test.pixels[0, 0].numpy().astype(int))


# Bad input


@pytest.mark.parametrize(
    ("run", "words", "message"),
    [
        ("by-class", [], "conditioned on the classes day, night; give by --class that of each picture, or one for all"),
        ("by-class", ["--class", "noon"], "knows no class 'noon'; its classes are day, night"),
        ("by-class", ["--class", "day"] + 2 * ["--class", "night"], "2 pictures have 3 classes; give by --class one"),
        ("by-picture", [], "give by --condition-on a folder with one of the name of each image"),
        ("by-picture", ["--class", "day"], "is conditioned on pictures, and on no class"),
        ("by-picture", ["--condition-on", "{home}/small/test/day"], "has no picture of the name of 001.png"),
        ("plain", ["--class", "day"], "the flow of this run knows no classes"),
        ("plain", ["--condition-on", "{home}/small"], "is not conditional; leave --condition-on out"),
    ],
)
@pytest.mark.parametrize("command", [["interpolate"], ["edit", "--attribute", "contrast"]])
def test_a_context_that_is_missing_or_does_not_fit(
    home: Path,
    trained: Path,
    tmp_path: Path,
    run: str,
    words: list[str],
    message: str,
    command: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pictures = [picture(home, "day", 0), picture(home, "night", 1)]
    options = [word.format(home=home) for word in words]
    folder = trained if run == "plain" else home / run
    output = ["-o", tmp_path / "o.png"]
    assert call(command[0], folder, *pictures, *command[1:], *options, *output) == 2
    assert message in (error := capsys.readouterr().err)
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "o.png").exists()


def test_classes_of_test_images_are_their_own(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("interpolate", home / "by-class", "--class", "day", "-o", tmp_path / "i.png") == 2
    assert "--class are those of pictures, and test images have their own" in capsys.readouterr().err


def test_nothing_is_written_among_the_pictures_of_a_condition(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["interpolate"], ["edit", "--attribute", "slant"]):
        assert call(command[0], home / "by-picture", *command[1:], "-o", home / "small" / "x.png") == 2
        assert "lies in the data" in capsys.readouterr().err
