from __future__ import annotations

from pathlib import Path

import pytest
from repository import write_house, write_package

from environments import main, package_environments, whole_environment
from workspace import Package, read_packages


@pytest.fixture
def house(tmp_path: Path) -> dict[str, Package]:
    write_house(tmp_path)
    return read_packages(tmp_path)


def member(folder: str, *features: str) -> dict[str, object]:
    return {"path": f"packages/{folder}", "features": list(features)}


def test_a_package_is_tested_with_those_below_it_only(house: dict[str, Package]) -> None:
    environments = package_environments(house)
    assert environments["heritage"]["workspace"]["members"] == [
        member("flows"),
        member("heritage"),
        member("solver"),
        member("sr"),
    ]
    assert environments["heritage"]["scripts"]["test"] == ["compile", "tests packages/heritage {args}"]


def test_its_group_names_what_tests_need_and_extras_of_packages(house: dict[str, Package]) -> None:
    flows = package_environments(house)["flows"]
    assert flows["extra-dependencies"] == ["zuko"]
    assert flows["workspace"]["members"] == [member("flows", "images"), member("solver")]


def test_each_further_group_of_tests_is_an_environment(house: dict[str, Package]) -> None:
    environments = package_environments(house)
    assert set(environments) == {"flows", "geo", "heritage", "solver", "solver-lowest", "solver-numpy", "sr"}
    assert environments["solver"]["workspace"]["members"] == [member("solver", "torch")]
    assert environments["solver-numpy"]["workspace"]["members"] == [member("solver")]
    assert environments["solver-numpy"]["scripts"] == environments["solver"]["scripts"]


def test_a_group_that_pins_a_version_is_free_of_the_constraints(house: dict[str, Package]) -> None:
    environments = package_environments(house)
    assert environments["solver-lowest"]["workspace"]["members"] == [member("solver", "torch")]
    assert environments["solver-lowest"]["extra-dependencies"] == ["torch==2.10.*"]
    assert [name for name in environments if "env-vars" in environments[name]] == ["solver-lowest"]


@pytest.mark.parametrize(
    ("package", "environments"), [("solver", ["solver", "solver-lowest", "solver-numpy"]), ("geo", ["geo"])]
)
def test_ci_asks_for_the_environments_of_a_package(
    package: str, environments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_house(tmp_path)
    main([package], tmp_path)
    assert capsys.readouterr().out.split() == environments


def test_the_whole_has_every_package_and_what_the_tests_of_all_need(tmp_path: Path) -> None:
    write_house(tmp_path)
    group = 'test = ["nflows-flows[web]", "zuko", "requests>=2"]'
    write_package(tmp_path, "hello", f'[project]\nname = "hello"\n[dependency-groups]\n{group}')
    whole = whole_environment(read_packages(tmp_path))
    assert whole["extra-dependencies"] == ["requests>=2", "zuko"]
    assert whole["workspace"]["members"] == [
        member("flows", "images", "web"),
        member("geo"),
        member("hello"),
        member("heritage"),
        member("solver", "torch"),
        member("sr"),
    ]
