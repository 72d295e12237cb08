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
        member("solver", "torch"),  # which the flows ask for
        member("sr"),
    ]
    assert environments["heritage"]["scripts"]["test"] == ["compile", "tests packages/heritage {args}"]


def test_its_group_names_what_tests_need_and_extras_of_packages(house: dict[str, Package]) -> None:
    flows = package_environments(house)["flows"]
    assert flows["extra-dependencies"] == ["zuko"]
    assert flows["workspace"]["members"] == [member("flows", "images"), member("solver", "torch")]


def test_each_further_group_of_tests_is_an_environment(house: dict[str, Package]) -> None:
    environments = package_environments(house)
    assert {name for name in environments if name.startswith("solver")} == {
        "solver",
        "solver-lowest",
        "solver-numpy",
        "solver-other",
    }
    assert environments["solver"]["workspace"]["members"] == [member("solver", "torch")]
    assert environments["solver-other"]["extra-dependencies"] == ["jax"]
    assert environments["solver-numpy"]["workspace"]["members"] == [member("solver")]
    assert environments["solver-numpy"]["scripts"] == environments["solver"]["scripts"]


def test_every_package_is_tested_with_the_lowest_of_all_that_it_and_those_below_declare(
    house: dict[str, Package],
) -> None:
    environments = package_environments(house)
    assert {name for name in environments if "env-vars" in environments[name]} == {f"{name}-lowest" for name in house}
    flows, lowest = environments["flows"], environments["flows-lowest"]
    assert lowest["env-vars"] == {"PIP_CONSTRAINT": ""}  # which has the newest ones
    assert lowest["workspace"] == flows["workspace"]
    assert lowest["scripts"] == flows["scripts"]
    assert lowest["extra-dependencies"] == [
        "numpy==1.26; python_version < '3.13'",
        "numpy==2.1; python_version >= '3.13'",
        "tifffile==2024.8",
        "torch==2.10",
        "zuko",
    ]
    assert "torch==2.10" in environments["solver-lowest"]["extra-dependencies"]


@pytest.mark.parametrize(
    ("package", "environments"),
    [("solver", ["solver", "solver-other", "solver-numpy"]), ("geo", ["geo"])],
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
