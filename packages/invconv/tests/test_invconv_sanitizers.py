"""The solver's C++ test under AddressSanitizer and UndefinedBehaviorSanitizer, for each instruction set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
NOT_HERE = 77  # what the program returns for an instruction set that this processor lacks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the sanitizers are set up for Linux"),
]


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="session")
def program(build_once):
    """Path of the test program, compiled for this run."""
    return build_once("sanitizers", compile_program) / "build" / "csrc" / "tests" / "test_solver"


def compile_program(folder):
    cmake, compiler = tool("cmake"), tool(os.environ.get("CXX", "c++"))
    (folder / "empty.cpp").write_text("int main() {}\n")
    probe = run(compiler, "-fopenmp", "-fsanitize=address,undefined", folder / "empty.cpp", "-o", folder / "empty")
    if probe.returncode:
        pytest.skip(f"{compiler} has no sanitizers or no OpenMP: {probe.stderr.strip().splitlines()[-1]}")
    for step in (
        ("-S", PACKAGE, "-B", folder / "build", "-DINVCONV_TESTS=ON", f"-DCMAKE_CXX_COMPILER={compiler}"),
        ("--build", folder / "build", "--target", "test_solver", "--parallel", "2"),
    ):
        result = run(cmake, *step)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("instruction_set", ["portable", "avx2", "avx512", "neon"])
def test_random_problems_without_a_complaint(program, instruction_set):
    result = run(program, instruction_set, 100, 0)
    if result.returncode == NOT_HERE:
        pytest.skip(result.stdout.strip())
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == f"{instruction_set}: 100 problems, none wrong\n"
