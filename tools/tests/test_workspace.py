from __future__ import annotations

from pathlib import Path

import pytest
from repository import write_house

from workspace import Requirement, direct_dependencies, lowest, reachable, read_packages

HOUSE = {
    "solver": set[str](),
    "flows": {"solver"},
    "sr": {"flows"},
    "geo": {"flows"},
    "heritage": {"sr"},
}


@pytest.mark.parametrize(
    ("text", "name", "extras"),
    [
        ("numpy", "numpy", set()),
        ("Solver_Kit.x>=1.2,<3", "solver-kit-x", set()),
        ("a [b, c] (>=1); os_name > 'a'", "a", {"b", "c"}),
        ("a[] ~= 1.0", "a", set()),
        ("a @ https://example.org/a[1].whl", "a", set()),
    ],
)
def test_a_requirement_is_a_name_and_extras(text: str, name: str, extras: set[str]) -> None:
    assert Requirement.parse(text) == Requirement(name, frozenset(extras))


def test_dependencies_come_from_the_packages_themselves(tmp_path: Path) -> None:
    write_house(tmp_path)
    assert direct_dependencies(read_packages(tmp_path)) == HOUSE


def test_a_package_is_a_folder_with_a_pyproject(tmp_path: Path) -> None:
    write_house(tmp_path)
    (tmp_path / "packages" / "removed" / "build").mkdir(parents=True)
    packages = read_packages(tmp_path)
    assert list(packages) == ["flows", "geo", "heritage", "solver", "sr"]
    assert packages["geo"].modules == ["nflows_geo"]


def test_the_lowest_of_what_is_required_is_its_floor_or_the_highest_of_several() -> None:
    texts = ["NumPy >= 1.26 ; os_name > 'a'", "torch[x]>=2.9", "torch>=2.10", "rich", "a~=1.0", "b>=1,<3", "c==2"]
    assert lowest(texts) == ["numpy==1.26; os_name > 'a'", "torch==2.10"]


@pytest.mark.parametrize(
    ("start", "expected"), [("solver", {"solver"}), ("heritage", {"heritage", "sr", "flows", "solver"})]
)
def test_what_is_reachable_lies_below(start: str, expected: set[str]) -> None:
    assert reachable([start], HOUSE) == expected


def test_a_circle_is_walked_once() -> None:
    assert reachable(["a"], {"a": {"b"}, "b": {"a"}}) == {"a", "b"}


def test_this_repository_is_layered() -> None:
    dependencies = direct_dependencies(read_packages())
    assert dependencies["invconv"] == set()
    assert dependencies["nflows-core"] == {"invconv"}
