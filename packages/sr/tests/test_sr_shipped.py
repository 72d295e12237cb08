"""The networks that come with the package: small, found by a name, and as good as their cards say."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from made_up_pictures import made_up_picture
from nflows_core.testing import call_command
from nflows_sr import shipped
from nflows_sr.cli import sr
from nflows_sr.degradations import imresize
from nflows_sr.engines import EngineSettings
from nflows_sr.evaluation import Question, compare, find_sets
from nflows_sr.evaluation.certainty import lr_psnr
from nflows_sr.metrics import luma, psnr

SCALES = (2, 3, 4)
COUPLINGS = [shipped.find("coupling", scale) for scale in SCALES]
FLOW = shipped.find("flow", 2)


def test_all_together_are_small() -> None:
    weights = [folder / "model.safetensors" for folder in COUPLINGS]
    assert sum(path.stat().st_size for path in weights) < 2_000_000


@pytest.mark.parametrize("folder", [*COUPLINGS, FLOW])
def test_its_weights_are_known_by_their_digest(folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert json.loads((folder / "config.json").read_text())["weights_sha256"] == digest


@pytest.mark.parametrize("scale", SCALES)
def test_it_is_told_what_it_is(scale: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "info", "--scale", scale, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    card = Path(told["card"]).read_text(encoding="utf-8")
    assert 3 * told["parameters"] < 500_000
    assert f"{told['parameters']:,}; {(Path(told['card']).parent / 'model.safetensors').stat().st_size:,} bytes" in card
    assert f"{told['receptive_field']} x {told['receptive_field']} pixels" in card


@pytest.mark.parametrize("scale", SCALES)
def test_it_is_sharper_than_bicubic_on_what_it_never_saw(scale: int, tmp_path: Path) -> None:
    large = made_up_picture(7, 96, 108)
    Image.fromarray(imresize(large, 1 / scale)).save(tmp_path / "small.png")
    ratios = {}
    for model in ("bicubic", "coupling"):
        result = tmp_path / f"{model}.png"
        options = ("-o", result, "--model", model, "--scale", scale, "--device", "cpu")
        assert call_command(sr, "upscale", tmp_path / "small.png", *options) == 0
        with Image.open(result) as picture:
            ratios[model] = psnr(luma(np.asarray(picture)), luma(large), scale)
    assert ratios["coupling"] > ratios["bicubic"] + 0.5


def test_another_scale_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    command = ("upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", "--model", "coupling", "--scale", 8)
    assert call_command(sr, *command) == 2
    assert "--scale 8: coupling enlarges 2, 3 or 4 times" in capsys.readouterr().err


@pytest.mark.real_data
@pytest.mark.parametrize("scale", SCALES)
def test_it_is_as_good_as_its_card_says(scale: int, data_folder: Path) -> None:
    card = (shipped.find("coupling", scale) / "README.md").read_text(encoding="utf-8")
    stated = re.search(r"\| Set5 \| ([\d.]+) / [\d.]+ \| ([\d.]+) /", card)
    assert stated is not None
    models = {name: EngineSettings(name, device="cpu") for name in ("bicubic", "coupling")}
    answer = compare(Question(find_sets([data_folder / "sr" / "Set5" / "HR"]), models, (scale,)), lambda message: None)
    for name, value in zip(models, stated.groups(), strict=True):
        ratios = [one.score.psnr_db for one in answer.measured if one.model == name]
        assert statistics.mean(ratios) == pytest.approx(float(value), abs=0.02)


def test_the_flow_guesses_what_the_small_picture_may_be_of(tmp_path: Path) -> None:
    large = made_up_picture(7, 96, 108)
    Image.fromarray(imresize(large, 1 / 2)).save(tmp_path / "small.png")
    result = tmp_path / "guesses"
    options = ("-o", result, "--model", "flow", "--samples", 2, "--device", "cpu")
    assert call_command(sr, "upscale", tmp_path / "small.png", *options) == 0
    guesses = [_pixels(result / name) for name in ("small.png", "small-2.png")]
    assert not np.array_equal(*guesses)
    assert _pixels(result / "small-spread.png").max() > 0
    for guess in guesses:
        assert lr_psnr(guess, imresize(large, 1 / 2)) > 45


@pytest.mark.real_data
def test_the_flow_is_as_near_as_the_network_that_it_began_with(data_folder: Path) -> None:
    models = {name: EngineSettings(name, 2, device="cpu") for name in ("coupling", "flow")}
    answer = compare(Question(find_sets([data_folder / "sr" / "Set5" / "HR"]), models, (2,)), lambda message: None)
    means = {
        name: statistics.mean(one.score.psnr_db for one in answer.measured if one.model == name) for name in models
    }
    assert means["flow"] > means["coupling"] - 0.3


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)
