"""Runs that are conditioned on pictures of the same names: ``nflows train --condition-on FOLDER``."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.cli import nflows
from nflows_core.data import DataError, read_images
from nflows_core.data.maps import read_maps, with_maps
from nflows_core.runs import load_run, read_run
from nflows_core.testing import call_command
from run_pictures import TINY, noise

call = partial(call_command, nflows)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Pictures, and of each its half size as another format in another folder."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures, small = noise(folder / "pictures"), folder / "small"
    small.mkdir()
    for path in pictures.iterdir():
        with Image.open(path) as picture:
            picture.reduce(2).save(small / f"{path.stem}.bmp")
    return pictures, small


@pytest.fixture(scope="module")
def trained(places: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    assert call("train", places[0], "-o", folder, *TINY, "--model", "glow", "--condition-on", places[1]) == 0
    return folder


def numbers(capfd: pytest.CaptureFixture[str], *command: object) -> dict[str, Any]:
    capfd.readouterr()
    assert call(*command, "--json") == 0
    return json.loads(capfd.readouterr().out)  # type: ignore[no-any-return]


# Reading


def test_each_image_has_the_picture_of_its_name_as_its_map(places: tuple[Path, Path]) -> None:
    images = read_images(places[0], None, condition_on=str(places[1]))
    assert images.maps is not None
    for name, map_ in zip(images.names, images.maps, strict=True):
        with Image.open(places[1] / Path(name).with_suffix(".bmp")) as picture:
            assert np.array_equal(map_[0].numpy(), np.asarray(picture))


def test_pictures_of_classes_and_splits_lie_in_folders_of_the_same_names(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            noise(tmp_path / "data" / split / name, 3, seed=len(split + name))
            noise(tmp_path / "maps" / split / name, 3, seed=1 + len(split + name), side=4)
    images = read_images(tmp_path / "data", "test", condition_on=str(tmp_path / "maps"))
    assert images.maps is not None
    with Image.open(tmp_path / "maps" / images.names[4]) as picture:
        assert np.array_equal(images.maps[4, 0].numpy(), np.asarray(picture))


def test_maps_are_cropped_as_the_images_and_only_larger_ones_scaled(tmp_path: Path) -> None:
    pictures = noise(tmp_path / "data", 10, side=12)
    for side, expected in ((16, 8), (8, 8), (4, 4)):
        maps = tmp_path / str(side)
        maps.mkdir()
        for path in pictures.iterdir():
            columns = np.arange(side + 2, dtype=np.uint8)
            Image.fromarray(np.tile(columns, (side, 1))).save(maps / path.name)
        images = read_images(pictures, "train", size=8, condition_on=str(maps))
        assert images.maps is not None
        assert images.maps.shape[1:] == (1, expected, expected)
        if side == expected:
            assert images.maps[0, 0, 0].tolist() == list(range(1, side + 1))


def test_one_picture_in_colour_makes_maps_of_all_splits_colours(places: tuple[Path, Path], tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    shutil.copytree(places[1], maps)
    name = read_images(places[0], "test").names[0]
    Image.new("RGB", (4, 4), (9, 8, 7)).save(maps / Path(name).with_suffix(".bmp"))
    images = read_images(places[0], "train", condition_on=str(maps))
    assert images.context_features == 3


def test_what_does_not_fit_is_named(places: tuple[Path, Path], tmp_path: Path) -> None:
    images = read_images(places[0], None)
    maps = tmp_path / "maps"
    shutil.copytree(places[1], maps)
    for name in ("003.bmp", "007.bmp", "011.bmp", "012.bmp"):
        (maps / name).unlink()
    with pytest.raises(DataError, match=r"has no picture of the name of 003.png, 007.png, 011.png and of 1 more; add"):
        with_maps(images, maps)
    twice = tmp_path / "twice"
    shutil.copytree(places[1], twice)
    shutil.copy(places[0] / "005.png", twice)
    with pytest.raises(DataError, match=r"005.bmp and 005.png have the same name; remove one"):
        with_maps(images, twice)
    with pytest.raises(DataError, match="no such folder; give one of pictures"):
        with_maps(images, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures; is it the right place"):
        read_maps(tmp_path / "empty", 3)
    with pytest.raises(DataError, match="images without names cannot be matched with pictures"):
        read_images("digits", "train", condition_on=str(maps))


# Runs


def test_a_run_remembers_the_folder_and_what_its_flow_takes(trained: Path, places: tuple[Path, Path]) -> None:
    run = read_run(trained)
    assert (run.condition_on, run.training.conditional) == (str(places[1]), True)
    assert (run.arguments["context_features"], run.arguments["context_width"]) == (1, 32)
    flow = load_run(trained)
    context = read_images(places[0], "test", condition_on=str(places[1])).context
    assert context is not None
    assert flow.sample(len(context), context=context).shape == (len(context), 1, 8, 8)


def test_runs_of_earlier_versions_are_read(trained: Path, tmp_path: Path) -> None:
    settings = json.loads((trained / "config.json").read_text())
    del settings["condition_on"]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert read_run(tmp_path).condition_on is None


def test_the_width_of_the_network_may_be_chosen(places: tuple[Path, Path], tmp_path: Path) -> None:
    command = ["train", places[0], "-o", tmp_path / "run", *TINY, "--condition-on", places[1]]
    assert call(*command, "--model", "glow:context_width=0") == 0
    assert load_run(tmp_path / "run").context_network is None


def test_measures_are_those_of_the_report(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = json.loads((trained / "report.json").read_text())
    assert numbers(capfd, "eval", trained)["bits_per_dim"] == report["bits_per_dim"]
    assert numbers(capfd, "reconstruct", trained, "-o", trained / "r.png")["max_reconstruction_error"] < 1e-4


def test_other_data_need_pictures_too(
    trained: Path, places: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(places[0], other)
    for command in (["eval", trained, other], ["score", trained, other, "-o", tmp_path / "scores.csv"]):
        assert call(*command) == 2
        assert "conditioned on pictures, such as those of" in (error := capfd.readouterr().err)
        assert "give by --condition-on a folder" in error
    moved = tmp_path / "moved"
    shutil.copytree(places[1], moved)
    expected = numbers(capfd, "eval", trained)["bits_per_dim"]
    assert numbers(capfd, "eval", trained, other, "--condition-on", moved)["bits_per_dim"] == expected
    assert numbers(capfd, "eval", trained, "--condition-on", moved)["bits_per_dim"] == expected


def test_other_pictures_are_not_what_a_run_knows(
    trained: Path, places: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(places[1], changed)
    name = read_images(places[0], "test").names[0]
    Image.new("L", (4, 4), 255).save(changed / Path(name).with_suffix(".bmp"))
    assert call("eval", trained, "--condition-on", changed) == 2
    assert "its test images are as many" in capfd.readouterr().err


def test_scores_of_files_match_by_their_names(trained: Path, places: tuple[Path, Path], tmp_path: Path) -> None:
    files = sorted(places[0].iterdir())[:3]
    options = ["--condition-on", places[1]]
    assert call("score", trained, *files, "-o", tmp_path / "files.csv", *options) == 0
    assert call("score", trained, places[0], "-o", tmp_path / "all.csv", *options) == 0
    few, every = ((tmp_path / f"{name}.csv").read_text().splitlines()[1:4] for name in ("files", "all"))
    values = [[float(line.split(",")[1]) for line in lines] for lines in (few, every)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert call("latents", trained, *files, "-o", tmp_path / "z.npy", *options) == 0
    assert np.load(tmp_path / "z.npy").shape == (3, 64)


def test_samples_stand_in_a_row_for_each_picture(trained: Path, places: tuple[Path, Path], tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(places[1].iterdir())[:3]:
        shutil.copy(path, few)
    assert call("sample", trained, "-n", "12", "-o", tmp_path / "s.png", "--condition-on", few) == 0
    with Image.open(tmp_path / "s.png") as picture:
        assert tuple(side // 66 for side in picture.size) == (4, 3)
    assert call("sample", trained, "-n", "5", "-o", tmp_path / "own") == 0
    assert len(list((tmp_path / "own").iterdir())) == 5


def test_pictures_or_classes_that_a_flow_does_not_take_are_refused(
    trained: Path, places: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    colours = tmp_path / "colours"
    colours.mkdir()
    Image.new("RGB", (4, 4), (1, 2, 3)).save(colours / "a.png")
    plain = tmp_path / "plain"
    assert call("train", places[0], "-o", plain, *TINY) == 0
    samples = ["-o", tmp_path / "s.png"]
    for command, message in [
        (["sample", trained, *samples, "--condition-on", colours], "takes 1 entries of a context at each"),
        (["sample", trained, *samples, "--class", "cat"], "is conditioned on pictures, and on no class"),
        (["sample", plain, *samples, "--condition-on", places[1]], "leave --condition-on out"),
        (["eval", plain, "--condition-on", places[1]], "is not conditional; leave --condition-on out"),
    ]:
        capfd.readouterr()
        assert call(*command) == 2
        assert message in capfd.readouterr().err
    assert not (tmp_path / "s.png").exists()


def test_a_run_goes_on_where_it_was_and_its_pictures_may_have_moved(places: tuple[Path, Path], tmp_path: Path) -> None:
    options = [*TINY, "--model", "glow", "--condition-on"]
    assert call("train", places[0], "-o", tmp_path / "run", *options, places[1]) == 0
    moved = tmp_path / "moved"
    shutil.copytree(places[1], moved)
    before = load_run(tmp_path / "run").state_dict()
    assert call("train", places[0], "-o", tmp_path / "run", "--resume", "--condition-on", moved) == 0
    assert read_run(tmp_path / "run").condition_on == str(moved)
    assert all(torch.equal(value, before[name]) for name, value in load_run(tmp_path / "run").state_dict().items())


def test_missing_pictures_are_named_before_anything_is_trained(
    places: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    shutil.copytree(places[1], few)
    (few / "003.bmp").unlink()
    assert call("train", places[0], "-o", tmp_path / "run", *TINY, "--condition-on", few) == 2
    assert "has no picture of the name of 003.png; add one for each image" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()
    assert call("train", places[0], "-o", places[1] / "run", *TINY, "--condition-on", places[1]) == 2
    assert "lies in the data" in capfd.readouterr().err


def test_nothing_is_written_among_the_pictures(
    trained: Path, places: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    inside = ["-o", places[1] / "x.png"]
    condition = ["--condition-on", places[1]]
    for command in (
        ["sample", trained, *inside],
        ["reconstruct", trained, *inside],
        ["score", trained, places[0], "-o", places[1] / "x.csv", *condition],
        ["latents", trained, places[0], "-o", places[1] / "x.npy", *condition],
        ["score", trained, places[0], "-o", trained.parent / "x.csv", "--sheet", places[1] / "x.png", *condition],
    ):
        capfd.readouterr()
        assert call(*command) == 2
        assert f"lies in the data, {places[1]}" in capfd.readouterr().err
    assert not list(places[1].glob("x.*"))
