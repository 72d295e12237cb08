"""A run knows its data: where they are, how they are read, and that they are the same."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.evaluation import bits_per_dim
from nflows_core.runs import load_run, read_run
from nflows_core.runs.data import place_of, refuse_inside
from nflows_core.testing import call_command
from run_pictures import TINY, noise

call = partial(call_command, nflows)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on pictures, both in one folder; a test that changes either copies both first."""
    folder = tmp_path_factory.mktemp("home")
    noise(folder / "pictures")
    assert call("train", folder / "pictures", "-o", folder / "run", *TINY) == 0
    return folder


def forget(run: Path, *names: str) -> None:
    """Makes a run that of an earlier version, which kept less."""
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({key: value for key, value in settings.items() if key not in names}))


def change_one(folder: Path, split: str) -> None:
    """Other pixels under the same name, in a split."""
    name = read_images(folder, split).names[0]  # type: ignore[arg-type]
    Image.new("L", (8, 8), 3).save(folder / name)


# The same data


@pytest.mark.parametrize("split", ["train", "test"])
def test_resume_on_other_pictures_is_refused(
    home: Path, tmp_path: Path, split: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(home / "run", tmp_path / "run")
    other = shutil.copytree(home / "pictures", tmp_path / "other")
    assert call("train", other, "-o", run, "--resume") == 0, "the same pictures elsewhere"
    change_one(other, split)
    before = (run / "model.safetensors").read_bytes()
    capsys.readouterr()
    assert call("train", other, "-o", run, "--resume") == 2
    error = capsys.readouterr().err
    assert f"other is not what {run} was trained on: its {split} images are as many" in error
    assert "but other ones. Give the pictures that the run had, or train a new run on these." in error
    assert (run / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "command",
    [
        ["eval"],
        ["reconstruct"],
        ["interpolate", "-o", "i.png"],
        ["edit", "--attribute", "brightness", "-o", "e.png"],
    ],
)
def test_nothing_else_is_measured_silently(
    home: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(home / "pictures", tmp_path / "pictures")
    assert call("train", tmp_path / "pictures", "-o", tmp_path / "run", *TINY) == 0
    first, *rest = command
    assert call(first, tmp_path / "run", *rest) == 0
    change_one(tmp_path / "pictures", "test")
    capsys.readouterr()
    assert call(first, tmp_path / "run", *rest) == 2
    assert "its test images are as many" in (error := capsys.readouterr().err)
    if first == "eval":
        assert "or give these as DATA, to measure them all the same" in error
        assert call("eval", tmp_path / "run", tmp_path / "pictures") == 0


def test_pictures_that_a_person_names_are_measured(home: Path, tmp_path: Path) -> None:
    assert call("eval", home / "run", noise(tmp_path / "others", seed=1)) == 0


def test_a_table_compares_models_of_the_same_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, table = noise(tmp_path / "data"), tmp_path / "table"
    command = ["bench", data, "-o", table, "--model", "glow", *TINY, "--rounds", 1]
    assert call(*command) == 0
    change_one(data, "train")
    capsys.readouterr()
    assert call(*command) == 2
    assert "its train images are as many" in capsys.readouterr().err


def test_an_earlier_run_is_resumed_with_a_warning_and_known_from_then_on(home: Path, tmp_path: Path) -> None:
    run = shutil.copytree(home / "run", tmp_path / "run")
    forget(run, "fingerprint", "bits", "splits", "skip_others")
    with pytest.warns(
        RuntimeWarning, match=f"without a fingerprint of its data: see that {home / 'pictures'} is the same"
    ):
        assert call("eval", run) == 0
    (run / "checkpoint.safetensors").write_bytes(without_content((run / "checkpoint.safetensors").read_bytes()))
    with pytest.warns(RuntimeWarning, match="of an earlier version, without the content of its data"):
        assert call("train", home / "pictures", "-o", run, "--resume") == 0
    assert read_run(run).fingerprint == read_run(home / "run").fingerprint


def without_content(checkpoint: bytes) -> bytes:
    """The file as an earlier version wrote it."""
    length = int.from_bytes(checkpoint[:8], "little")
    header = json.loads(checkpoint[8 : 8 + length])
    (key,) = header["__metadata__"]
    described = json.loads(header["__metadata__"][key])
    del described["sampling"]["content"]
    header["__metadata__"] = {key: json.dumps(described)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + checkpoint[8 + length :]


# Where they are


def test_the_place_is_kept_from_every_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    assert call("train", "pictures", "-o", tmp_path / "run", *TINY) == 0
    assert read_run(tmp_path / "run").data == str(home / "pictures")
    noise(tmp_path / "pictures", seed=1)
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    assert call("eval", "run", "--json") == 0
    expected = bits_per_dim(load_run(tmp_path / "run"), read_images(home / "pictures", "test"))
    assert json.loads(capfd.readouterr().out)["bits_per_dim"] == pytest.approx(expected.mean, rel=1e-6)


def test_the_demo_set_has_no_place() -> None:
    assert place_of("digits") == "digits"
    assert Path(place_of("./digits")).is_absolute()


def test_data_that_moved_are_asked_for(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = shutil.copytree(home / "pictures", tmp_path / "pictures")
    assert call("train", pictures, "-o", tmp_path / "run", *TINY) == 0
    pictures.rename(tmp_path / "moved")
    capsys.readouterr()
    for command in (["eval"], ["reconstruct"], ["interpolate", "-o", tmp_path / "i.png"]):
        assert call(command[0], tmp_path / "run", *command[1:]) == 2
        assert f"was trained on {pictures}, which is not there; give as data where it is now" in capsys.readouterr().err
    assert call("eval", tmp_path / "run", tmp_path / "moved") == 0
    assert call("interpolate", tmp_path / "run", "-o", tmp_path / "i.png", "--data", tmp_path / "moved") == 0
    other = noise(tmp_path / "other", seed=1)
    assert call("interpolate", tmp_path / "run", "-o", tmp_path / "i.png", "--data", other) == 2
    assert "other is not what" in capsys.readouterr().err


def test_a_model_of_the_package_says_which_option_gives_it_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("eval", "mnist-inverse-flow") == 2
    message = "mnist-inverse-flow comes with the package, but not its data (mnist); give images as"
    assert f"{message} DATA" in capsys.readouterr().err
    assert call("interpolate", "mnist-inverse-flow", "-o", "i.png") == 2
    assert f"{message} --data" in capsys.readouterr().err


@pytest.mark.parametrize("inside", [".", "run", "a/b"])
def test_a_run_among_its_own_data_is_refused_before_it_is_trained(
    home: Path, tmp_path: Path, inside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = shutil.copytree(home / "pictures", tmp_path / "pictures")
    (tmp_path / "link").symlink_to(pictures)
    before = sorted(pictures.rglob("*"))
    for data in (pictures, tmp_path / "link"):
        assert call("train", data, "-o", pictures / inside, *TINY) == 2
        assert f"lies in the data, {data}, and would become part of it; give another place" in capsys.readouterr().err
    assert sorted(pictures.rglob("*")) == before


def test_a_run_beside_its_data_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    refuse_inside(tmp_path, str(tmp_path / "pictures"))
    refuse_inside(tmp_path / "pictures2", str(tmp_path / "pictures"))
    refuse_inside(tmp_path / "digits", "digits")


@pytest.mark.parametrize(
    "command",
    [
        ["score", "RUN", "a.npy", "-o", "a.npy"],
        ["latents", "RUN", "a.npy", "-o", "a.npy"],
        ["latents", "RUN", "link.npy", "-o", "a.npy"],
        ["score", "RUN", "A.png", "-o", "new.csv", "--sheet", "A.png"],
        ["interpolate", "RUN", "A.png", "A.png", "-o", "A.png"],
        ["edit", "RUN", "A.png", "--attribute", "brightness", "-o", "A.png"],
        ["edit", "RUN", "A.png", "--attribute", "tall", "--attributes", "table.png", "-o", "table.png"],
        ["reconstruct", "RUN", "a.npy", "-o", "a.npy"],
    ],
)
def test_no_result_replaces_what_it_is_made_of(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((20, 1, 8, 8), np.uint8))
    Path("link.npy").symlink_to("a.npy")
    shutil.copy(next((home / "pictures").rglob("*.png")), "A.png")
    Path("table.png").write_text("image,tall")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    assert call(*[home / "run" if word == "RUN" else word for word in command]) == 2
    assert f"{command[-1]} is an input, and would be lost; give another name" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    "command",
    [
        ["sample", "RUN", "-o", "INSIDE.png"],
        ["interpolate", "RUN", "-o", "INSIDE.png"],
        ["edit", "RUN", "--attribute", "brightness", "-o", "INSIDE.png"],
        ["reconstruct", "RUN", "-o", "INSIDE.png"],
        ["score", "RUN", "DATA", "-o", "new.csv", "--sheet", "INSIDE.png"],
    ],
)
def test_no_picture_of_a_run_becomes_part_of_its_data(
    home: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    data = home / "pictures"
    before = sorted(data.rglob("*"))
    words = {"RUN": home / "run", "DATA": data, "INSIDE.png": data / "new.png"}
    assert call(*[words.get(word, word) for word in command]) == 2
    assert "and would become part of it; give another place" in capsys.readouterr().err
    assert sorted(data.rglob("*")) == before


# How they are read


def test_five_bits_from_the_training_to_the_samples(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = noise(tmp_path / "data")
    assert call("train", data, "-o", tmp_path / "run", *TINY, "--bits", 5) == 0
    run = read_run(tmp_path / "run")
    assert (run.bits, run.arguments["quantization"]) == (5, 32)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["bits_per_dim"] < 5.5, "uniform noise of 32 values needs 5 bits"
    test = read_images(data, "test", bits=5)
    assert report["bits_per_dim"] == pytest.approx(bits_per_dim(load_run(tmp_path / "run"), test).mean, rel=1e-6)
    capfd.readouterr()
    assert call("eval", tmp_path / "run", data, "--json") == 0
    assert json.loads(capfd.readouterr().out)["bits_per_dim"] == pytest.approx(report["bits_per_dim"], rel=1e-6)
    assert call("sample", tmp_path / "run", "-n", 50, "-o", tmp_path / "s.npy") == 0
    samples = np.load(tmp_path / "s.npy")
    assert set(np.unique(samples)) <= {-(-255 * level // 31) for level in range(32)}
    assert samples.max() == 255, "white is white"
    assert call("train", data, "-o", tmp_path / "run", "--resume", "--bits", 4) == 2
    assert "--bits is 4, but the run to resume has 5" in capfd.readouterr().err


def test_other_files_and_splits_are_kept_with_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("left_train", "left_test", "right_train"):
        noise(tmp_path / "data" / folder, 20)
    (tmp_path / "data" / "left_train" / "README.md").write_text("words")
    command = ["train", tmp_path / "data", "-o", tmp_path / "run", *TINY]
    assert call(*command, "--splits", "left_train,left_test") == 2
    assert "README.md: not a picture" in (error := capsys.readouterr().err)
    assert "remove it, or skip all files that are not pictures by --skip-others" in error
    assert call(*command, "--splits", "left_train,left_test", "--skip-others") == 0
    assert call("eval", tmp_path / "run") == 0
    run = read_run(tmp_path / "run")
    assert run.fingerprint is not None
    assert [run.fingerprint[split].images for split in ("train", "test")] == [20, 20]


def test_folders_that_may_be_splits_are_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("trainA", "testA"):
        noise(tmp_path / "data" / folder, 20)
    assert call("train", tmp_path / "data", "-o", tmp_path / "run", *TINY) == 2
    assert "the folders testA and trainA may be splits or classes; say by --splits" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_training_and_testing_are_no_classes(tmp_path: Path) -> None:
    for folder in ("training", "testing"):
        for kind in ("0", "1"):
            noise(tmp_path / "data" / folder / kind, 10)
    assert call("train", tmp_path / "data", "-o", tmp_path / "run", *TINY, "--conditional") == 0
    assert read_run(tmp_path / "run").classes == ("0", "1")


def test_weights_do_not_depend_on_the_place(home: Path, tmp_path: Path) -> None:
    other = shutil.copytree(home / "pictures", tmp_path / "elsewhere")
    assert call("train", other, "-o", tmp_path / "run", *TINY) == 0
    for name, tensor in load_run(home / "run").state_dict().items():
        assert torch.equal(tensor, load_run(tmp_path / "run").state_dict()[name])
