"""The experiments of the documents, on crops that are drawn: every arm, nothing twice, no side seen by another."""

from __future__ import annotations

from pathlib import Path

import agriculture_balance
import numpy as np
import pytest
import torch
from agriculture_arms import ARMS, SCALES, Arm
from agriculture_solving import calibration, summary

from crop_folders import crops
from nflows_core.data import read_labelled
from nflows_core.runtime.foreign_text import read_json
from nflows_core.testing import one_thread

_CHOSEN = {name: ARMS[name] for name in ("none", "gan")}
_MORE = {"more": Arm(generator="flow", ratio=1.5)}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(agriculture_balance, "LEFT", 8)
    monkeypatch.setattr(agriculture_balance, "FOLDS", 2)
    counts = {"damaged_grain": 4, "grain": 6}
    photographs = {name: {f"{name}{number}": count for number in range(8)} for name, count in counts.items()}
    return crops(tmp_path / "data", photographs)


def test_every_arm_is_tested_on_every_fold_and_what_is_done_is_not_done_again(data: Path, tmp_path: Path) -> None:
    folder, scale = tmp_path / "out", SCALES["test"]
    with one_thread():
        rows = agriculture_balance.run(data, folder, scale, _CHOSEN, _MORE, seeds=1)["rows"]
    assert len(rows) == 2 * (3 + 1 + 2)
    written = {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    again = agriculture_balance.run(data, folder, scale, _CHOSEN, _MORE, seeds=1)
    assert again["rows"] == rows == read_json(folder / "balance.json")["rows"]
    assert written == {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    for name in ("none", "more", "leak"):
        own = [row["confusion"] for row in rows if (row["arm"], row["experiment"]) == (name, "photographs")]
        assert np.sum(own) == 8 * (4 + 6)


def test_the_rare_class_is_thinned_where_it_is_learned_from_and_nowhere_else(data: Path, tmp_path: Path) -> None:
    _, single = agriculture_balance._splits(data, tmp_path)
    whole = read_labelled(single)
    pair = read_labelled(agriculture_balance._pair(single, tmp_path, "2"))
    learned, tested = (pair.select(pair.parts == part) for part in ("train", "test"))
    assert sum(file.label == "damaged_grain" for file in learned.files) == 8
    assert {file.name for file in tested.files} == {file.name for file in whole.files if file.part == "2"}
    assert not {file.name for file in learned.files} & {file.name for file in tested.files}


def test_the_calibration_error_is_what_confidence_and_accuracy_differ_by_in_each_bin() -> None:
    sure = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.75, 0.75, 1.0])
    right = torch.tensor([True, True, True, False, True, False, True])
    logits = torch.stack([sure.double().log(), (1 - sure.double()).log()], 1)
    found = calibration(logits, (~right).long())
    assert found["expected_calibration_error"] == pytest.approx((4 * (0.9 - 0.75) + 2 * (0.75 - 0.5) + 0) / 7)
    assert found["cross_entropy"] == pytest.approx(-float(torch.where(right, sure, 1 - sure).log().mean()), abs=1e-6)


def test_the_document_says_of_calibration_what_the_results_do(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    results = read_json(root / "packages/agri/benchmarks/results/solving.json")
    assert results["means"] == summary(results["rows"])
    text = " ".join((root / "docs/reproduction.md").read_text(encoding="utf-8").split())
    for whole, folds in (("trays", "nine"), ("photographs", "three")):
        own = results["means"][f"{whole}, frozen"]
        pairs = [
            " to ".join(f"{own[when][measure]:.2f}".removeprefix("0") for when in ("before", "after"))
            for measure in ("cross_entropy", "expected_calibration_error")
        ]
        assert f"{folds} folds of {whole}, {pairs[0]} and {pairs[1]}" in text
