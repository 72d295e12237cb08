"""The tables of docs/reproduction.md are those of the kept results, and every model in them can be built."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from nflows_core.models import ModelChoice, build
from nflows_core.runs.comparison import arguments_of

APP = Path(__file__).parents[2] / "apps" / "reproduce_tables" / "__main__.py"
SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce_tables", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APPLICATION = load()
TABLES: list[dict[str, Any]] = APPLICATION.tables()


def shown(document: Path, table_id: str) -> str:
    text = document.read_text(encoding="utf-8")
    return text.partition(f"<!-- table {table_id} -->\n")[2].partition(f"<!-- end of table {table_id} -->")[0]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["id"])
def test_the_document_shows_the_kept_results(table: dict[str, Any]) -> None:
    assert shown(APPLICATION.DOCUMENT, table["id"]) == APPLICATION.beside_the_thesis(table)


def test_the_readme_shows_the_kept_results() -> None:
    assert shown(APPLICATION.README, "3.2") == APPLICATION.overview("3.2")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["id"])
def test_its_models_take_images_of_its_data(table: dict[str, Any]) -> None:
    for text in table["models"]:
        choice = ModelChoice.parse(text)
        # Two steps tell as much as 32 whether the arguments fit, sooner.
        small = {"depth": 2, "width": 4}
        arguments = arguments_of(choice, table["arguments"])
        shape = SHAPES[table["data"]]
        fitting = {name: small.get(name, value) for name, value in arguments.items()}
        flow = build(choice.model, {"shape": shape, **fitting})
        latents = flow.encode(torch.rand(2, *shape))
        assert sum(latent[0].numel() for latent in latents) == math.prod(shape), text


def test_a_table_without_its_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["reproduce_tables", "run", "3.2"])
    with pytest.raises(ValueError, match=r"table 3\.2 is about mnist: give its folder by --mnist"):
        APPLICATION.main()


@pytest.mark.parametrize("times_only", [False, True])
def test_a_table_is_run_and_shown(times_only: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        "id": "0.0",
        "title": "Digits",
        "data": "mnist",
        "times_only": times_only,
        "arguments": {"levels": 1, "depth": 1, "width": 2},
        "models": ["glow", "planar-stack:layer=emerging"],
        "thesis": [{"model": "Glow", "sampling": 1000.0}],
    }
    monkeypatch.setattr(APPLICATION, "RESULTS", tmp_path)
    monkeypatch.setattr(APPLICATION, "tables", lambda: [table])
    command = ["reproduce_tables", "run", "0.0", "--mnist", "digits", "--epochs", "1", "-o", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", command)
    APPLICATION.main()
    names = ["| **glow**", "| **planar-stack:layer=emerging**", "| thesis: Glow"]
    lines = APPLICATION.beside_the_thesis(table).splitlines()
    assert [line.split(" | ")[0] for line in lines[3:6]] == names
    assert ("not trained" in lines[7]) is times_only
    assert ("±" in lines[3]) is not times_only
