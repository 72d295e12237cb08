from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from changed_packages import ROOT, changed_files, read_dependencies, touched_packages

# The layers of the house: each package with those below it that it imports.
HOUSE = {
    "invconv": set[str](),
    "nflows-core": {"invconv"},
    "sr": {"nflows-core"},
    "geo": {"nflows-core"},
    "heritage": {"sr"},
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], []),
        (["packages/invconv/csrc/invconv.h"], ["geo", "heritage", "invconv", "nflows-core", "sr"]),
        (["packages/nflows-core/src/a.py"], ["geo", "heritage", "nflows-core", "sr"]),
        (["packages/sr/README.md"], ["heritage", "sr"]),
        (["packages/heritage/src/a.py", "packages/geo/src/b.py"], ["geo", "heritage"]),
    ],
)
def test_a_change_reaches_its_package_and_all_above(files: list[str], expected: list[str]) -> None:
    assert touched_packages(files, HOUSE) == expected


OUTSIDE = ["pyproject.toml", "tools/release.py", "packages/removed/src/a.py", "packages/README.md"]


@pytest.mark.parametrize("file", OUTSIDE)
def test_a_change_outside_every_package_reaches_all(file: str) -> None:
    assert touched_packages(["packages/heritage/src/a.py", file], HOUSE) == sorted(HOUSE)


def write_package(root: Path, folder: str, project: str) -> None:
    file = root / "packages" / folder / "pyproject.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f"[project]\n{project}\n", encoding="utf-8")


def test_dependencies_come_from_the_packages_themselves(tmp_path: Path) -> None:
    write_package(tmp_path, "solver", 'name = "Solver_Kit"\ndependencies = ["numpy>=1.26"]')
    write_package(
        tmp_path, "flows", 'name = "flows"\ndependencies = ["torch", "solver.kit[torch]>=0.1; os_name>\'a\'"]'
    )
    write_package(tmp_path, "web", 'name = "web-x"\n[project.optional-dependencies]\nall = ["flows (>=1)", "web-x[y]"]')
    assert read_dependencies(tmp_path) == {"solver": set(), "flows": {"solver"}, "web": {"flows"}}


def test_this_repository_is_layered() -> None:
    dependencies = read_dependencies(ROOT)
    assert dependencies["invconv"] == set()
    assert dependencies["nflows-core"] == {"invconv"}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.check_output(["git", *identity, *arguments], cwd=folder, encoding="utf-8").strip()


def commit(folder: Path, *files: str) -> str:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


def test_changed_files_are_those_since_the_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    base = commit(tmp_path, "kept.txt", "moved.txt")
    git(tmp_path, "mv", "moved.txt", "elsewhere.txt")
    commit(tmp_path, "packages/sr/mit Leerzeichen ü.py")
    names = changed_files(base, tmp_path)
    assert names is not None
    assert sorted(names) == ["elsewhere.txt", "moved.txt", "packages/sr/mit Leerzeichen ü.py"]
    assert changed_files("0" * 40, tmp_path) is None
