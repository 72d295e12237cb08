"""How pytest collects this repository, tried on a small one with the same settings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workspace import ROOT


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("src/hello", "tests", "benchmarks"):
        (tmp_path / "packages" / "hello" / folder).mkdir(parents=True)
    return tmp_path / "packages" / "hello"


def outcome(folder: Path) -> tuple[int, str]:
    """The exit code of pytest and the last line that it prints."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", str(folder)]
    ended = subprocess.run(command, cwd=folder.parents[1], check=False, capture_output=True, text=True)
    return ended.returncode, ended.stdout.strip().splitlines()[-1]


def test_examples_run_in_src_only(small: Path) -> None:
    example = '"""\n>>> 1 + 1\n3\n"""\n'
    (small / "benchmarks" / "bench_hello.py").write_text(example)
    (small / "tests" / "test_hello.py").write_text(example + "def test_it(): pass\n")
    code, line = outcome(small)
    assert (code, line.split(" in ")[0]) == (0, "1 passed")
    (small / "src" / "hello" / "__init__.py").write_text(example)
    code, line = outcome(small)
    assert (code, line.split(" in ")[0]) == (1, "1 failed, 1 passed")


def test_a_test_file_that_cannot_be_imported_is_an_error(small: Path) -> None:
    (small / "tests" / "test_hello.py").write_text("import hello_that_is_not_there\n\ndef test_it(): pass\n")
    code, line = outcome(small)
    assert (code, line.split(" in ")[0]) == (2, "1 error")


def test_files_beside_tests_can_be_imported(small: Path) -> None:
    (small / "tests" / "hello_cases.py").write_text("CASES = [1, 2]\n")
    (small / "tests" / "test_hello.py").write_text("from hello_cases import CASES\n\ndef test_it(): assert CASES\n")
    code, line = outcome(small)
    assert (code, line.split(" in ")[0]) == (0, "1 passed")
