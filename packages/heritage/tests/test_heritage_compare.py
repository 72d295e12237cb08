from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from made_up_art import pixels
from nflows_core.evaluation import PerceptualDistance
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.pictures.work import picture_seed
from nflows_core.testing import call_command
from nflows_heritage.cli import heritage
from nflows_heritage.evaluation import Question, compare, comparing, write_comparison
from nflows_heritage.evaluation.comparing import damaged
from nflows_heritage.evaluation.fidelity import perceptual, psnr, ssim
from nflows_heritage.evaluation.report import GAINS


def test_the_ratio_of_one_level_everywhere_is_known() -> None:
    even = np.full((16, 16, 3), 100, np.uint8)
    assert psnr(even + np.uint8(1), even) == pytest.approx(20 * math.log10(255))
    deep = np.full((16, 16, 1), 1000, np.uint16)
    assert psnr(deep + np.uint16(257), deep) == pytest.approx(20 * math.log10(255))
    assert psnr(even, even) == 100
    assert ssim(even, even) == pytest.approx(1)
    assert ssim(even[:10], even[:10]) is None


def test_means_and_rows_agree(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {name: pixels(40, 44, seed=number) for number, name in enumerate("ab")}
    for name, each in good.items():
        write_picture(tmp_path / f"{name}.png", Picture(each))
    inputs = [tmp_path / f"{name}.png" for name in good]
    options = ("--engine", run, "--type", "fade", "--type", "gaussian", "--side", 32, "--seed", 3, "--json")
    assert call_command(heritage, "compare", *inputs, "-o", tmp_path / "out", *options) == 0
    report = json.loads(capsys.readouterr().out)
    with (tmp_path / "out" / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 5
    for row in rows:
        name = Path(row["picture"]).stem
        middle = good[name][4:36, 6:38]
        seed = picture_seed(3, sha256(tmp_path / f"{name}.png"))
        bad = damaged(middle, row["kind"], int(row["level"]), seed)
        assert float(row["input_psnr_db"]) == pytest.approx(psnr(bad, middle))
        assert float(row["gain_db"]) == pytest.approx(float(row["psnr_db"]) - float(row["input_psnr_db"]))
    (fade, gaussian) = report["tables"]["Gains by damage"]
    for kind, means in (("fade", fade), ("gaussian", gaussian)):
        own = [float(row["gain_db"]) for row in rows if row["kind"] == kind]
        assert means["gain_db"] == pytest.approx(np.mean(own))
        assert means["lowest_gain_db"] == pytest.approx(min(own))
        low, high = means["gain_db_interval_95"]
        assert low < means["gain_db"] < high
    assert len(report["tables"]["By damage and level"]) == 10


class _Differences(nn.Module):
    """A layer that is the picture."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [x]


def test_lpips_is_told_before_and_after(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = PerceptualDistance(_Differences(), [torch.ones(3)])
    monkeypatch.setattr(comparing, "build_perceptual", lambda name: judge)
    good = pixels(40, 44)
    write_picture(tmp_path / "a.png", Picture(good))
    question = Question({"a": tmp_path / "a.png"}, (str(run),), ("fade",), (2,), seed=3, with_lpips=True)
    (row,) = compare(question, lambda text: None)
    bad = damaged(good, "fade", 2, picture_seed(3, sha256(tmp_path / "a.png")))
    x, y = (torch.nn.functional.normalize(2 * torch.from_numpy(one / 255.0) - 1, dim=2) for one in (bad, good))
    assert row["input_lpips"] == pytest.approx(float(((x - y) ** 2).sum(2).mean()), rel=1e-4)
    assert perceptual(judge, good, good) == 0
    assert perceptual(judge, good[:15], good[:15]) is None
    (means,) = write_comparison(question, [row], tmp_path / "out")["tables"][GAINS]
    assert means["lpips"] == row["lpips"]


def test_missing_weights_of_lpips_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    write_picture(tmp_path / "a.png", Picture(pixels(40, 44)))
    assert call_command(heritage, "compare", tmp_path / "a.png", "-o", tmp_path / "out", "--lpips") == 3
    assert "vgg16-397923af.pth" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_compared_is_told(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert call_command(heritage, "compare", tmp_path / "empty", "-o", tmp_path / "out", "--engine", run) == 2
    assert "no pictures" in capsys.readouterr().err
    write_picture(tmp_path / "a.png", Picture(pixels(24, 24)))
    assert call_command(heritage, "compare", tmp_path / "a.png", "-o", tmp_path / "out", "--engine", "nowhere") == 3
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "rows.csv").write_text("not ours")
    arguments = (tmp_path / "a.png", "-o", tmp_path / "theirs", "--engine", run)
    assert call_command(heritage, "compare", *arguments) != 0
    assert (tmp_path / "theirs" / "rows.csv").read_text() == "not ours"
