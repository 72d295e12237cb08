"""Check who imports whom, between the packages and inside each.

    python tools/check_imports.py

Between packages the rule is what their pyproject.toml files say already: a package imports only what it requires, and
what those require in turn. Inside a package its own contracts hold, `[[tool.importlinter.contracts]]` in its
pyproject.toml, in import-linter's words.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from importlinter import cli
from importlinter.application.app_config import settings
from importlinter.application.ports.user_options import UserOptionReader
from importlinter.application.user_options import UserOptions

from workspace import Package, direct_dependencies, reachable, read_packages


def contracts(packages: Mapping[str, Package]) -> list[dict[str, Any]]:
    """All contracts: one for each package that has neighbours it does not require, then the packages' own."""
    dependencies = direct_dependencies(packages)
    _check_layered(dependencies)
    between = []
    for folder, package in packages.items():
        below = reachable([folder], dependencies)
        others = [module for name in packages.keys() - below for module in packages[name].modules]
        if package.modules and others:
            between.append(
                {
                    "name": f"{folder} imports only the packages that it requires",
                    "type": "forbidden",
                    "source_modules": package.modules,
                    "forbidden_modules": sorted(others),
                }
            )
    return between + [contract for package in packages.values() for contract in package.contracts]


def _check_layered(dependencies: Mapping[str, set[str]]) -> None:
    for folder, below in dependencies.items():
        if folder in reachable(below, dependencies):
            raise ValueError(
                f"packages/{folder}/pyproject.toml: it requires itself by way of others; packages must be layered"
            )


class WorkspaceOptions(UserOptionReader):  # type: ignore[misc, unused-ignore]
    """Import-linter's settings, read from the packages instead of one file."""

    def read_options(self, config_filename: str | None = None) -> UserOptions:
        packages = read_packages()
        session = {
            "root_packages": [module for package in packages.values() for module in package.modules],
            "include_external_packages": "True",
            "exclude_type_checking_imports": "True",
        }
        return UserOptions(
            session_options=session, contracts_options=[_as_text(table) for table in contracts(packages)]
        )


def _as_text(contract: Mapping[str, Any]) -> dict[str, Any]:
    """The contract with words for TOML's booleans, which is what import-linter's fields read."""
    return {key: str(value) if isinstance(value, bool) else value for key, value in contract.items()}


def main() -> int:
    settings.configure(USER_OPTION_READERS={"workspace": WorkspaceOptions()})
    return cli.lint_imports()


if __name__ == "__main__":
    sys.exit(main())
