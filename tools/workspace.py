"""The packages of this repository, as their own folders describe them: the one list from which all others come.

A folder in packages/ with a pyproject.toml is a package. Its `[project]` names what it requires, its
`[dependency-groups]` what its tests require besides, and `[[tool.importlinter.contracts]]` which floors it has.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_FLOOR = re.compile(r"\s*(?P<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*>=\s*(?P<version>[\d.]+)\s*(?P<marker>;.*)?")


@dataclass(frozen=True)
class Requirement:
    """A distribution's normalized name, and the extras asked of it."""

    name: str
    extras: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """From the text of PEP 508; versions and markers are left to the installer."""
        name, extras = re.fullmatch(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?.*", text).groups()  # type: ignore[union-attr]
        return cls(normalized(name), frozenset(extra.strip() for extra in (extras or "").split(",") if extra.strip()))


@dataclass(frozen=True)
class Package:
    """A folder in packages/ and the tables of its pyproject.toml."""

    folder: Path
    tables: Mapping[str, Any]

    @property
    def distribution(self) -> str:
        """The normalized name by which other packages require it."""
        return normalized(self.tables["project"]["name"])

    @property
    def modules(self) -> list[str]:
        """What can be imported of it: the folders in src/."""
        return sorted(file.parent.name for file in self.folder.glob("src/*/__init__.py"))

    @property
    def extras(self) -> dict[str, list[str]]:
        """What each of its extras requires, in the words of its pyproject.toml."""
        extras: dict[str, list[str]] = self.tables["project"].get("optional-dependencies", {})
        return extras

    def required(self, extras: Iterable[str]) -> list[str]:
        """What it requires with these extras, in the words of its pyproject.toml."""
        texts: list[str] = self.tables["project"].get("dependencies", [])
        return [*texts, *(text for extra in extras for text in self.extras[extra])]

    @property
    def requirements(self) -> list[Requirement]:
        """Everything that it requires, extras included."""
        return [Requirement.parse(text) for text in self.required(self.extras)]

    @property
    def groups(self) -> dict[str, list[str]]:
        """What tests require besides, by the name of the environment they run in."""
        groups: Mapping[str, list[str | dict[str, str]]] = self.tables.get("dependency-groups", {})
        return {name: _entries(groups, name) for name in groups if name == "test" or name.startswith("test-")}

    @property
    def contracts(self) -> list[dict[str, Any]]:
        """The import contracts between its own modules, in import-linter's words."""
        contracts: list[dict[str, Any]] = self.tables.get("tool", {}).get("importlinter", {}).get("contracts", [])
        return contracts


def read_packages(root: Path = ROOT) -> dict[str, Package]:
    """Every package in `root`/packages, by the name of its folder."""
    files = sorted(root.glob("packages/*/pyproject.toml"))
    return {file.parent.name: Package(file.parent, tomllib.loads(file.read_text(encoding="utf-8"))) for file in files}


def direct_dependencies(packages: Mapping[str, Package]) -> dict[str, set[str]]:
    """The folders of the packages that each requires itself."""
    folders = {package.distribution: folder for folder, package in packages.items()}
    return {
        folder: {folders[needed.name] for needed in package.requirements if needed.name in folders} - {folder}
        for folder, package in packages.items()
    }


def reachable(start: Iterable[str], arrows: Mapping[str, set[str]]) -> set[str]:
    """What can be reached from `start` along the arrows, `start` included."""
    reached, ahead = set[str](), set(start)
    while ahead:
        reached |= ahead
        ahead = {target for name in ahead for target in arrows[name]} - reached
    return reached


def lowest(texts: Iterable[str]) -> list[str]:
    """The lowest versions that these requirements allow, as requirements; those that name none are left out.

    Of one that is required twice under the same marker it is the higher one.
    """
    floors: dict[tuple[str, str], str] = {}
    for text in texts:
        match = _FLOOR.fullmatch(text)
        if match is not None:
            name, version, marker = normalized(match["name"]), match["version"], match["marker"] or ""
            floors[name, marker] = max(version, floors.get((name, marker), "0"), key=_numbers)
    return sorted(f"{name}=={version}{marker}" for (name, marker), version in floors.items())


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _entries(groups: Mapping[str, list[str | dict[str, str]]], name: str) -> list[str]:
    """The requirements of a dependency group with those of the groups that it includes, as PEP 735 has it."""
    return [
        text
        for entry in groups[name]
        for text in ([entry] if isinstance(entry, str) else _entries(groups, entry["include-group"]))
    ]


def normalized(name: str) -> str:
    """The one spelling of a distribution's name, as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
