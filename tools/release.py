"""Gives a package its next version, and checks that a tag fits what it releases.

    python tools/release.py nflows-core 0.2.0
    python tools/release.py --check nflows-core-v0.2.0

The first writes the version into the package's pyproject.toml (and into `__version__`, where it has one) and turns the
changelog's "Unreleased" into a section of that version. The second fails unless all of them say what the tag says, and
prints the section: the text of the release.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

from workspace import ROOT, read_packages

UNRELEASED = "## [Unreleased]"

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_TAG = re.compile(r"(?P<package>.+)-v(?P<version>\d+\.\d+\.\d+)")
_VERSION_LINE = re.compile(r'^(?P<name>version|__version__) = "(?P<version>[^"]*)"$', re.MULTILINE)


class ReleaseError(Exception):
    """The package cannot be released like this."""


def bump(folder: Path, version: str, date: datetime.date) -> None:
    """Makes `version` the version of the package in `folder`, and its unreleased changes that version's."""
    changelog = folder / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    _check_version(version, folder)
    if not section(text, "Unreleased"):
        raise ReleaseError(f"{changelog}: nothing under {UNRELEASED!r}; say there what has changed")
    if section(text, version):
        raise ReleaseError(f"{changelog}: {version} is released already; choose the next version")
    for file in _version_files(folder):
        replaced = _VERSION_LINE.sub(rf'\g<name> = "{version}"', file.read_text(encoding="utf-8"), count=1)
        file.write_text(replaced, encoding="utf-8", newline="\n")
    heading = f"{UNRELEASED}\n\n## [{version}] - {date.isoformat()}"
    changelog.write_text(text.replace(UNRELEASED, heading, 1), encoding="utf-8", newline="\n")


def check(tag: str, root: Path) -> str:
    """The changelog's section of the version that `tag` names, if that is the version of the package everywhere."""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"{tag} is no release tag; write it like nflows-core-v0.2.0")
    version, folder = match["version"], package_folder(match["package"], root)
    for file in _version_files(folder):
        if _version_of(file) != version:
            raise ReleaseError(
                f"{file}: says {_version_of(file)}, the tag {version}; run tools/release.py before tagging"
            )
    text = section((folder / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if not text:
        raise ReleaseError(f"{folder / 'CHANGELOG.md'}: no section [{version}]; run tools/release.py before tagging")
    return text


def section(changelog: str, version: str) -> str:
    """What a changelog says about a version; empty if it says nothing."""
    pattern = rf"^## \[{re.escape(version)}\].*\n(?P<text>(?:(?!## ).*(?:\n|\Z))*)"
    match = re.search(pattern, changelog, re.MULTILINE)
    return match["text"].strip() if match else ""


def package_folder(package: str, root: Path) -> Path:
    packages = read_packages(root)
    if package not in packages:
        raise ReleaseError(f"no package {package} in {root / 'packages'}; there are {', '.join(packages)}")
    return packages[package].folder


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", help="a folder in packages/")
    parser.add_argument("version", nargs="?", help="its next version, such as 0.2.0")
    parser.add_argument("--check", metavar="TAG", help="check this tag, such as nflows-core-v0.2.0")
    options = parser.parse_args(arguments)
    if (options.check is None) == (options.version is None):
        parser.error("give a package and its next version, or --check and a tag")
    try:
        if options.check is not None:
            print(check(options.check, root))
        else:
            today = datetime.datetime.now(datetime.UTC).date()
            bump(package_folder(options.package, root), options.version, today)
            print(f"Commit this, then tag it {options.package}-v{options.version} and push the tag.")
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _check_version(version: str, folder: Path) -> None:
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is no version; write it like 0.2.0")
    for file in _version_files(folder):
        current = _version_of(file)
        if _numbers(version) < _numbers(current):
            raise ReleaseError(f"{file}: {version} is older than its {current}; choose a later version")


def _version_files(folder: Path) -> list[Path]:
    modules = [
        file for file in folder.glob("src/*/__init__.py") if _VERSION_LINE.search(file.read_text(encoding="utf-8"))
    ]
    return [folder / "pyproject.toml", *modules]


def _version_of(file: Path) -> str:
    match = _VERSION_LINE.search(file.read_text(encoding="utf-8"))
    if match is None:
        raise ReleaseError(f'{file}: no line version = "..."; write one')
    return match["version"]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


if __name__ == "__main__":
    sys.exit(main())
