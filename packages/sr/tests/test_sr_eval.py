from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from nflows_core.evaluation import PerceptualDistance
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.intervals import student
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command
from nflows_sr.cli import sr
from nflows_sr.degradations import imresize
from nflows_sr.engines import Bicubic, EngineSettings, NetworkEngine
from nflows_sr.evaluation import find_sets, published, read_pair, score
from nflows_sr.evaluation.costs import multiply_adds, parameters
from nflows_sr.evaluation.crops import find_crop
from nflows_sr.evaluation.report import BESIDE
from nflows_sr.metrics import luma, psnr, ssim
from nflows_sr.upscaling import enlarging

Run = Callable[..., dict[str, Any]]


def pixels(height: int, width: int, channels: int = 3, seed: int = 0, dtype: Any = np.uint8) -> NDArray[Any]:
    """A smooth picture with some noise."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (4, 4, channels), np.uint8)
    smooth = imresize(coarse, (height, width)).astype(float) * (np.iinfo(dtype).max / 255)
    noise = generator.normal(0, 0.02 * np.iinfo(dtype).max, smooth.shape)
    return np.clip(smooth + noise, 0, np.iinfo(dtype).max).astype(dtype)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Set5 with three pictures, one of them grey, one no multiple of 3, and one of 16 bits."""
    (tmp_path / "Set5" / "HR").mkdir(parents=True)
    for name, picture in (
        ("a", pixels(36, 48)),
        ("b", pixels(38, 49, 1, seed=1)),
        ("c", pixels(36, 36, seed=2, dtype=np.uint16)),
    ):
        write_picture(tmp_path / "Set5" / "HR" / f"{name}.png", Picture(picture))
    return tmp_path


@pytest.fixture
def evaluate(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*options: object, code: int = 0) -> dict[str, Any]:
        models = () if "--model" in options else ("--model", "bicubic")
        arguments = ("eval", folder / "Set5" / "HR", "-o", folder / "out", *models, *options, "--json")
        assert call_command(sr, *arguments) == code
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    return run


