from __future__ import annotations

from pathlib import Path

from repository import write_house

from check_wheels import requirements
from workspace import read_packages


def test_the_newest_are_whatever_the_packages_and_their_extras_take(tmp_path: Path) -> None:
    write_house(tmp_path)
    assert requirements(read_packages(tmp_path), "newest") == [
        "nflows-flows[images]",
        "nflows-geo[all]",
        "nflows-heritage[]",
        "solver-kit[torch,web]",
        "nflows-sr[]",
    ]


def test_the_lowest_are_what_all_declare_and_no_package_of_the_repository(tmp_path: Path) -> None:
    write_house(tmp_path)
    packages = read_packages(tmp_path)
    newest, lowest = requirements(packages, "newest"), requirements(packages, "lowest")
    assert lowest[: len(newest)] == newest
    assert lowest[len(newest) :] == [
        "flask==3",
        "numpy==1.26; python_version < '3.13'",
        "numpy==2.1; python_version >= '3.13'",
        "tifffile==2024.8",
        "torch==2.10",
    ]
