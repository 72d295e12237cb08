"""`apps/train_restorer.py` trains, measures and ships, and does nothing twice."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import train_restorer
from drawn_pictures import save_pictures

from nflows_heritage.distortions import DISTORTIONS
from nflows_heritage.restoring.unified import load_run


def test_a_restorer_is_trained_and_shipped_with_its_card(tmp_path: Path) -> None:
    data, measured = save_pictures(tmp_path / "pictures", 14), save_pictures(tmp_path / "Some", 1)
    options = ("--on", measured, "-o", tmp_path / "run", "--epochs", 1, "--regions", 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_restorer, "SHIPPED", tmp_path / "shipped")
        patch.setattr(train_restorer, "DISTORTIONS", {kind: DISTORTIONS[kind] for kind in ("rain", "fade")})
        patch.setattr(sys, "argv", [str(word) for word in ("train_restorer.py", data, *options)])
        train_restorer.main()
        weights = tmp_path / "run" / "model.safetensors"
        before = weights.stat().st_mtime_ns
        train_restorer.main()
        assert weights.stat().st_mtime_ns == before
    card = (tmp_path / "shipped" / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\| rain \| [\d.]+ \| [+-][\d.]+ \| [+-][\d.]+ \| [+-][\d.]+ \| [+-][\d.]+ \|", card)
    assert "{" not in card.partition("    settings")[0]
    assert load_run(tmp_path / "shipped").weights == tmp_path / "shipped" / "model.safetensors"
