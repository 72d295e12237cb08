"""The tables of chapter 7 in docs/reproduction.md are those of the kept comparisons."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from nflows_geo.comparison import METHODS
from nflows_geo.reductions import DEFAULT

APP = Path(__file__).parents[2] / "apps" / "reproduce_geology.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce_geology", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


APPLICATION = load()


@pytest.mark.parametrize("name", APPLICATION.tables())
def test_the_document_shows_the_kept_comparison(name: str) -> None:
    text = APPLICATION.DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(f"<!-- table {name} -->\n")[2].partition(f"<!-- end of table {name} -->")[0]
    assert shown == APPLICATION.tables()[name]


def test_every_method_is_in_it_with_ten_seeds_or_the_reason_why_not() -> None:
    report = json.loads((APPLICATION.RESULTS / "compare-sistan.json").read_text(encoding="utf-8"))
    assert set(APPLICATION.METHODS) == set(METHODS)
    ended = [f"{run['method']}, seed {run['seed']}" for run in report["tables"]["Runs"] if run["units_by"] == "elbow"]
    assert sorted([*ended, *report["failures"]]) == sorted(
        f"{name}, seed {seed}" for name in METHODS for seed in range(10)
    )


@pytest.mark.parametrize("scene", APPLICATION.SCENES)
def test_every_scene_is_mapped_with_ten_seeds(scene: str) -> None:
    report = json.loads((APPLICATION.RESULTS / f"compare-{scene}.json").read_text(encoding="utf-8"))
    seeds = [run["seed"] for run in report["tables"]["Runs"] if (run["method"], run["units_by"]) == (DEFAULT, "elbow")]
    assert seeds == list(range(10))
