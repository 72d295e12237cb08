"""What someone without a compiler, or with one that does not fit, is told when pip comes to compile the package."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.skipif(not (PACKAGE / "CMakeLists.txt").is_file(), reason="not in the repository"),
    pytest.mark.skipif(not shutil.which("cmake"), reason="no CMake"),
]


def configure(compiler: Path, folder: Path) -> str:
    """What CMake says as it fails with this compiler."""
    done = subprocess.run(
        ["cmake", "-S", PACKAGE, "-B", folder],
        env={**os.environ, "CXX": str(compiler)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    return " ".join(done.stderr.split())


def test_without_a_compiler_it_says_which_one_and_how_to_get_it(tmp_path: Path) -> None:
    said = configure(tmp_path / "missing", tmp_path / "build")
    assert "No C++ compiler was found. invconv is compiled by GCC or Clang with OpenMP" in said
    assert "apt install g++" in said


@pytest.mark.skipif(os.name == "nt" or not shutil.which("g++"), reason="no g++")
def test_a_compiler_without_openmp_is_named(tmp_path: Path) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text(f'#!/bin/sh\ncase "$*" in *openmp*) exit 1;; esac\nexec {shutil.which("g++")} "$@"\n')
    compiler.chmod(0o755)
    said = configure(compiler, tmp_path / "build")
    assert f"{compiler} has no OpenMP" in said
    assert "brew install libomp" in said
