"""The environments of hatch, made of what the packages say: those in which each passes its tests alone, and one of all.

With a package are installed those below it and its dependency group `test`. An entry of the group that names a package
of this repository, such as `nflows-core[images]`, asks for that package's extras. A further group `test-KIND` of
packages/NAME makes the environment NAME-KIND. NAME-lowest is NAME with the lowest versions of all that is declared; the
others have those of constraints.txt.

    python tools/environments.py NAME

prints the environments of packages/NAME for CI, but for NAME-lowest: check_wheels.py tests all packages with those.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workspace import ROOT, Package, Requirement, direct_dependencies, lowest, reachable, read_packages

_LOWEST = "-lowest"


def package_environments(packages: Mapping[str, Package]) -> dict[str, dict[str, Any]]:
    """The environments in which each package is tested alone, by name, as hatch.toml would write them."""
    environments = {}
    for folder, package in packages.items():
        below = reachable([folder], direct_dependencies(packages))
        test = {"scripts": {"test": ["compile", f"tests packages/{folder} {{args}}"]}}
        for kind, texts in _groups(package).items():
            environments[folder + kind] = _environment(packages, below, texts) | test
        environments[folder + _LOWEST] = _with_lowest(packages, environments[folder]) | test
    return environments


def whole_environment(packages: Mapping[str, Package]) -> dict[str, Any]:
    """The environment of all packages, with all that their tests require."""
    texts = [text for package in packages.values() for text in package.groups.get("test", [])]
    return _environment(packages, packages, texts)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", choices=sorted(packages := read_packages(root)), help="a folder in packages/")
    package = parser.parse_args(arguments).package
    print("\n".join(package + kind for kind in _groups(packages[package])))


def _groups(package: Package) -> dict[str, list[str]]:
    """What the tests of a package require besides, by the end of the environment's name; it has one in any case."""
    groups = {"test": [], **package.groups}
    return {name.removeprefix("test"): texts for name, texts in groups.items()}


def _environment(packages: Mapping[str, Package], members: Iterable[str], texts: Sequence[str]) -> dict[str, Any]:
    """The `members` with the extras that `texts` and they ask of each other, and the other `texts`."""
    folders = {packages[folder].distribution: folder for folder in members}
    extras: dict[str, set[str]] = {folder: set() for folder in folders.values()}
    others = {text for text in texts if Requirement.parse(text).name not in folders}
    asked = [text for folder in extras for text in packages[folder].required(())]
    for needed in map(Requirement.parse, [*texts, *asked]):
        if needed.name in folders:
            extras[folders[needed.name]] |= needed.extras
    paths = [{"path": f"packages/{folder}", "features": sorted(extras[folder])} for folder in sorted(extras)]
    return {"workspace": {"members": paths}, "extra-dependencies": sorted(others)}


def _with_lowest(packages: Mapping[str, Package], environment: Mapping[str, Any]) -> dict[str, Any]:
    members = environment["workspace"]["members"]
    texts = [text for member in members for text in packages[_folder(member)].required(member["features"])]
    names = {package.distribution for package in packages.values()}
    floors = [text for text in lowest(texts) if Requirement.parse(text).name not in names]
    return {
        **environment,
        "extra-dependencies": sorted({*environment["extra-dependencies"], *floors}),
        "env-vars": {"PIP_CONSTRAINT": ""},
    }


def _folder(member: Mapping[str, Any]) -> str:
    return str(member["path"]).removeprefix("packages/")


if __name__ == "__main__":
    main()
