"""The experiments of the documents, on crops that are drawn: every arm, nothing twice, no side seen by another."""

from __future__ import annotations

from pathlib import Path

import agriculture_balance
import numpy as np
import pytest
from agriculture_arms import ARMS, SCALES, Arm

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
