from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from repository import write_house, write_package

from changed_packages import changed_files, main, touched_packages

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


def test_without_a_base_every_package_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_house(tmp_path)
    write_package(tmp_path, "hello", '[project]\nname = "hello"')
    main([], tmp_path)
    assert json.loads(capsys.readouterr().out) == ["flows", "geo", "hello", "heritage", "solver", "sr"]


def test_a_base_that_is_gone_touches_every_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_house(tmp_path)
    git(tmp_path, "init", "--quiet")
    main(["0" * 40], tmp_path)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == ["flows", "geo", "heritage", "solver", "sr"]
    assert "0000 is no commit of this repository" in printed.err


def test_a_change_since_the_base_touches_its_package_and_those_above(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_house(tmp_path)
    git(tmp_path, "init", "--quiet")
    base = commit(tmp_path, "README.md")
    commit(tmp_path, "packages/sr/src/nflows_sr/a.py")
    main([base], tmp_path)
    assert json.loads(capsys.readouterr().out) == ["heritage", "sr"]
