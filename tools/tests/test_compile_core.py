from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import compile_core


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("CMakeLists.txt", "pyproject.toml", "csrc/bindings.cpp", "csrc/cpu/solver.cpp"):
        source = tmp_path / "package" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.touch()
        os.utime(source, (100, 100))
    return tmp_path / "package"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    module = tmp_path / "_core.so"
    module.touch()
    os.utime(module, (200, 200))
    return module


def test_a_module_written_after_its_sources_is_kept(module: Path, package: Path) -> None:
    assert not compile_core.is_older(module, package)


@pytest.mark.parametrize("name", ["CMakeLists.txt", "pyproject.toml", "csrc/bindings.cpp", "csrc/cpu/solver.cpp"])
def test_a_module_is_older_than_any_source_changed_since(module: Path, package: Path, name: str) -> None:
    os.utime(package / name, (300, 300))
    assert compile_core.is_older(module, package)


@pytest.mark.parametrize(("changed", "compilations"), [(100, 0), (300, 1)])
def test_it_compiles_what_changed_and_nothing_else(
    module: Path, package: Path, monkeypatch: pytest.MonkeyPatch, changed: int, compilations: int
) -> None:
    os.utime(package / "csrc/bindings.cpp", (changed, changed))
    commands: list[list[str]] = []
    monkeypatch.setattr(compile_core, "PACKAGE", package)
    monkeypatch.setattr(compile_core, "compiled_modules", lambda: [module])
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    compile_core.main()
    assert [command[-2:] for command in commands] == [["--editable", str(package)]] * compilations


def test_an_environment_without_a_module_gets_one(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(compile_core, "PACKAGE", package)
    monkeypatch.setattr(compile_core, "compiled_modules", lambda: [])
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    compile_core.main()
    assert len(commands) == 1


def test_the_module_of_this_environment_is_that_of_these_sources() -> None:
    modules = compile_core.compiled_modules()
    assert modules, "hatch run compile builds it"
    assert not any(compile_core.is_older(module, compile_core.PACKAGE) for module in modules)
