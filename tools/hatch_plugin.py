"""Hands environments.py to hatch, which loads this file by hatch.toml and has a Python of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatch.env.collectors.plugin.interface import EnvironmentCollectorInterface  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).parent))  # loaded by its path, this file knows no neighbours

from environments import package_environments, whole_environment
from workspace import read_packages


class WorkspaceEnvironments(EnvironmentCollectorInterface):  # type: ignore[misc]
    """An environment for each package; what stands in hatch.toml under the same name is put over it."""

    def get_initial_config(self) -> dict[str, dict[str, Any]]:
        return package_environments(read_packages(Path(self.root)))

    def finalize_config(self, config: dict[str, dict[str, Any]]) -> None:
        whole = whole_environment(read_packages(Path(self.root)))
        whole["extra-dependencies"] += config["default"].get("extra-dependencies", [])
        config["default"] |= whole
