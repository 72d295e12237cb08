"""Which packages a change touches, as a JSON list for the test matrix.

    python tools/changed_packages.py BASE

prints the folders in packages/ to test for the commits after BASE: each package with a changed file, and every package
that depends on it. A file outside packages/ concerns all of them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def read_dependencies(root: Path) -> dict[str, set[str]]:
    """The folder of every package in `root`/packages, with the folders of those that it requires, extras included."""
    files = sorted(root.glob("packages/*/pyproject.toml"))
    projects = {file.parent.name: tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files}
    folders = {_normalized(project["name"]): folder for folder, project in projects.items()}
    return {
        folder: {folders[name] for name in _required_names(project) if name in folders} - {folder}
        for folder, project in projects.items()
    }


def touched_packages(files: Iterable[str], dependencies: Mapping[str, set[str]]) -> list[str]:
    """The packages with one of the changed `files` in their folder, and all that depend on them."""
    touched: set[str] = set()
    for file in files:
        top, *rest = PurePosixPath(file).parts
        if top != "packages" or rest[0] not in dependencies:
            return sorted(dependencies)
        touched.add(rest[0])
    while above := {name for name, below in dependencies.items() if below & touched} - touched:
        touched |= above
    return sorted(touched)


def changed_files(base: str, root: Path) -> list[str] | None:
    """The files that differ between HEAD and where it left `base`; nothing if `base` is no commit here."""
    known = subprocess.run(
        ["git", "rev-parse", "--quiet", "--verify", f"{base}^{{commit}}"], cwd=root, stdout=subprocess.DEVNULL
    )
    if known.returncode:
        return None
    names = subprocess.check_output(
        ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD"], cwd=root, encoding="utf-8"
    )
    return names.split("\0")[:-1]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the commit before the change")
    base = parser.parse_args(arguments).base
    dependencies = read_dependencies(ROOT)
    files = changed_files(base, ROOT)
    if files is None:
        # The first push of a branch has zeros as its base, and a forced push one that is gone.
        print(f"{base} is no commit of this repository: all packages count as changed", file=sys.stderr)
    print(json.dumps(sorted(dependencies) if files is None else touched_packages(files, dependencies)))


def _required_names(project: Mapping[str, Any]) -> set[str]:
    lists = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    return {_normalized(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for names in lists for requirement in names}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
