"""`apps/reproduce_heritage.py` trains all restorers, and tells what one for all wins over one for each."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import reproduce_heritage
from drawn_pictures import save_pictures


def test_one_restorer_is_set_beside_many(tmp_path: Path) -> None:
    data, measured = save_pictures(tmp_path / "pictures", 14), save_pictures(tmp_path / "Some", 2)
    options = ("--on", measured, "--epochs", 1, "--regions", 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduce_heritage, "KINDS", ("gaussian", "water"))
        patch.setattr(reproduce_heritage, "SIZE", {"width": 4, "blocks": 1, "tile": 16, "region": 24})
        patch.setattr(sys, "argv", [str(word) for word in ("reproduce_heritage.py", data, tmp_path / "out", *options)])
        reproduce_heritage.main()
    rows = json.loads((tmp_path / "out" / "one-or-many.json").read_text())["rows"]
    assert [row["kind"] for row in rows] == ["gaussian"] * 4 + ["water"] * 4
    for row in rows:
        mean, low, high = row["over_own_db"]
        assert low <= mean <= high
        if row["restorer"] == reproduce_heritage.OWN:
            assert mean == 0
    by_name = {(row["kind"], row["restorer"]): row for row in rows}
    for kind in ("gaussian", "water"):
        own, short = by_name[kind, reproduce_heritage.OWN], by_name[kind, reproduce_heritage.SHORT]
        assert short["over_own_db"][0] == pytest.approx(short["gain_db"] - own["gain_db"], abs=1e-3)
