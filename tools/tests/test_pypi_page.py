from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from pypi_page import PageError, absolute_links, main
from workspace import ROOT, read_packages

ADDRESS = "https://example.org/owner/house"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "packages" / "flows"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "growth.svg").touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").touch()
    return folder


@pytest.mark.parametrize(
    ("relative", "absolute"),
    [
        ("![Growth](docs/growth.svg)", f"![Growth]({ADDRESS}/raw/v1/packages/flows/docs/growth.svg)"),
        ("[guide](../../docs/guide.md)", f"[guide]({ADDRESS}/blob/v1/docs/guide.md)"),
        ("[part](../../docs/guide.md#part-2)", f"[part]({ADDRESS}/blob/v1/docs/guide.md#part-2)"),
        ("[paper](https://arxiv.org/abs/1)", "[paper](https://arxiv.org/abs/1)"),
        ("[below](#install)", "[below](#install)"),
        ("a[i](x)", None),
    ],
)
def test_links_lead_from_anywhere_to_the_same_file(relative: str, absolute: str | None, folder: Path) -> None:
    root = folder.parents[1]
    if absolute is None:
        with pytest.raises(PageError, match="no file for the link to x"):
            absolute_links(relative, folder, root, ADDRESS, "v1")
    else:
        assert absolute_links(relative, folder, root, ADDRESS, "v1") == absolute


def test_a_link_out_of_the_repository_leads_nowhere(folder: Path) -> None:
    (folder.parents[1].parent / "secret.md").touch()
    with pytest.raises(PageError):
        absolute_links("[secret](../../../secret.md)", folder, folder.parents[1], ADDRESS, "v1")


@pytest.mark.parametrize("package", read_packages())
def test_the_page_of_each_package_has_absolute_links_and_says_where_things_are(package: str, tmp_path: Path) -> None:
    for part in ("packages", "docs"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("build", "*.so", "__pycache__"))
    main([package, ADDRESS, "v1"], tmp_path)
    page = (tmp_path / "packages" / package / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", page)
    assert links
    assert all(link.startswith(("https://", "#")) for link in links)
    project = tomllib.loads((tmp_path / "packages" / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"Homepage", "Source", "Changelog", "Issues"} <= set(project["urls"])
    assert project["authors"]
    with pytest.raises(SystemExit, match="2"):  # a second time
        main([package, ADDRESS, "v1"], tmp_path)
