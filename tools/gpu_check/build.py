"""Build invconv by CMake and ninja alone, where no build backend can be fetched.

    python -m gpu_check.build WORK [--device cuda]

puts the package where ``PYTHONPATH=WORK/site`` finds it, compiled for the GPU that is here, else for those that
CMakeLists.txt names, and the seconds of each part into WORK/build.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from gpu_check.steps import ROOT

PACKAGE = ROOT / "packages" / "invconv"

# An editable installation of the same name would answer before the path does.
LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
sys.meta_path = [finder for finder in sys.meta_path if isinstance(finder, type)]
import invconv, invconv._core
print(invconv.__file__, invconv._core.__file__)
if sys.argv[2] == "cuda":
    import invconv._cuda
    print(invconv._cuda.__file__, invconv._cuda.device_count(), "devices")
"""


def commands(work: Path, device: str) -> dict[str, list[str]]:
    """What is run, by what the figures call it."""
    tree, site = work / "cmake", work / "site"
    nanobind = subprocess.check_output([sys.executable, "-m", "nanobind", "--cmake_dir"], text=True).strip()
    configure = ["cmake", "-G", "Ninja", "-S", str(PACKAGE), "-B", str(tree), "-DCMAKE_BUILD_TYPE=Release"]
    configure += [f"-Dnanobind_DIR={nanobind}", f"-DPython_EXECUTABLE={sys.executable}"]
    configure += [f"-DINVCONV_CUDA={'ON' if device == 'cuda' else 'OFF'}", f"-DCMAKE_INSTALL_PREFIX={site}"]
    if device == "cuda" and (architecture := architecture_here()):
        configure.append(f"-DCMAKE_CUDA_ARCHITECTURES={architecture}")
    return {
        "configure": configure,
        "compile": ["cmake", "--build", str(tree), "--parallel", str(os.cpu_count() or 1)],
        "install": ["cmake", "--install", str(tree)],
        "look": [sys.executable, "-c", LOOK, str(site), device],
    }


def architecture_here() -> str | None:
    """The compute capability of the first GPU, as CMake writes it: 90 for 9.0."""
    smi = shutil.which("nvidia-smi")
    if not smi:
        return None
    query = [smi, "--query-gpu=compute_cap", "--format=csv,noheader"]
    lines = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    return lines[0].replace(".", "") if lines and lines[0].replace(".", "").isdigit() else None


def build(work: Path, device: str) -> dict[str, float]:
    """Builds and installs; the seconds of each part. Raises CalledProcessError at the first that fails."""
    seconds: dict[str, float] = {}
    shutil.rmtree(work / "site", ignore_errors=True)
    for name, command in commands(work, device).items():
        if name == "look":  # not before everything was compiled: else the sources of the repository are what is found
            shutil.copytree(PACKAGE / "src" / "invconv", work / "site" / "invconv", dirs_exist_ok=True, ignore=compiled)
        start = time.monotonic()
        subprocess.run(command, check=True)
        seconds[f"{name}_seconds"] = round(time.monotonic() - start, 2)
        (work / "build.json").write_text(json.dumps(seconds) + "\n")
    return seconds


def compiled(folder: str, names: list[str]) -> list[str]:
    """What an installation for development left among the sources."""
    return [name for name in names if name.endswith((".so", ".pyd")) or name == "__pycache__"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    try:
        print(build(given.work, given.device))
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed with exit status {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
