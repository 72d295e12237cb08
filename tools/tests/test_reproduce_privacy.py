"""Tables 6.1 to 6.7 of docs/reproduction.md are those of the kept reports."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

APP = Path(__file__).parents[2] / "apps" / "reproduce_privacy.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce_privacy", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APPLICATION = load()


def test_the_document_shows_the_kept_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = APPLICATION.DOCUMENT
    monkeypatch.setattr(APPLICATION, "DOCUMENT", shutil.copy(document, tmp_path / "reproduction.md"))
    APPLICATION.fill()
    assert APPLICATION.DOCUMENT.read_text(encoding="utf-8") == document.read_text(encoding="utf-8")


def test_each_kept_segmenter_was_trained_on_both_and_compared() -> None:
    rows = [(row["model"], row["trained_on"]) for row in APPLICATION.scores("segment")]
    models = list(dict.fromkeys(model for model, _ in rows))
    known = [f"{network}, {loss}" for network in APPLICATION.SEGMENTERS for loss in APPLICATION.LOSSES]
    assert set(models) <= set(known)
    assert rows == [(model, trained) for model in models for trained in ("real", "telea", "telea - real")]
