"""``nflows sr train``: a run that beats bicubic, is resumed as if never killed, and is taken by other commands."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from made_up_pictures import made_up_picture, save_pictures
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig, StepMetrics
from nflows_core.training.curve import TEST_METRICS_FILE, read_curve
from nflows_sr.cli import sr
from nflows_sr.degradations import imresize
from nflows_sr.engines import EngineSettings, load_engine, resolve
from nflows_sr.evaluation.about import about
from nflows_sr.training import RECIPES, load_model, read_run, resume, train
from nflows_sr.training.recipes import find_recipe
from nflows_sr.training.report import got_worse

SMALL = "channels=8,width=8,blocks=1,crop=12"
SHORT = EngineConfig(epochs=2, batch_size=4, checkpoint_steps=3, ema_decay=0.9)
SETTINGS = {"channels": 4, "width": 4, "blocks": 1, "crop": 12}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pictures(tmp_path_factory.mktemp("pictures"), 16)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command line, ended by itself."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    options = (
        "--epochs",
        20,
        "--batch-size",
        4,
        "--learning-rate",
        0.02,
        "--warmup-steps",
        10,
        "--ema-decay",
        0.98,
        "--seed",
        1,
    )
    assert call_command(sr, "train", data, "-o", folder, "--model", f"coupling:{SMALL}", *options) == 0
    return folder


def decibels(picture: torch.Tensor, reference: torch.Tensor) -> float:
    return -10 * float((picture.clamp(0, 1) - reference).square().mean().log10())


def test_a_short_training_beats_bicubic_on_pictures_it_never_saw(run: Path) -> None:
    before, *_, after = (value for _, value in read_curve(run / TEST_METRICS_FILE, "psnr"))
    assert after > before + 0.5
    grey = made_up_picture(99)[:, :, :1]
    large, small = (torch.from_numpy(pixels).permute(2, 0, 1) / 255 for pixels in (grey, imresize(grey, 1 / 2)))
    learned, bicubic = (load_engine(resolve(EngineSettings(str(model), device="cpu"))) for model in (run, "bicubic"))
    assert decibels(learned(small), large) > decibels(bicubic(small), large) + 0.5


def test_the_report_has_what_the_last_test_gave(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    assert report["test_psnr"] == read_curve(run / TEST_METRICS_FILE, "psnr")[-1][1]
    assert report["train_pictures"] + report["test_pictures"] == 16
    assert report["parameters"] == sum(value.numel() for value in load_model(run, read_run(run)).parameters())
    assert "psnr of the test pictures" in (run / "report.html").read_text()


def test_a_training_that_diverges_is_given_up(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model", f"coupling:{SMALL}", "--epochs", 9, "--batch-size", 4, "--learning-rate", 1e3)
    assert call_command(sr, "train", data, "-o", tmp_path / "run", *options) == 1
    assert "Lower learning_rate or clip_norm" in capsys.readouterr().err
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_training_that_made_it_worse_says_so(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--epochs", 1, "--batch-size", 16, "--learning-rate", 0.3, "--warmup-steps", 0, "--ema-decay", 0)
    assert call_command(sr, "train", data, "-o", tmp_path / "run", "--model", f"coupling:{SMALL}", *options) == 0
    told = capsys.readouterr()
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    after, before = report["test_psnr"], report["test_psnr_before_training"]
    assert after < before == read_curve(tmp_path / "run" / TEST_METRICS_FILE, "psnr")[0][1]
    assert f"test psnr is {after:.4g}, and was {before:.4g} before the training: lower the learning rate" in told.err
    assert "test psnr before training" in told.out


def test_what_is_better_is_no_worse() -> None:
    report = {"test_psnr": 31.0, "test_psnr_before_training": 30.0, "test_rec": 0.1, "test_rec_before_training": 0.2}
    assert list(got_worse(report)) == []
    assert list(got_worse({**report, "test_psnr": 29.99999})) == []
    assert [sentence[:15] for sentence in got_worse({**report, "test_psnr": 29.0})] == ["test psnr is 29"]
    assert list(got_worse({**report, "test_psnr": None})) == ["test psnr is not finite"]
    assert list(got_worse({"test_rec": 0.3, "test_rec_before_training": 0.2})) != []


def test_an_interrupted_run_is_resumed_to_the_same_bytes(data: Path, tmp_path: Path) -> None:
    def interrupt(metrics: StepMetrics, total: int) -> None:
        if metrics.step == total // 2 + 1:
            raise KeyboardInterrupt

    whole, halved = tmp_path / "whole", tmp_path / "halved"
    train(data, whole, "coupling", SETTINGS, SHORT)
    with pytest.raises(KeyboardInterrupt):
        train(data, halved, "coupling", SETTINGS, SHORT, progress=interrupt)
    assert not (halved / "model.safetensors").exists()
    with pytest.warns(RuntimeWarning, match="halved has no model.safetensors, as its training has not finished"):
        told = about(str(halved))
    assert (told["epochs"], told["epochs_planned"]) == (1, 2)
    resume(halved)
    assert about(str(halved)).keys() & {"epochs", "epochs_planned"} == {"epochs"}
    for name in ("model.safetensors", TEST_METRICS_FILE):
        assert (halved / name).read_bytes() == (whole / name).read_bytes()


def test_test_pictures_may_be_a_folder_of_their_own(data: Path, tmp_path: Path) -> None:
    save_pictures(tmp_path / "test", 2, first_seed=50)
    train(data, tmp_path / "run", "residual", SETTINGS, SHORT, test=tmp_path / "test")
    (tmp_path / "test").rename(tmp_path / "moved")
    resume(tmp_path / "run", test=tmp_path / "moved")
    assert read_run(tmp_path / "run").test == str(tmp_path / "moved")
    assert {part: one.images for part, one in read_run(tmp_path / "run").fingerprint.items()} == {
        "train": 16,
        "test": 2,
    }


def test_other_pictures_are_not_gone_on_with(data: Path, tmp_path: Path) -> None:
    copied = tmp_path / "pictures"
    shutil.copytree(data, copied)
    train(copied, tmp_path / "run", "coupling", SETTINGS, SHORT)
    save_pictures(copied, 1, first_seed=77)
    with pytest.raises(ValueError, match=r"is not what .*run was trained on: its (train|test) pictures are"):
        resume(tmp_path / "run")
    save_pictures(tmp_path / "few", 1)
    with pytest.raises(ValueError, match=r"run was trained on other pictures than are there now: .*few: a hash"):
        resume(tmp_path / "run", tmp_path / "few")


def test_other_test_pictures_are_told_by_their_own_place(data: Path, tmp_path: Path) -> None:
    save_pictures(tmp_path / "test", 1, first_seed=50)
    train(data, tmp_path / "run", "coupling", SETTINGS, SHORT, test=tmp_path / "test")
    save_pictures(tmp_path / "test", 1, first_seed=51)
    with pytest.raises(ValueError, match=r"test is not what .*run was trained on: its test pictures are 1 then and 2"):
        resume(tmp_path / "run")


def test_the_defaults_of_the_help_are_those_of_the_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "train", "--help") == 0
    options = " ".join(capsys.readouterr().out.split()).split(" --")
    told = (re.match(r"([a-z-]+) .*\[default: the model's, ([\d.]+) of coupling\]", option) for option in options)
    engine = RECIPES["coupling"].engine
    assert {found[1].replace("-", "_"): float(found[2]) for found in told if found} == engine


def test_a_run_is_not_begun_over_another(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(sr, "train", data, "-o", run) == 2
    assert "a run is there; resume it, overwrite it or choose another folder" in capsys.readouterr().err
    (tmp_path / "mine.txt").write_text("mine")
    assert call_command(sr, "train", data, "-o", tmp_path) == 2
    assert "without the mark of an nflows command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "couplng"), "there is no recipe 'couplng'; there are coupling, residual"),
        (("--model", "coupling:bloks=3"), "there is no setting 'bloks'; there are scale, channels"),
        (("--model", "coupling:blocks=many"), "`blocks`: expected a whole number, got 'many'"),
        (("--model", "coupling:blocks=0"), "`blocks`: expected a number from 1 to 4096, got 0"),
        (("--model", "coupling:crop=90"), "no picture is as large as a crop of 90 pixels at scale 2"),
        (("--model", "coupling:crop=8", "--batch-size", 10_000), "do not fill one update of 10000"),
        (("--start", "nowhere"), "nowhere is no run folder"),
        (("--model", "coupling:scale=3", "--scale", 4), "--scale is 4, and --model has scale=3; give one of them"),
        (("--test", "nowhere"), "nowhere"),
    ],
)
def test_a_wrong_option_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[object, ...], message: str
) -> None:
    assert call_command(sr, "train", data, "-o", tmp_path / "run", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("test", ["pictures", "pictures/some", ".", "link", "copy", "other"])
def test_what_is_trained_on_is_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str], test: str) -> None:
    save_pictures(tmp_path / "pictures", 2)
    save_pictures(tmp_path / "pictures" / "some", 1, first_seed=9)
    (tmp_path / "link").symlink_to(tmp_path / "pictures")
    shutil.copytree(tmp_path / "pictures", tmp_path / "copy")
    save_pictures(tmp_path / "other", 2, first_seed=20)
    shutil.copy(next((tmp_path / "pictures" / "some").glob("*.png")), tmp_path / "other" / "renamed.png")
    options = ("-o", tmp_path.parent / "run", "--test", tmp_path / test)
    assert call_command(sr, "train", tmp_path / "pictures", *options) == 2
    assert re.search(r"--test: .* has pictures of .*pictures, which it would be trained on", capsys.readouterr().err)
    assert not (tmp_path.parent / "run").exists()


@pytest.mark.parametrize("model", ["coupling", "flow"])
def test_a_test_picture_with_nothing_within_its_border_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    save_pictures(tmp_path / "test", 1, height=7, width=60)
    options = ("-o", tmp_path / "run", "--test", tmp_path / "test", "--scale", 3, "--model", f"{model}:crop=8")
    assert call_command(sr, "train", data, *options) == 2
    told = capsys.readouterr().err
    assert "000.png: 60 x 6 pixels have none within a border of 3; take it out of the tested ones" in told
    assert not (tmp_path / "run").exists()


def test_too_few_pictures_hold_none_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_pictures(tmp_path / "one", 1)
    assert call_command(sr, "train", tmp_path / "one", "-o", tmp_path / "run") == 2
    told = capsys.readouterr().err
    assert "puts none of 1 pictures into the part 'test'; give more, or others as --test" in told


def test_a_resumed_run_keeps_its_settings(run: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "train", data, "-o", run, "--resume", "--model", "coupling:blocks=3") == 2
    assert "--blocks is 3, but the run to resume has 1; leave the option out" in capsys.readouterr().err


def test_a_run_among_its_pictures_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "train", data, "-o", data / "run") == 2
    assert "lies in the data" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - {"stable-sr", "stable-sr-wrapping", "res-shift"}))
def test_every_recipe_without_a_base_is_built_by_its_defaults(name: str) -> None:
    recipe = find_recipe(name)
    with torch.device("meta"):  # shapes alone: some have a hundred million parameters
        model = recipe.build(recipe.configured({}))
    assert any(parameter.requires_grad for parameter in model.parameters())
    assert EngineConfig(epochs=1, **recipe.engine).batch_size >= 1
