"""The command line as a person uses it: a run from end to end, and every bad input."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from nflows_core.bijections import ActNorm
from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.evaluation import image_grid
from nflows_core.runs import experiment, load_run
from nflows_core.runs.folder import KIND
from nflows_core.runtime.tensors import read_tensors
from nflows_core.testing import call_command, kill_at_call
from nflows_core.training import StepMetrics
from nflows_core.training.curve import Log

TINY = ["--levels", "1", "--depth", "1", "--width", "4", "--epochs", "1", "--batch-size", "50"]


call = partial(call_command, nflows)


def picture(path: Path, height: int = 8, width: int = 8) -> None:
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (height, width), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


# What the commands do


def test_a_run_leaves_what_a_person_wants_to_look_at(trained: Path) -> None:
    names = {"config.json", "model.safetensors", "checkpoint.safetensors", "metrics.csv", "metrics_test.csv"}
    names |= {"report.json", "report.html", "samples.png", "reconstruction.png"}
    assert {path.name for path in trained.iterdir()} == names
    report = json.loads((trained / "report.json").read_text())
    assert report["bits_per_dim"] < report["bits_per_dim_before_training"]
    assert report["max_reconstruction_error"] < 1e-4
    assert report["parameters"] == sum(p.numel() for p in load_run(trained).parameters())
    assert report["inputs"]["weights"]["sha256"]
    assert report["run"]["arguments"]["kernel_size"] == 3, "what was left to the defaults is kept too"


def test_a_run_of_one_update_has_a_report(tmp_path: Path) -> None:
    assert call("train", "digits", "-o", tmp_path, *TINY, "--batch-size", "1500") == 0
    assert json.loads((tmp_path / "report.json").read_text())["seconds"] > 0


def test_eval_prints_its_report_alone_as_json(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("eval", trained, "--json") == 0
    measured = json.loads(capfd.readouterr().out)
    report = json.loads((trained / "report.json").read_text())
    assert measured["bits_per_dim"] == report["bits_per_dim"]
    assert measured["test_images"] == len(read_images("digits", "test"))


def test_samples_depend_on_the_seed_only(trained: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call("sample", trained, "-n", 9, "-o", tmp_path / f"{name}.png", "--seed", seed) == 0
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    samples = load_run(trained).sample(9, generator=torch.Generator().manual_seed(1))
    with Image.open(tmp_path / "a.png") as grid:
        assert np.array_equal(np.asarray(grid), image_grid(samples).squeeze(-1))


def test_reconstruct_says_how_exact(trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("reconstruct", trained, "-n", 50, "-o", tmp_path / "r.png", "--json") == 0
    result = json.loads(capfd.readouterr().out)
    assert result["images"] == 50
    assert 0 < result["max_reconstruction_error"] < 1e-4
    with Image.open(tmp_path / "r.png") as picture:
        rows = np.split(np.asarray(picture)[2:], 3)  # below the margin
    assert np.abs(rows[0].astype(int) - rows[1]).max() <= 1, "reconstructions are the images, but for one level of grey"


def test_doctor_finds_this_installation_well(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "--json") == 0
    assert json.loads(capfd.readouterr().out)["inverse_is_exact"] is True


def test_commands_start_without_torch() -> None:
    program = "import sys; from nflows_core.cli import nflows; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# Kill and resume


def test_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path) -> None:
    settings = ["train", "digits", *TINY, "--epochs", "3", "--checkpoint-steps", "7", "--seed", "3"]

    def curve(folder: Path, name: str) -> list[list[str]]:
        with (folder / name).open(newline="") as file:
            return [[row["step"], row["bits_per_dim"]] for row in csv.DictReader(file)]

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert call(*settings, "-o", whole) == 0
    kill_at_call("os.replace", 5, "nflows_core.cli", *settings, "-o", killed)
    assert not (killed / "model.safetensors").exists()
    assert call(*settings, "-o", killed, "--resume") == 0
    for name in ("metrics.csv", "metrics_test.csv"):
        assert curve(killed, name) == curve(whole, name)
    for name, tensor in load_run(whole).state_dict().items():
        assert torch.equal(tensor, load_run(killed).state_dict()[name]), name


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_ends_a_training_that_goes_on_where_it_was(
    tmp_path: Path, name: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(self: Log, metrics: object) -> None:
        if isinstance(metrics, StepMetrics):
            signal.raise_signal(getattr(signal, name))

    settings = ["train", "digits", "-o", tmp_path, *TINY]
    with monkeypatch.context() as patch:
        patch.setattr(Log, "write", write)
        assert call(*settings) == code
    checkpoint = read_tensors(tmp_path / "checkpoint.safetensors", "checkpoint")[1]
    assert checkpoint["progress"]["step"] == 10, "the first that is logged"
    assert capsys.readouterr().err.splitlines()[-1].startswith(("nflows: error: ended by SIG", "nflows: error: interr"))
    assert call(*settings, "--resume") == 0


def test_two_trainings_into_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, codes = Log.write, []

    def intrude(self: Log, metrics: StepMetrics) -> None:
        if not codes:
            codes.extend([call(*settings, "--overwrite"), call(*settings, "--resume")])
        write(self, metrics)

    settings = ["train", "digits", "-o", tmp_path, *TINY]
    monkeypatch.setattr(Log, "write", intrude)
    assert call(*settings) == 0
    assert codes == [2, 2]
    assert capsys.readouterr().err.count("writes here; wait for it, or choose another folder") == 2
    assert load_run(tmp_path).training is False


def test_resume_refuses_other_settings(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "digits", "-o", trained, "--resume", "--learning-rate", "0.5") == 2
    assert "--learning-rate is 0.5, but the run to resume has 0.003" in capsys.readouterr().err


def test_a_run_is_not_overwritten_unasked(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "config.json").read_bytes()
    assert call("train", "digits", "-o", trained, "--depth", "3") == 2
    assert "a run is there; resume it, overwrite it or choose another folder" in capsys.readouterr().err
    assert (trained / "config.json").read_bytes() == before


def test_overwrite_removes_the_run_and_nothing_else(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    (tmp_path / "mine.txt").write_text("kept")
    assert call("train", "digits", "-o", tmp_path, *TINY, "--overwrite", "--model", "glow") == 0
    assert json.loads((tmp_path / "config.json").read_text())["model"] == "glow"
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_overwrite_keeps_the_run_when_the_new_one_cannot_start(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert call("train", tmp_path / "missing", "-o", tmp_path, *TINY, "--overwrite") == 2
    assert call("train", "digits", "-o", tmp_path, *TINY, "--overwrite", "--levels", "4") == 2
    assert call("train", "digits", "-o", tmp_path, *TINY, "--overwrite", "--batch-size", "5000") == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# Folders of others


def stranger(folder: Path) -> dict[str, str]:
    """A folder with files that are called as those of a run."""
    folder.mkdir()
    for name in KIND.files:
        (folder / name).write_text("mine")
    return texts(folder)


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("without", [None, "config.json"])
@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_a_folder_of_somebody_else_is_not_trained_into(
    tmp_path: Path, without: str | None, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = stranger(tmp_path / "theirs")
    if without:
        (tmp_path / "theirs" / without).unlink()
        del before[without]
    (tmp_path / "link").symlink_to("theirs")
    for name in ("theirs", "link"):
        assert call("train", "digits", "-o", tmp_path / name, *TINY, *options) == 2
        assert "without the mark of an nflows command" in capsys.readouterr().err
    assert texts(tmp_path / "theirs") == before


def test_the_demo_is_not_trained_into_a_folder_of_somebody_else(tmp_path: Path) -> None:
    before = stranger(tmp_path / "demo")
    assert call("demo", "-o", tmp_path / "demo") == 2
    assert texts(tmp_path / "demo") == before


def test_the_demo_replaces_no_run_but_a_demo(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, tmp_path / "demo")
    before = {path.name: path.read_bytes() for path in (tmp_path / "demo").iterdir()}
    assert call("demo", "-o", tmp_path / "demo") == 2
    assert "a run is there" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "demo").iterdir()} == before
    monkeypatch.setattr(experiment, "DEMO", replace(experiment.DEMO, epochs=1))
    monkeypatch.setattr(experiment, "DEMO_MODEL", {"levels": 1, "depth": 1, "width": 4})
    for _ in range(2):
        assert call("demo", "-o", tmp_path / "new") == 0


@pytest.mark.parametrize("options", [("--overwrite",), ("--resume",)])
def test_no_file_of_a_run_is_written_through_a_link(trained: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    victim = tmp_path / "victim"
    for name in ("model.safetensors", "metrics.csv", "report.html"):
        shutil.copytree(trained, tmp_path / name)
        (tmp_path / name / name).rename(victim)
        (tmp_path / name / name).symlink_to(victim)
        before = victim.read_bytes()
        settings = () if options == ("--resume",) else TINY
        assert call("train", "digits", "-o", tmp_path / name, *settings, *options) == 2
        assert victim.read_bytes() == before


# Bad input


def missing_folder(folder: Path) -> Path:
    return folder / "missing"


def truncated_idx(folder: Path) -> Path:
    for split, count in (("train", 60), ("t10k", 10)):
        header = struct.pack(">IIII", 2051, count, 8, 8)
        (folder / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(count * 64 - 1)))
    return folder


def mixed_sizes(folder: Path) -> Path:
    for index in range(12):
        picture(folder / f"{index}.png")
    picture(folder / "tall.png", height=9)
    return folder


def text_named_png(folder: Path) -> Path:
    for index in range(12):
        picture(folder / f"{index}.png")
    (folder / "note.png").write_text("not a picture")
    return folder


def odd_sizes(folder: Path) -> Path:
    for split in ("train", "test"):
        for index in range(12):
            picture(folder / split / f"{index}.png", height=7)
    return folder


def too_few(folder: Path) -> Path:
    for index in range(12):
        picture(folder / f"{index}.png")
    return folder


def nan_pixels(folder: Path) -> Path:
    pixels = np.zeros((40, 8, 8), dtype=np.float32)
    pixels[7, 3, 2] = np.nan
    np.save(folder / "images.npy", pixels)
    return folder / "images.npy"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing_folder, "missing: no such file or folder"),
        (truncated_idx, "train-images-idx3-ubyte.gz"),
        (mixed_sizes, "; give one size for all"),
        (text_named_png, "note.png: not a picture"),
        (odd_sizes, "height and width must be even, got 7 x 8"),
        (nan_pixels, "image 7 has the pixel nan"),
        (too_few, "holds out 1 test images, and a flow is measured on 2 or more"),
    ],
)
def test_bad_data(make: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    assert call("train", make(tmp_path / "data"), "-o", tmp_path / "run", *TINY) == 2  # type: ignore[operator]
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("nflows: error: ")
    assert len(error.strip().splitlines()) <= 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "glow", "--kernel-size", "3"], "the model glow takes no kernel_size"),
        (["--levels", "4"], "choose fewer levels"),
        (["--learning-rate", "0"], "learning_rate must be positive"),
        (["--batch-size", "5000"], "do not fill one update of 5000"),
        (["--model", "resnet"], "no model is called 'resnet'"),
        (["--depth", "0"], "0 is not in the range x>=1"),
        (["--size", "1"], "size must be at least 2, for a flow halves images: got 1"),
        (["--seed", "99999999999999999999"], "is not in the range 0<=x<=4294967295"),
        (
            ["--size", "15"],
            "must be even, got 15 x 15 at level 1 of 2 from images of 15 x 15; give images of a size that 4",
        ),
        (["--size", "15"], "divides, such as 12 or 16"),
        (
            ["--size", "6"],
            "got 3 x 3 at level 2 of 2 from images of 6 x 6; choose fewer levels, 1 at most, or give images",
        ),
        (["--size", "2", "--levels", "3"], "a size that 8 divides, such as 8"),
        (["--bits", "5"], "have 17 values a pixel, and not 8 bits; leave --bits out"),
        (["--splits", "a"], "splits must be two folders, as in train,test, or none; got 'a'"),
    ],
)
def test_bad_settings(options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "digits", "-o", tmp_path / "run", "--epochs", "1", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore."), " (CUDA out of memory."),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), " ([enforce fail] Default"),
        (MemoryError(), ": give"),
    ],
)
def test_out_of_memory_says_what_needs_less(
    trained: Path,
    tmp_path: Path,
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ActNorm, "_inverse", fail)
    assert call("sample", trained, "-o", tmp_path / "s.png") == 1
    assert f"out of memory{said}" in (shown := capsys.readouterr().err)
    assert "give a lower --batch-size, or take a machine that has more" in shown
    monkeypatch.setattr(ActNorm, "_forward", fail)
    assert call("train", "digits", "-o", tmp_path / "run", *TINY) == 1
    assert "give a lower --batch-size or --reversible, or take a machine" in capsys.readouterr().err
    assert call("eval", trained) == 1
    assert "give smaller images, or take a machine" in capsys.readouterr().err


def test_a_folder_of_the_demo_sets_name_is_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for index in range(60):
        picture(Path("digits") / f"{index}.png", 4, 4)
    assert call("train", "digits", "-o", "demo", *TINY) == 0
    assert "warning: digits is the demo set; write ./digits for what is here" in capsys.readouterr().err
    assert load_run(Path("demo")).shape == (1, 8, 8)
    assert call("train", "./digits", "-o", "run", *TINY[:-1], 10) == 0
    assert "warning" not in capsys.readouterr().err
    assert load_run(Path("run")).shape == (1, 4, 4)


def test_a_foreign_checkpoint(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    save_file({"weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    assert call("sample", tmp_path, "-o", tmp_path / "s.png") == 2
    assert str(tmp_path / "model.safetensors") in capsys.readouterr().err
    (tmp_path / "model.safetensors").write_text("not safetensors")
    assert call("sample", tmp_path, "-o", tmp_path / "s.png") == 2
    assert str(tmp_path / "model.safetensors") in capsys.readouterr().err
    assert not (tmp_path / "s.png").exists()


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("eval", tmp_path) == 2
    assert "is no run folder" in capsys.readouterr().err


def test_images_of_another_shape(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(30):
        picture(tmp_path / "test" / f"{index}.png", 16, 16)
        picture(tmp_path / "train" / f"{index}.png", 16, 16)
    assert call("eval", trained, tmp_path) == 2
    assert "the flow takes images of shape (1, 8, 8), these have (1, 16, 16)" in capsys.readouterr().err


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("nflows_core.runtime.files.os.fsync", full)
    assert call("train", "digits", "-o", tmp_path / "run", *TINY) == 1
    assert "No space left on device; free some space" in capsys.readouterr().err
    assert not list((tmp_path / "run").iterdir())


def test_a_flow_that_diverges_names_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forward = ActNorm._forward
    calls = []

    def poisoned(self: ActNorm, x: torch.Tensor, context: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(self)
        z, logdet = forward(self, x, context)
        return (z if len(calls) < 10 else z * torch.nan), logdet

    monkeypatch.setattr(ActNorm, "_forward", poisoned)
    assert call("train", "digits", "-o", tmp_path / "run", *TINY) == 1
    error = capsys.readouterr().err
    assert "ActNorm" in error
    assert "checkpoint.safetensors" in error


def test_a_model_with_arguments_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "digits", "-o", tmp_path, "--model", "cinc:coupling=quad", *TINY]
    assert call(*command) == 0
    assert any(type(module).__name__ == "QuadCoupling" for module in load_run(tmp_path).modules())
    assert call(*command, "--resume") == 0
    capsys.readouterr()
    assert call("train", "digits", "-o", tmp_path, "--model", "cinc:coupling=affine", "--resume") == 2
    assert "--coupling is affine, but the run to resume has quad" in capsys.readouterr().err
    assert call("train", "digits", "-o", tmp_path / "new", "--model", "glww") == 2
    assert "no model is called 'glww'; there are cinc, " in capsys.readouterr().err


# Names that are no Unicode


@pytest.mark.skipif(sys.platform != "linux", reason="such names are on Linux only")
def test_a_training_on_any_names_is_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / os.fsdecode(b"caf\xe9")
    for name in (os.fsdecode(b"b\xe9"), "<img src=x>", "\x1b[31m\u202e"):
        for number in range(30):
            picture(data / name / f"{number}.png")
    folder = tmp_path / os.fsdecode(b"run\xe9")
    assert call("train", data, "-o", folder, *TINY, "--batch-size", "10", "--conditional", "--json") == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["run"]["data"] == str(data)
    assert json.loads((folder / "report.json").read_bytes().decode())["run"]["data"] == str(data)
    assert json.loads((folder / "config.json").read_bytes().decode())["classes"] == sorted(
        path.name for path in data.iterdir()
    )
    page = (folder / "report.html").read_bytes().decode()
    assert "b\\udce9" in page
    assert "<img src=x>" not in page
    assert "\x1b" not in page + output.err
    assert call("eval", folder) == 0
    assert call("sample", folder, "-n", "3", "-o", folder / os.fsdecode(b"\xff.png")) == 0
    assert "\\udcff.png" in capsys.readouterr().out
