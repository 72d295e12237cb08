"""Classes filled with made crops: as many as they lack, none that the gate refuses, and for the training side alone."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generator_runs import CLASSES
from nflows_agri.balancing.filling import Balancing, RefusedCropsError, fill
from nflows_agri.cli import agri
from nflows_agri.generation.data import training_crops
from nflows_agri.generation.gate import copies, unlikely
from nflows_core.data import read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import read_picture
from nflows_core.testing import call_command, kill_at_call

GATE = ("--share", 0.5, "--temperature", 0.3)
TRAINING = ("--epochs", 1, "--batch-size", 16, "--size", 16)


@pytest.fixture(scope="module")
def made(flow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "made"
    assert call_command(agri, "balance", flow, "-o", folder, "--flow", flow, *GATE) == 0
    return folder


@pytest.fixture
def whole_split(split: Path, tmp_path: Path) -> Path:
    """The same split, whose other parts are pictures too."""
    folder = tmp_path / "crops"
    shutil.copytree(split.parent, folder)
    for path in folder.rglob("*.png"):
        if path.read_bytes() == b"no picture":
            Image.fromarray(np.full((24, 20, 3), 90, np.uint8)).save(path)
    return folder / split.name


def report_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


def test_each_class_is_filled_to_the_largest(made: Path, split: Path) -> None:
    real = Counter(file.label for file in read_labelled(split).files if file.part == "train")
    filled = read_labelled(made)
    assert Counter(file.label for file in filled.files) == {"broken": 28 - 4, "silkcut": 28 - 7}
    rows = report_of(made)["tables"]["Crops by class"]
    assert [(row["class"], row["real"]) for row in rows] == [(name, real[name]) for name in ("broken", "silkcut")]
    assert all(row["made"] <= row["tried"] <= row["made"] + row["unlikely"] + row["copies"] for row in rows)


def test_what_is_kept_is_likely_and_no_copy(made: Path, flow: Path, split: Path) -> None:
    files, real = read_labelled(made), training_crops(split, 8).images
    images = images_of(files, 8)
    labels = torch.tensor([CLASSES.index(file.label) for file in files.files])
    assert not unlikely(images.pixels, labels, flow, 0.5).any()
    assert not copies(images.pixels, labels, real).any()
    assert sum(row["unlikely"] for row in report_of(made)["tables"]["Crops by class"])


def test_what_a_kill_has_left_is_whole_no_training_takes_it_and_the_same_call_makes_it_anew(
    made: Path, flow: Path, whole_split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    command = ("balance", flow, "-o", folder, "--flow", flow, *GATE)
    kill_at_call("os.replace", 9, "nflows_core.cli", "agri", *command)
    assert not (folder / "report.json").exists()
    assert {one.name for one in folder.rglob("*.png")} < {one.name for one in made.rglob("*.png")}
    assert all(read_picture(one).pixels.shape == (8, 8, 3) for one in folder.rglob("*.png") if one.name[0] != ".")
    assert call_command(agri, "train", whole_split, "-o", tmp_path / "run", "--made", folder, *TRAINING) == 2
    assert "is not complete, for nflows agri balance was stopped" in capsys.readouterr().err
    assert call_command(agri, *command, "--ratio", 0.5) == 2
    assert "holds other made crops" in capsys.readouterr().err
    (folder / "broken" / "broken-99999999.png").write_bytes(b"of a call that rounded otherwise")
    assert call_command(agri, *command) == 0
    assert "they are made again" in capsys.readouterr().err
    assert contents(folder) == contents(made)


def contents(folder: Path) -> dict[Path, bytes]:
    """All that lies in the folders of the classes, hidden files too."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("*/*")}


def test_a_full_disk_ends_it_and_what_was_written_is_whole(
    made: Path, flow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left, sync = iter(range(6)), os.fsync

    def fill_up(descriptor: int) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fill_up)
    assert call_command(agri, "balance", flow, "-o", tmp_path / "made", "--flow", flow, *GATE) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(r"broken-\d{8}\.png: No space left on device; free some space", line)
    left_there = contents(tmp_path / "made")
    assert left_there.items() < contents(made).items()
    assert left_there


def test_crops_of_a_flow_that_has_learned_more_since_are_others(flow: Path, tmp_path: Path) -> None:
    older = tmp_path / "flow"
    shutil.copytree(flow, older)
    settings = Balancing(flow=str(older), share=0.5, temperature=0.3)
    fill(flow, tmp_path / "made", settings)
    (older / "model.safetensors").unlink()  # its checkpoint is used
    with pytest.raises(FileExistsError, match="holds other made crops"):
        fill(flow, tmp_path / "made", settings)


def test_the_crops_of_an_unfinished_run_are_told_of_by_its_checkpoint(flow: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(flow, run)
    (run / "model.safetensors").unlink()
    with pytest.warns(RuntimeWarning, match="its training has not finished"):
        report = fill(run, tmp_path / "made", Balancing(temperature=0.3))
    assert report["inputs"]["weights"]["sha256"] == sha256(run / "checkpoint.safetensors")


def test_a_class_that_is_a_path_is_not_written_to(
    flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(flow, run)
    config = run / "config.json"
    config.write_text(config.read_text().replace('"broken"', '"../broken"'))
    assert call_command(agri, "balance", run, "-o", tmp_path / "made" / "crops") == 2
    assert "the class '../broken' cannot be the name of a folder" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_a_ratio_is_of_the_largest_class(gan: Path, tmp_path: Path) -> None:
    fill(gan, tmp_path / "half", Balancing(ratio=0.5))
    assert Counter(file.label for file in read_labelled(tmp_path / "half").files) == {"broken": 10, "silkcut": 7}
    fill(gan, tmp_path / "more", Balancing(ratio=1.25))
    assert Counter(file.label for file in read_labelled(tmp_path / "more").files)["pure"] == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ratio", 0.1), "no class lacks crops, the smallest has 4 of 28"),
        (("--flow", "FLOW"), "was trained on another size than"),
        (("--flow", "GAN"), "knows no likelihood"),
    ],
)
def test_what_fills_nothing_or_cannot_judge_is_refused(
    options: tuple[object, ...], message: str, gan: Path, flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"FLOW": flow, "GAN": gan}
    chosen = [places.get(str(option), option) for option in options]
    assert call_command(agri, "balance", gan, "-o", tmp_path / "made", *chosen) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_a_generator_whose_crops_are_refused_again_and_again_has_learned_nothing(flow: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedCropsError, match=r"of 240 crops made of the class broken, \d+ are unlikely"):
        fill(flow, tmp_path / "made", Balancing(flow=str(flow), share=0.5))


def test_a_classifier_learns_from_made_crops_besides(whole_split: Path, made: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert call_command(agri, "train", whole_split, "-o", run, "--made", made, *TRAINING) == 0
    report = report_of(run)
    assert report["train_crops"] == 3 * 28
    assert (report["val_crops"], report["test_crops"]) == (3, 3)
    next((made / "broken").glob("*.png")).touch()  # the same bytes are the same crops
    assert call_command(agri, "train", whole_split, "-o", run, "--resume") == 0


def test_made_crops_go_nowhere_but_to_their_own_training_side(
    whole_split: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = whole_split.with_name("other.csv")
    other.write_text(whole_split.read_text().replace(",val\n", ",train\n", 1))
    for data, folder, message in [
        (other, made, "were made from the training side of"),
        (whole_split, made / "broken", "has no generated.json"),
        (made, made, "holds crops that a generator made"),
    ]:
        assert call_command(agri, "train", data, "-o", tmp_path / "run", "--made", folder, *TRAINING) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [("check",), ("split", "--by", "file", "-o", "split.csv")])
def test_made_crops_are_neither_checked_nor_split_as_real_ones(
    command: tuple[str, ...],
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call_command(agri, command[0], made, *command[1:]) == 2
    assert "holds crops that a generator made" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