def expected(source: NDArray[Any], scale: int) -> tuple[float, float]:
    """PSNR and SSIM of bicubic enlargement, by the definition."""
    large = source[: source.shape[0] // scale * scale, : source.shape[1] // scale * scale]
    image = luma(imresize(imresize(np.ascontiguousarray(large), 1 / scale), float(scale)))
    return psnr(image, luma(large), scale), ssim(image, luma(large), scale)


@pytest.mark.parametrize("scale", [2, 3])
def test_bicubic_is_measured_as_the_field_does(evaluate: Run, scale: int) -> None:
    rows = evaluate("--scale", scale)["tables"]["Pictures"]
    sources = (pixels(36, 48), pixels(38, 49, 1, seed=1), pixels(36, 36, seed=2, dtype=np.uint16))
    for row, source in zip(rows, sources, strict=True):
        ratio, similarity = expected(source, scale)
        # The engine does not round between the dimensions, as a picture of MATLAB's is.
        assert row["psnr_db"] == pytest.approx(ratio, abs=0.05)
        assert row["ssim"] == pytest.approx(similarity, abs=0.002)
    cut = [(row["rows_cut_off"], row["columns_cut_off"]) for row in rows]
    assert cut == [(0, 0), (38 % scale, 49 % scale), (0, 0)]


def test_means_have_the_interval_of_their_pictures(evaluate: Run) -> None:
    report = evaluate()
    (row,) = report["tables"]["Means"]
    values = [picture["psnr_db"] for picture in report["tables"]["Pictures"]]
    mean, low, high = student(values)
    assert (row["set"], row["scale"], row["model"], row["pictures"]) == ("Set5", 2, "bicubic", 3)
    assert row["psnr_db"] == pytest.approx(mean)
    assert row["psnr_db_interval_95"] == pytest.approx([low, high])
    assert row["gain_db"] is None
    assert "luma" not in report["border"]
    assert "scale" in report["border"]
    assert "Y" in report["channel"]


class _Nearest(nn.Module):
    """The sum of a pixel's neighbours, weighted to be the pixel itself, repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 3, padding=1, bias=False)
        self.conv.weight.data.zero_()
        for channel in range(12):
            self.conv.weight.data[channel, channel // 4, 1, 1] = 1
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.shuffle(self.conv(x))
        return result


def test_a_second_model_is_compared_picture_by_picture(
    evaluate: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"bicubic": lambda settings: Bicubic(2), "nearest": lambda settings: nearest()}
    monkeypatch.setattr("nflows_sr.engines.choice._NAMED", named)
    report = evaluate("--model", "bicubic", "--model", "nearest")
    first, second = report["tables"]["Means"]
    pictures = report["tables"]["Pictures"]
    gains = [after["psnr_db"] - before["psnr_db"] for before, after in zip(pictures[:3], pictures[3:], strict=True)]
    mean, low, high = student(gains)
    assert first["gain_db"] is None
    assert second["gain_db"] == pytest.approx(mean)
    assert second["gain_db_interval_95"] == pytest.approx([low, high])
    beside = {row["model"]: row for row in report["tables"][BESIDE] if row["source"] == "measured here"}
    assert beside["nearest"]["parameters"] == 324
    assert beside["nearest"]["multiply_adds"] == pytest.approx(324 * 640 * 360 / 1e9)
    assert beside["bicubic"]["Set5_psnr_db"] == first["psnr_db"]
    page = (folder / "out" / "report.html").read_text()
    assert page.count("data:image/png") == 3 * 4


def nearest() -> NetworkEngine:
    return NetworkEngine(_Nearest(), 2, 1, 3, EngineSettings("nearest", device="cpu"))


def test_files_hold_the_tables(evaluate: Run, folder: Path) -> None:
    report = evaluate()
    rows = read_csv(folder / "out" / "pictures.csv")
    assert [float(row["psnr_db"]) for row in rows] == [row["psnr_db"] for row in report["tables"]["Pictures"]]
    assert json.loads((folder / "out" / "report.json").read_text()) == report


@pytest.mark.parametrize("layout", ["{stem}.png", "{stem}x2.png", "X2/{stem}x2.png"])
def test_given_small_pictures_are_taken(evaluate: Run, folder: Path, layout: str) -> None:
    plain = evaluate()["tables"]["Pictures"]
    for path in sorted((folder / "Set5" / "HR").iterdir()):
        target = folder / "small" / layout.format(stem=path.stem)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_picture(target, Picture(read_pair(path, 2).small))
    rows = evaluate("--small", folder / "small")["tables"]["Pictures"]
    assert [row["psnr_db"] for row in rows] == [row["psnr_db"] for row in plain]


@pytest.mark.parametrize(
    ("made", "unlike"),
    [
        (lambda small, generator: small[::-1], 3),
        (lambda small, generator: generator.permuted(small.reshape(small.shape[0], -1)).reshape(small.shape), 3),
        (lambda small, generator: noisy(small, generator), 0),
        (lambda small, generator: small // 2 + small.dtype.type(20), 0),
    ],
)
def test_small_pictures_of_others_are_told(
    evaluate: Run, folder: Path, capsys: pytest.CaptureFixture[str], made: Any, unlike: int
) -> None:
    (folder / "small").mkdir()
    originals = sorted((folder / "Set5" / "HR").iterdir())
    for path in originals:
        small = made(read_pair(path, 2).small, np.random.default_rng(0))
        write_picture(folder / "small" / path.name, Picture(np.ascontiguousarray(small)))
    report = evaluate("--small", folder / "small")
    told = report["small_pictures_unlike_their_originals"]
    assert told == [str(path.absolute()) for path in originals][:unlike]
    rows = report["tables"]["Pictures"]
    assert [row["likeness"] < 0.65 for row in rows] == [bool(unlike)] * 3


def noisy(small: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    most = np.iinfo(small.dtype).max
    return np.clip(small + generator.normal(0, most / 12, small.shape), 0, most).astype(small.dtype)


def test_what_cannot_be_measured_stops_nothing(evaluate: Run, folder: Path) -> None:
    originals = folder / "Set5" / "HR"
    (originals / "d.png").write_bytes(b"")
    write_picture(originals / "e.png", Picture(pixels(36, 36, 4)))
    write_picture(originals / "f.png", Picture(pixels(12, 36)))
    tables = evaluate(code=1)["tables"]
    assert len(tables["Pictures"]) == 3
    reasons = {Path(row["picture"]).name: row["why"] for row in tables["Failures"]}
    assert reasons["d.png"].startswith("is empty")
    assert reasons["e.png"] == "has alpha, which no metric knows; flatten it first"
    assert reasons["f.png"] == "36 x 12 pixels are too few: SSIM needs 11 x 11 within a border of 2"


def test_means_gains_and_ssim_are_of_the_same_pictures_where_one_is_met_exactly(
    evaluate: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(folder / "Set5" / "HR" / "a.png", Picture(np.full((24, 24, 3), 77, np.uint8)))
    named = {"nearest": lambda settings: nearest(), "bicubic": lambda settings: Bicubic(2)}
    monkeypatch.setattr("nflows_sr.engines.choice._NAMED", named)
    report = evaluate("--model", "nearest", "--model", "bicubic")
    first, second = report["tables"]["Means"]
    rows = {(row["model"], row["picture"]): row for row in report["tables"]["Pictures"]}
    assert (rows["nearest", "a.png"]["psnr_db"], rows["nearest", "a.png"]["ssim"]) == (100, pytest.approx(1))
    assert report["exactly_the_original"] == 2
    for mean in (first, second):
        of_pictures = [rows[mean["model"], f"{name}.png"] for name in "abc"]
        for column in ("psnr_db", "ssim"):
            assert mean[column] == pytest.approx(np.mean([row[column] for row in of_pictures]))
    assert second["gain_db"] == pytest.approx(second["psnr_db"] - first["psnr_db"])


def test_exact_results_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(folder / "flat.png", Picture(np.full((24, 24, 3), 77, np.uint8)))
    assert call_command(sr, "eval", folder / "flat.png", "-o", folder / "out", "--model", "bicubic") == 0
    assert "1 results are the original exactly, and count as 100 dB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scale", "2,x"), "'2,x' is no scale; give one such as 2, or several such as 2,3,4"),
        (("--model", "nowhere.pth"), "nowhere.pth: no such model"),
        (("--model", "bicubic", "--model", "bicubic"), "a --model is given twice; give each once"),
        (("--model", "two.pth", "--scale", 3), "--scale 3: two.pth enlarges 2 times; give that"),
    ],
)
def test_wrong_options_are_told(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr("nflows_sr.engines.choice._NAMED", {"bicubic": Bicubic, "two.pth": lambda settings: nearest()})
    assert call_command(sr, "eval", folder / "Set5", "-o", folder / "out", *options) in (2, 3)
    assert message in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_failure_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "Set5" / "HR" / "d.png").write_bytes(b"")
    options = ("-o", folder / "out", "--model", "bicubic", "--scale", 2)
    assert call_command(sr, "eval", folder / "Set5", *options) == 1
    told = capsys.readouterr().err
    assert told.count("is empty") == 1
    assert "bicubic x2, d.png: not measured" in told


def test_a_set_is_called_by_its_folder(folder: Path) -> None:
    file = folder / "Set5" / "HR" / "a.png"
    assert list(find_sets([folder / "Set5" / "HR"])) == ["Set5"]
    assert dict(find_sets([file, folder / "Set5"])).keys() == {"Set5", "pictures"}
    with pytest.raises(ValueError, match="two folders are the set 'Set5'"):
        find_sets([folder / "Set5", folder / "Set5" / "HR"])
    with pytest.raises(ValueError, match="a picture is given twice"):
        find_sets([file, folder / "Set5" / ".." / "Set5" / "HR" / "a.png"])
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty has no picture"):
        find_sets([folder / "empty"])


def test_small_pictures_of_another_size_are_refused(folder: Path) -> None:
    file, small = folder / "Set5" / "HR" / "a.png", folder / "small"
    small.mkdir()
    with pytest.raises(ValueError, match="small has no ax2 nor a, nor has X2 in it"):
        read_pair(file, 2, small)
    write_picture(small / "a.png", Picture(pixels(17, 24)))
    with pytest.raises(ValueError, match=r"a\.png is 24 x 17 RGB, which is not 48 x 36 RGB made 2 times smaller"):
        read_pair(file, 2, small)


def test_costs_are_those_of_the_layers() -> None:
    assert (parameters(Bicubic(2)), multiply_adds(Bicubic(2))) == (None, None)
    assert parameters(nearest()) == 3 * 12 * 9
    assert multiply_adds(nearest()) == 3 * 12 * 9 * 640 * 360


def test_published_costs_are_those_that_others_count() -> None:
    """Ahn et al. 2018, table 1, for SRCNN and VDSR; EDSR's parameters as its authors state them, 43 million."""
    costs = {(one.model, scale): (one.parameters, one.multiply_adds) for scale in (2, 3, 4) for one in published(scale)}
    assert costs["SRCNN", 3] == (57281, pytest.approx(52.7e9, rel=1e-3))
    assert costs["VDSR", 3] == (665921, pytest.approx(612.6e9, rel=1e-3))
    assert costs["EDSR", 4][0] == pytest.approx(43.09e6, rel=1e-3)
    assert costs["bicubic", 2] == (None, None)
    assert published(8) == []


def test_a_crop_is_where_bicubic_is_worst(folder: Path) -> None:
    source = np.full((240, 320, 3), 90, np.uint8)
    source[112:128, 192:208] = pixels(16, 16, seed=3)[::-1] // 2 * (np.indices((16, 16)).sum(0)[..., None] % 2)
    write_picture(folder / "one.png", Picture(source))
    crop = find_crop(read_pair(folder / "one.png", 4), 4)
    assert (crop.top, crop.left) == (72, 152)
    assert (crop.top % 4, crop.left % 4) == (0, 0)
    assert crop.top + 48 == 120


@pytest.mark.real_data
def test_bicubic_stands_beside_published_figures(data_folder: Path, tmp_path: Path, capsys: Any) -> None:
    sets = (data_folder / "sr" / name / "HR" for name in ("Set5", "Set14"))
    assert (
        call_command(sr, "eval", *sets, "-o", tmp_path / "out", "--scale", "2,3,4", "--model", "bicubic", "--json") == 0
    )
    rows = json.loads(capsys.readouterr().out)["tables"][BESIDE]
    bicubic = [row for row in rows if row["model"] == "bicubic"]
    for scale in (2, 3, 4):
        ours, theirs = (row for row in bicubic if row["scale"] == scale)
        assert ours["Set5_psnr_db"] == pytest.approx(theirs["Set5_psnr_db"], abs=0.03)
        assert ours["Set14_psnr_db"] == pytest.approx(theirs["Set14_psnr_db"], abs=0.02)


class _Features(nn.Module):
    """A layer that is the picture, and one that is its negative."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x, -x]


def test_lpips_is_that_of_the_colours_within_the_border(folder: Path) -> None:
    judge = PerceptualDistance(_Features(), [torch.ones(3), torch.ones(3)])
    for name, channels in (("a", 3), ("b", 1)):
        pair = read_pair(folder / "Set5" / "HR" / f"{name}.png", 2)
        result, made = score(pair, 2, enlarging(Bicubic(2)), 0, judge)
        x, y = (
            2 * torch.from_numpy(one[2:-2, 2:-2] / 255.0).permute(2, 0, 1).expand(3, -1, -1) - 1
            for one in (made, pair.large)
        )
        assert made.shape[2] == channels
        expected = 2 * (torch.nn.functional.normalize(x, dim=0) - torch.nn.functional.normalize(y, dim=0)) ** 2
        assert result.lpips == pytest.approx(expected.sum(0).mean().item(), rel=1e-4)


def test_missing_weights_of_lpips_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setenv("NFLOWS_CACHE", str(folder / "cache"))
    monkeypatch.delenv("NFLOWS_MODELS", raising=False)
    assert call_command(sr, "eval", folder / "Set5", "-o", folder / "out", "--lpips") == 3
    assert "vgg16-397923af.pth" in capsys.readouterr().err
    assert not (folder / "out").exists()
