from __future__ import annotations

from pathlib import Path

import pytest
from repository import write_house, write_package

from check_imports import contracts
from workspace import read_packages


def forbidden(root: Path) -> dict[str, list[str]]:
    """The modules that each package may not import, by its own module."""
    tables = contracts(read_packages(root))
    return {table["source_modules"][0]: table["forbidden_modules"] for table in tables if table["type"] == "forbidden"}


def test_a_package_may_not_import_what_it_does_not_require(tmp_path: Path) -> None:
    write_house(tmp_path)
    assert forbidden(tmp_path) == {
        "solver": ["flows", "nflows_geo", "nflows_heritage", "nflows_sr"],
        "flows": ["nflows_geo", "nflows_heritage", "nflows_sr"],
        "nflows_sr": ["nflows_geo", "nflows_heritage"],
        "nflows_geo": ["nflows_heritage", "nflows_sr"],
        "nflows_heritage": ["nflows_geo"],
    }


def test_a_new_package_is_under_the_rule_without_being_registered(tmp_path: Path) -> None:
    write_house(tmp_path)
    write_package(tmp_path, "hello", '[project]\nname = "hello"\ndependencies = ["nflows-geo"]', "hello")
    assert forbidden(tmp_path)["hello"] == ["nflows_heritage", "nflows_sr"]
    assert forbidden(tmp_path)["nflows_geo"] == ["hello", "nflows_heritage", "nflows_sr"]


def test_contracts_of_the_packages_are_kept(tmp_path: Path) -> None:
    write_house(tmp_path)
    own = [table for table in contracts(read_packages(tmp_path)) if table["type"] == "layers"]
    assert own == [{"name": "floors of flows", "type": "layers", "layers": ["flows.cli", "flows.runtime"]}]


def test_packages_that_require_each_other_are_an_error(tmp_path: Path) -> None:
    write_package(tmp_path, "a", '[project]\nname = "a"\ndependencies = ["b"]', "a")
    write_package(tmp_path, "b", '[project]\nname = "b"\ndependencies = ["a"]', "b")
    with pytest.raises(ValueError, match=r"packages/a/pyproject\.toml: it requires itself by way of others"):
        contracts(read_packages(tmp_path))
