"""Whether the wheels of all packages work alone: in a new environment of this Python, made of nothing but wheels, they
pass the tests of the repository.

    python tools/check_wheels.py lowest
    python tools/check_wheels.py newest packages/geo -n auto

With `lowest` everything that a package declares has the lowest version that it allows, with `newest` the newest that
there is, whatever constraints.txt says. What follows goes to pytest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from environments import whole_environment
from workspace import ROOT, Package, Requirement, lowest, read_packages

Versions = Literal["lowest", "newest"]
_TESTING = ["hypothesis", "pytest", "pytest-randomly", "pytest-xdist"]


def requirements(packages: Mapping[str, Package], versions: Versions) -> list[str]:
    """The packages with all their extras; with ``lowest``, also what they declare, at its lowest version."""
    named = [f"{package.distribution}[{','.join(package.extras)}]" for package in packages.values()]
    if versions == "newest":
        return named
    ours = {package.distribution for package in packages.values()}
    floors = lowest(text for package in packages.values() for text in package.required(package.extras))
    return named + [text for text in floors if Requirement.parse(text).name not in ours]


def build(packages: Mapping[str, Package], folder: Path) -> None:
    """The wheel of each package, in `folder`."""
    for package in packages.values():
        _pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, package.folder)


def install(python: Path, packages: Mapping[str, Package], versions: Versions, wheels: Path) -> None:
    """Everything into the environment of `python`: the packages from wheels only, and then what their tests need."""
    only = ("--only-binary", ":all:", "--find-links", wheels)
    _pip(python, "install", *only, *requirements(packages, versions))
    # Some peers have no wheels; the packages and what they require stay as they are.
    frozen = wheels / "installed.txt"
    frozen.write_bytes(subprocess.check_output([python, "-m", "pip", "freeze", "--exclude-editable"]))
    needed = [*_TESTING, *whole_environment(packages)["extra-dependencies"]]
    _pip(python, "install", "--constraint", frozen, "--find-links", wheels, *needed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", choices=("lowest", "newest"))
    given, rest = parser.parse_known_args(arguments)
    packages = read_packages()
    with tempfile.TemporaryDirectory() as folder:
        wheels, environment = Path(folder) / "wheels", Path(folder) / "environment"
        build(packages, wheels)
        venv.create(environment, with_pip=True)
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        install(python, packages, given.versions, wheels)
        tested = rest or [str(package.folder / "tests") for package in packages.values()]
        return subprocess.call([python, "-m", "pytest", *tested], cwd=ROOT)


def _pip(python: str | Path, *arguments: str | Path) -> None:
    # Neither the repository's constraints nor those of the user are what is asked for.
    settings = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    subprocess.run([python, "-m", "pip", "--quiet", *arguments], check=True, env=settings)


if __name__ == "__main__":
    sys.exit(main())
