"""Compile invconv's C++ again where it has changed since this environment got it.

    python tools/compile_core.py

An environment that is already there keeps the compiled module that it was made with; Python files are read from the
repository, and must not meet the C++ of an older commit. Like make, this goes by the times of the files.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "packages" / "invconv"


def compiled_modules() -> list[Path]:
    """The compiled modules of invconv in this environment: one, or none of an installation without it."""
    return [Path(str(file.locate())) for file in files("invconv") or [] if file.name.startswith("_core.")]


def is_older(module: Path, package: Path) -> bool:
    """Whether `module` was written before the last change of what it is compiled from."""
    sources = [package / "CMakeLists.txt", package / "pyproject.toml", *(package / "csrc").rglob("*.*")]
    return module.stat().st_mtime < max(source.stat().st_mtime for source in sources)


def main() -> None:
    modules = compiled_modules()
    if modules and not any(is_older(module, PACKAGE) for module in modules):
        return
    print("compiling invconv", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--editable", str(PACKAGE)], check=True)


if __name__ == "__main__":
    main()
