"""A classifier of crops whose last layer is solved for: a run from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crop_folders import save
from nflows_agri.cli import agri
from nflows_core.classifiers import EfficientNetLite0
from nflows_core.testing import call_command, one_thread
from nflows_core.testing.blots import blot


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of three crops of each of two colours."""
    folder = tmp_path_factory.mktemp("data") / "crops"
    for number in range(18):
        for offset, label in enumerate(("brown", "blue")):
            save(folder / label / f"tray{number // 3}_{number}.png", blot(2 * number + offset)[..., :: 1 - 2 * offset])
    return folder


def test_a_run_from_crops_to_onnx(lot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, command = tmp_path / "run", ("train", lot, "--model", "frozen", "--size", 32, "--pure", "brown")
    assert call_command(agri, *command, "-o", run, "--epochs", 3) == 2
    assert "--epochs: the frozen model is not trained step by step" in capsys.readouterr().err
    assert call_command(agri, *command, "-o", run) == 0
    report = json.loads((run / "report.json").read_text())
    assert report["macro_f1"] == 1
    weights = (run / "model.safetensors").read_bytes()
    assert call_command(agri, "train", lot, "-o", run, "--resume") == 0
    assert (run / "model.safetensors").read_bytes() == weights
    assert call_command(agri, "export", run, "-o", tmp_path / "model.onnx") == 0
    for place in (run, tmp_path / "model.onnx"):
        assert call_command(agri, "purity", place, lot, "-o", tmp_path / "out" / place.name) == 0
        found = json.loads((tmp_path / "out" / place.name / "report.json").read_text())
        assert found["purity_counted"] == 0.5


def test_without_the_weights_there_is_no_run(
    lot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> None:
        raise ModuleNotFoundError("the weights are a package of pip")

    monkeypatch.setattr(EfficientNetLite0, "pretrained", missing)
    assert call_command(agri, "train", lot, "-o", tmp_path / "run", "--model", "frozen", "--size", 32) == 2
    assert "the weights are a package of pip" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
