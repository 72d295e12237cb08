"""The environments of hatch, made of what the packages say: one in which each passes its tests alone, and one of all.

With a package are installed those below it and its dependency group `test`. An entry of the group that names a package
of this repository, such as `nflows-core[images]`, asks for that package's extras. A further group `test-KIND` of
packages/NAME makes the environment NAME-KIND; the kind `lowest` is installed without constraints.txt, which has the
newest versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workspace import Package, Requirement, direct_dependencies, reachable


def package_environments(packages: Mapping[str, Package]) -> dict[str, dict[str, Any]]:
    """The environments in which each package is tested alone, by name, as hatch.toml would write them."""
    environments = {}
    for folder, package in packages.items():
        below = reachable([folder], direct_dependencies(packages))
        for group, texts in {"test": [], **package.groups}.items():
            test = ["compile", f"tests packages/{folder} {{args}}"]
            environment = _environment(packages, below, texts)
            if group == "test-lowest":
                environment["env-vars"] = {"PIP_CONSTRAINT": ""}
            environments[folder + group.removeprefix("test")] = {**environment, "scripts": {"test": test}}
    return environments


def whole_environment(packages: Mapping[str, Package]) -> dict[str, Any]:
    """The environment of all packages, with all that their tests require."""
    texts = [text for package in packages.values() for text in package.groups.get("test", [])]
    return _environment(packages, packages, texts)


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
