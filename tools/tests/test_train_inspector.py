"""`apps/train_inspector.py` learns, measures and ships, and does nothing twice."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import inspector_shipping
import pytest
import train_inspector
from drawn_pictures import save_pictures

from nflows_core.runtime.images import PictureFile
from nflows_heritage.distortions import KINDS
from nflows_heritage.inspection import load_inspector
from nflows_heritage.inspection.training import ENGINE


def test_an_inspector_learns_and_is_shipped_with_its_card(tmp_path: Path) -> None:
    data, measured = save_pictures(tmp_path / "pictures", 14), save_pictures(tmp_path / "Some", 1)
    options = ("--on", measured, "-o", tmp_path / "run", "--epochs", 1, "--examples", 34)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspector_shipping, "SHIPPED", tmp_path / "shipped")
        engine = {**ENGINE, "batch_size": 16, "epochs": 2}
        for name, value in (("CROPS", 16), ("TESTED", 8), ("SIDE", 64), ("ENGINE", engine)):
            patch.setattr(train_inspector, name, value)
        patch.setattr(sys, "argv", [str(word) for word in ("train_inspector.py", data, *options)])
        train_inspector.main()
        kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*.safetensors")}
        assert len(kept) == 4
        train_inspector.main()
        assert kept == {path: path.stat().st_mtime_ns for path in kept}
    card = (tmp_path / "shipped" / "README.md").read_text(encoding="utf-8")
    assert all(re.search(rf"\| {kind} \| ([\d.]+|-) \|", card) for kind in KINDS)
    assert "{" not in card
    with PictureFile(measured / "0.png") as picture:
        assert load_inspector(tmp_path / "shipped")(picture).kind in KINDS
