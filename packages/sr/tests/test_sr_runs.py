"""The run folder: what is begun with the weights of another run, and what is told of one that is damaged."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from made_up_pictures import save_pictures
from nflows_core.runtime.tensors import CheckpointError
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig
from nflows_sr.cli import sr
from nflows_sr.training import is_run, load_model, read_run, train

SMALL = "channels=8,width=8,blocks=1"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pictures(tmp_path_factory.mktemp("pictures"), 16)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    settings = {"channels": 8, "width": 8, "blocks": 1, "crop": 12}
    train(data, folder, "coupling", settings, EngineConfig(epochs=1, batch_size=4, warmup_steps=10))
    return folder


@pytest.mark.parametrize("scale", [3, 4])
def test_another_scale_begins_with_all_but_the_last_layer(run: Path, data: Path, tmp_path: Path, scale: int) -> None:
    settings = {"channels": 8, "width": 8, "blocks": 1, "crop": 8, "scale": scale}
    config = EngineConfig(epochs=1, batch_size=8, learning_rate=1e-9)
    started = train(data, tmp_path / "x", "coupling", settings, config, start=run).state_dict()
    for name, value in load_model(run, read_run(run)).state_dict().items():
        if name.startswith("tail."):
            assert started[name].shape != value.shape
        else:
            torch.testing.assert_close(started[name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("coupling:channels=6,width=8,blocks=1,crop=12", r"another architecture \(channels 8 instead of 6\)"),
        ("coupling:channels=8,width=6,blocks=1,crop=12,scale=3", "width 8 instead of 6"),
        ("residual:channels=8,width=8,blocks=1,crop=12", "coupling instead of residual"),
    ],
)
def test_another_architecture_is_no_start(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, message: str
) -> None:
    assert call_command(sr, "train", data, "-o", tmp_path / "x", "--model", model, "--start", run) == 2
    told = capsys.readouterr().err
    assert re.search(message, told)
    assert re.search(r"--start: .*run is another architecture .*, and \d of its 8 tensors would be lost", told)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("coupling:SMALL", "8 of 8 tensors taken\n"),
        ("coupling:SMALL,scale=4", "6 of 8 tensors taken; new are tail.weight, tail.bias\n"),
        ("flow:SMALL,depth=1", "8 of 24 tensors taken; new are flow."),
    ],
)
def test_what_was_taken_of_a_start_is_told(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, message: str
) -> None:
    chosen = model.replace("SMALL", f"{SMALL},crop=8")
    options = ("--model", chosen, "--start", run, "--epochs", 1, "--batch-size", 8)
    assert call_command(sr, "train", data, "-o", tmp_path / "x", *options) == 0
    assert f"{run}: {message}" in capsys.readouterr().err


def test_a_run_is_known_and_built_again(run: Path, tmp_path: Path) -> None:
    assert is_run(run)
    assert not is_run(tmp_path)
    stored = read_run(run)
    assert stored.model == "coupling"
    assert stored.settings == {"scale": 2, "channels": 8, "width": 8, "blocks": 1, "crop": 12}
    assert (stored.training.epochs, stored.training.warmup_steps) == (1, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "other"}, "there is no recipe 'other'"),
        ({"model": 3}, "model must be a word"),
        ({"settings": []}, "settings must have names with values"),
        ({"settings": {"blocks": 10**9}}, "`blocks`: expected a number from 1 to 4096"),
        ({"settings": {"blocks": 4096, "width": 4096}}, "`channels` x `width` x `blocks` is 536,870,912; it may be"),
        ({"settings": {"blocks": 3}}, "holds the weights of another model"),
        ({"training": {"epochs": 0}}, "epochs must be at least 1"),
        ({"fingerprint": {"train": {}}}, "fingerprint must have"),
        ({"training": {"batch_size": 2}}, "training settings without epochs"),
        ({"fingerprint": {"train": {"images": 1}, "test": {}}}, "fingerprint must have images, names and content"),
        ({"kind": "another"}, "its kind is not 'super-resolution run'"),
    ],
)
def test_a_broken_configuration_is_told(run: Path, tmp_path: Path, change: dict[str, object], message: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    config = json.loads((run / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | change))
    with pytest.raises((ValueError, CheckpointError), match=message):
        load_model(broken, read_run(broken))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"kind": "super-resolution run", "mod', "Unterminated string starting at: line 1 column 34"),
        ("", "Expecting value"),
        ('{"kind": "another"}', "its kind is not 'super-resolution run'"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    shutil.copytree(run, tmp_path / "broken")
    (tmp_path / "broken" / "config.json").write_text(content)
    save_pictures(tmp_path / "pictures", 1)
    for command in (("info",), ("upscale", tmp_path / "pictures", "-o", tmp_path / "out", "--model")):
        assert call_command(sr, *command, tmp_path / "broken") == 2
        told = capsys.readouterr().err
        assert "config.json does not describe a super-resolution run of this version: " in told
        assert message in told


def test_weights_that_were_changed_on_the_disk_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(run, damaged)
    content = bytearray((damaged / "model.safetensors").read_bytes())
    content[-1] ^= 0x10
    (damaged / "model.safetensors").write_bytes(content)
    assert call_command(sr, "info", damaged) == 2
    assert "model.safetensors is damaged, or of another run: its SHA-256 is" in capsys.readouterr().err
