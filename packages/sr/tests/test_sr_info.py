"""``nflows sr info``: how large a model is, and where it is from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from made_up_pictures import save_pictures
from nflows_core.testing import call_command
from nflows_core.training import EngineConfig
from nflows_sr.cli import sr
from nflows_sr.degradations.projection import REACH, project_within
from nflows_sr.training import read_run, train

CHANNELS, WIDTH, BLOCKS, SCALE = 4, 6, 2, 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("info")
    settings = {"channels": CHANNELS, "width": WIDTH, "blocks": BLOCKS, "crop": 8, "scale": SCALE}
    data = save_pictures(folder / "pictures", 12)
    train(data, folder / "run", "coupling", settings, EngineConfig(epochs=1, batch_size=8))
    return folder / "run"


def test_a_run_is_as_large_as_its_formulas(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "info", run, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    block = 9 * (CHANNELS // 2 * WIDTH + WIDTH * CHANNELS)
    weights = 9 * (CHANNELS + CHANNELS * SCALE**2) + BLOCKS * block
    biases = CHANNELS + SCALE**2 + BLOCKS * (WIDTH + CHANNELS)
    assert told["parameters"] == told["learnable_parameters"] == weights + biases
    with FlopCounterMode(display=False) as counter:
        project_within(torch.zeros(3, 64 * SCALE, 64 * SCALE), torch.zeros(3, 64, 64))
    tile = weights * 64**2 + counter.get_total_flops() // 2
    assert told["multiply_adds_for_1280_x_720"] == tile * 1280 * 720 // (64 * SCALE) ** 2
    assert told["receptive_field"] == 3 + 3 - 1 + 4 * BLOCKS + 2 * REACH
    assert (told["scale"], told["recipe"], told["epochs"]) == (SCALE, "coupling", 1)
    assert told["trained_on"] == f"{run.parent / 'pictures'}, {read_run(run).fingerprint['train'].images} pictures"


def test_bicubic_has_a_field_and_no_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "info", "bicubic", "--scale", 4) == 0
    out = capsys.readouterr().out
    assert "receptive field" in out
    assert "parameters" not in out


def test_a_missing_model_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(sr, "info", "nothing") == 3
    told = capsys.readouterr().err
    assert "nothing: no such model; give one of bicubic, coupling" in told
    assert "affine-ae" in told
