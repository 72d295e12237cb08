"""The environments of hatch, made of what the packages say: one in which each passes its tests alone, and one of all.

With a package are installed those below it and its dependency group `test`. An entry of the group that names a package
of this repository, such as `nflows-core[images]`, asks for that package's extras. A further group `test-KIND` of
packages/NAME makes the environment NAME-KIND; one that pins a version stands outside constraints.txt.

    python tools/environments.py NAME

prints the environments of packages/NAME, for CI.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workspace import ROOT, Package, Requirement, direct_dependencies, reachable, read_packages


def package_environments(packages: Mapping[str, Package]) -> dict[str, dict[str, Any]]:
    """The environments in which each package is tested alone, by name, as hatch.toml would write them."""
    environments = {}
    for folder, package in packages.items():
        below = reachable([folder], direct_dependencies(packages))
        for name, texts in _groups(package).items():
            environments[name] = _environment(packages, below, texts)
            environments[name]["scripts"] = {"test": ["compile", f"tests packages/{folder} {{args}}"]}
            if any("==" in text for text in texts):
                environments[name]["env-vars"] = {"PIP_CONSTRAINT": ""}
    return environments


def whole_environment(packages: Mapping[str, Package]) -> dict[str, Any]:
    """The environment of all packages, with all that their tests require."""
    texts = [text for package in packages.values() for text in package.groups.get("test", [])]
    return _environment(packages, packages, texts)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", choices=sorted(packages := read_packages(root)), help="a folder in packages/")
    print("\n".join(_groups(packages[parser.parse_args(arguments).package])))


def _groups(package: Package) -> dict[str, list[str]]:
    """What the tests of a package require besides, by the name of the environment; it has one in any case."""
    groups = {"test": [], **package.groups}
    return {package.folder.name + name.removeprefix("test"): texts for name, texts in groups.items()}


def _environment(packages: Mapping[str, Package], members: Iterable[str], texts: Iterable[str]) -> dict[str, Any]:
    """The `members` with the extras that `texts` ask of them, and the other `texts`."""
    folders = {packages[folder].distribution: folder for folder in members}
    extras: dict[str, set[str]] = {folder: set() for folder in folders.values()}
    others = set[str]()
    for text in texts:
        needed = Requirement.parse(text)
        if needed.name in folders:
            extras[folders[needed.name]] |= needed.extras
        else:
            others.add(text)
    paths = [{"path": f"packages/{folder}", "features": sorted(extras[folder])} for folder in sorted(extras)]
    return {"workspace": {"members": paths}, "extra-dependencies": sorted(others)}


if __name__ == "__main__":
    main()
