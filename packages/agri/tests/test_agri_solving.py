"""Classifiers whose last layer is solved for: linear discriminants, their temperature, and a run from end to end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import cross_entropy

from crop_folders import crop, save
from nflows_agri.cli import agri
from nflows_agri.inspection.settings import ClassifierSettings
from nflows_agri.inspection.solving import left_out_temperature, solve, temperature
from nflows_core.classifiers import EfficientNetLite0
from nflows_core.testing import call_command, one_thread


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def clouds(classes: int, count: int = 60, width: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal clouds around a mean of each class, with features of very different scales."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    means = torch.randn(classes, width, generator=generator)
    scales = 10.0 ** torch.linspace(-2, 2, width)
    return (means[labels] + torch.randn(count, width, generator=generator)) * scales + 5, labels


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("equal", [False, True])
def test_the_solved_layer_is_the_linear_discriminant(classes: int, equal: bool) -> None:
    features, labels = clouds(classes)
    labels[:10] = 0
    weight, bias = solve(features, labels, classes, equal)
    x = StandardScaler().fit_transform(features.double().numpy())
    priors = np.full(classes, 1 / classes) if equal else None
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=priors).fit(x, labels.numpy())
    ours = (features.double() @ weight.double().T + bias).softmax(1)
    np.testing.assert_allclose(ours.numpy(), theirs.predict_proba(x), atol=1e-4)


def test_features_in_other_units_say_the_same_and_a_constant_one_breaks_nothing() -> None:
    features, labels = clouds(3)
    units = torch.linspace(0.1, 9, features.shape[1])
    weight, bias = solve(features, labels, 3)
    other_weight, other_bias = solve(features * units, labels, 3)
    expected = (features @ weight.T + bias).softmax(1)
    torch.testing.assert_close((features * units @ other_weight.T + other_bias).softmax(1), expected, atol=1e-3, rtol=0)
    constant = torch.full((len(features), 1), 7.0)
    assert all(part.isfinite().all() for part in solve(torch.cat([features, constant], 1), labels, 3))


def test_a_class_without_a_crop_is_never_said_and_one_class_alone_is_refused() -> None:
    features, labels = clouds(3)
    weight, bias = solve(features, 2 * labels, 6)
    assert set((features @ weight.T + bias).argmax(1).tolist()) == {0, 2, 4}
    with pytest.raises(ValueError, match="all crops are of one class"):
        solve(features, torch.zeros_like(labels), 2)


def test_no_other_temperature_is_better() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (500,), generator=generator)
    logits = 8 * (torch.eye(3)[labels] + torch.randn(500, 3, generator=generator))
    best = temperature(logits, labels)
    assert best > 3
    losses = [float(cross_entropy(logits / (best * factor), labels)) for factor in (0.9, 1, 1.1)]
    assert losses[1] == min(losses)


def test_the_temperature_is_of_crops_whose_group_was_left_out() -> None:
    features, labels = clouds(3, 240)
    groups = np.array([f"tray{number // 12}" for number in range(240)])
    shifts = torch.randn(20, features.shape[1], generator=torch.Generator().manual_seed(1)) * features.std(0)
    by_tray = features + 3 * shifts[torch.arange(240) // 12]  # each tray is its own world
    alone = np.array([f"crop{number}" for number in range(240)])
    assert left_out_temperature(by_tray, labels, groups, 3) > 1.5 * left_out_temperature(by_tray, labels, alone, 3)
    renamed = np.array([f"a{name}" for name in groups])
    assert left_out_temperature(by_tray, labels, groups, 3) == left_out_temperature(by_tray, labels, renamed, 3)


def test_where_all_that_is_left_is_one_class_nothing_tells_a_temperature() -> None:
    features, labels = clouds(2)
    groups = np.where(labels.numpy() == 0, "one", "other")
    assert left_out_temperature(features, labels, groups, 2) == 1


@pytest.mark.parametrize(
    "setting",
    [{"pretrained": True}, {"balance": "oversample"}, {"augment": "none"}, {"dropout": 0.9}, {"label_smoothing": 0.1}],
)
def test_what_only_a_training_has_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(setting))}`: the frozen model"):
        ClassifierSettings(("a", "b"), "frozen", **setting)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of three crops of each of two colours."""
    folder = tmp_path_factory.mktemp("data") / "crops"
    for number in range(18):
        for offset, label in enumerate(("brown", "blue")):
            save(folder / label / f"tray{number // 3}_{number}.png", crop(2 * number + offset)[..., :: 1 - 2 * offset])
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
