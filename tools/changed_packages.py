"""Which packages a change touches, as a JSON list for the matrices of CI.

    python tools/changed_packages.py BASE

prints the folders in packages/ to test for the commits after BASE: each package with a changed file, and every package
that depends on it. A file outside packages/ concerns all of them. Without BASE, it prints all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from workspace import ROOT, direct_dependencies, reachable, read_packages


def touched_packages(files: Iterable[str], dependencies: Mapping[str, set[str]]) -> list[str]:
    """The packages with one of the changed `files` in their folder, and all that depend on them."""
    touched: set[str] = set()
    for file in files:
        top, *rest = PurePosixPath(file).parts
        if top != "packages" or rest[0] not in dependencies:
            return sorted(dependencies)
        touched.add(rest[0])
    dependents = {name: {above for above, below in dependencies.items() if name in below} for name in dependencies}
    return sorted(reachable(touched, dependents))


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


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", help="the commit before the change")
    base = parser.parse_args(arguments).base
    dependencies = direct_dependencies(read_packages(root))
    files = None if base is None else changed_files(base, root)
    if base is not None and files is None:
        # The first push of a branch has zeros as its base, and a forced push one that is gone.
        print(f"{base} is no commit of this repository: all packages count as changed", file=sys.stderr)
    print(json.dumps(sorted(dependencies) if files is None else touched_packages(files, dependencies)))


if __name__ == "__main__":
    main()
