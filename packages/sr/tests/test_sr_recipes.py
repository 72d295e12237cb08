from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest

from nflows_sr.training import RECIPES, recipes
from nflows_sr.training.recipes import ENTRY_POINTS, find_recipe


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Another package that adds recipes."""
    module = ModuleType("recipes_of_others")
    vars(module).update(GOOD=RECIPES["coupling"], WRONG=3)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    values = {"good": "GOOD", "wrong": "WRONG", "gone": "GONE", "coupling": "WRONG"}
    points = [EntryPoint(name, f"{module.__name__}:{value}", ENTRY_POINTS) for name, value in values.items()]
    monkeypatch.setattr(recipes, "entry_points", EntryPoints(points).select)
    return module


def test_another_package_adds_a_recipe_and_replaces_none_of_ours(added: ModuleType) -> None:
    assert find_recipe("good") is added.GOOD
    assert find_recipe("coupling") is RECIPES["coupling"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong", "recipes_of_others:WRONG is a int, not a Recipe"),
        ("gone", "recipes_of_others:GONE cannot be imported"),
        ("nowhere", "there is no recipe 'nowhere'; there are coupling, .*, gone, good, wrong"),
    ],
)
def test_what_is_no_recipe_is_told(added: ModuleType, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_recipe(name)
