"""Makes a package's page on PyPI out of its README, in the working tree from which its wheel is built.

    python tools/pypi_page.py nflows-core https://github.com/OWNER/REPOSITORY nflows-core-v0.2.0

Links and pictures that are relative here become absolute, at that commit, tag or branch, and `[project.urls]` is
written. Which address the repository has, only those who publish it know: CI says its own.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from workspace import ROOT, read_packages

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_ABSOLUTE = re.compile(r"[a-z][a-z+.-]*:|#")


class PageError(Exception):
    """The README has a link that leads nowhere."""


def absolute_links(text: str, folder: Path, root: Path, address: str, revision: str) -> str:
    """The README in `folder` of the repository in `root`, with absolute links: of pictures to the file itself."""

    def absolute(link: re.Match[str]) -> str:
        if _ABSOLUTE.match(link["target"]):
            return link[0]
        name, _, anchor = link["target"].partition("#")
        target = (folder / name).resolve()
        if not target.exists() or not target.is_relative_to(root.resolve()):
            raise PageError(f"{folder / 'README.md'}: no file for the link to {link['target']}")
        place = f"{address}/{'raw' if link['picture'] else 'blob'}/{revision}/{target.relative_to(root.resolve())}"
        return f"{link['picture']}[{link['text']}]({place}{'#' if anchor else ''}{anchor})"

    return _LINK.sub(absolute, text)


def urls(folder: str, address: str, revision: str) -> str:
    """The table `[project.urls]` of a package, under the names by which PyPI knows their kinds."""
    here = f"{address}/blob/{revision}"
    named = {
        "Homepage": f"{address}/tree/{revision}/packages/{folder}",
        "Source": address,
        "Changelog": f"{here}/packages/{folder}/CHANGELOG.md",
        "Documentation": f"{here}/packages/{folder}/README.md",
        "Issues": f"{address}/issues",
    }
    return "[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in named.items())


def write_page(package: str, address: str, revision: str, root: Path = ROOT) -> None:
    """Rewrites README.md and pyproject.toml of packages/`package`."""
    folder = read_packages(root)[package].folder
    readme, pyproject = folder / "README.md", folder / "pyproject.toml"
    page = absolute_links(readme.read_text(encoding="utf-8"), folder, root, address, revision)
    table = urls(package, address, revision)
    if "[project.urls]" in (settings := pyproject.read_text(encoding="utf-8")):
        raise PageError(f"{pyproject}: has [project.urls] already")
    readme.write_text(page, encoding="utf-8", newline="\n")
    pyproject.write_text(f"{settings.rstrip()}\n\n{table}", encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", choices=sorted(read_packages(root)), help="a folder in packages/")
    parser.add_argument("address", help="the repository's own")
    parser.add_argument("revision", help="the commit, tag or branch to which links lead")
    given = parser.parse_args(arguments)
    try:
        write_page(given.package, given.address.rstrip("/"), given.revision, root)
    except PageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
