"""A made-up repository of packages, for the tests of the tools that read one."""

from __future__ import annotations

from pathlib import Path


def write_package(root: Path, folder: str, pyproject: str, module: str | None = None) -> None:
    """Adds packages/`folder` with this pyproject.toml, and with an empty `module` in src/ if one is named."""
    file = root / "packages" / folder / "pyproject.toml"
    file.parent.mkdir(parents=True)
    file.write_text(pyproject, encoding="utf-8")
    if module is not None:
        source = file.parent / "src" / module / "__init__.py"
        source.parent.mkdir(parents=True)
        source.touch()


def write_house(root: Path) -> None:
    """A solver, flows above it, two applications above those, and one above an application."""
    write_package(
        root,
        "solver",
        """
[project]
name = "Solver_Kit"
dependencies = ["numpy>=1.26; python_version < '3.13'", "numpy>=2.1; python_version >= '3.13'"]
optional-dependencies = { torch = ["torch>=2.10"], web = ["flask>=3"] }
[dependency-groups]
test = ["solver-kit[torch]"]
test-other = [{ include-group = "test" }, "jax"]
test-numpy = []
""",
        "solver",
    )
    write_package(
        root,
        "flows",
        """
[project]
name = "nflows-flows"
dependencies = ["torch>=2.9", "click", "solver.kit[torch]>=0.1; os_name>'a'"]
optional-dependencies = { images = ["tifffile>=2024.8"] }
[dependency-groups]
test = ["zuko", "nflows-flows[images]"]
lint = ["ruff"]
[[tool.importlinter.contracts]]
name = "floors of flows"
type = "layers"
layers = ["flows.cli", "flows.runtime"]
""",
        "flows",
    )
    write_package(root, "sr", '[project]\nname = "nflows-sr"\ndependencies = ["nflows-flows>=0.1"]', "nflows_sr")
    write_package(
        root,
        "geo",
        '[project]\nname = "nflows-geo"\noptional-dependencies = { all = ["nflows-flows (>=1)", "nflows-geo[dask]"] }',
        "nflows_geo",
    )
    write_package(
        root, "heritage", '[project]\nname = "nflows-heritage"\ndependencies = ["nflows-sr"]', "nflows_heritage"
    )
