"""The one walk through folders: its order, and its policy for links."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nflows_core.runtime.folders import walk

posix = pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def walked(root: Path) -> list[str]:
    """Every file, by its path below the root."""
    return [file.relative_to(root).as_posix() for _, files in walk(root) for file in files]


def test_files_come_in_the_order_of_names_a_folder_before_those_in_it(tmp_path: Path) -> None:
    make(tmp_path, "b/y", "b/a/z", "c", "a/x", "b/x")
    assert walked(tmp_path) == ["c", "a/x", "b/x", "b/y", "b/a/z"]


def test_junk_is_left_out_with_all_that_is_in_it(tmp_path: Path) -> None:
    make(tmp_path, "a", ".hidden", ".git/config", "Thumbs.db", "__MACOSX/a", "b/.DS_Store")
    assert walked(tmp_path) == ["a"]


def test_a_folder_that_is_taken_out_is_not_walked(tmp_path: Path) -> None:
    make(tmp_path, "a/x", "b/y", "b/a/z")
    seen = []
    for folders, files in walk(tmp_path):
        seen += [file.name for file in files]
        folders[:] = [folder for folder in folders if folder.name != "a"]
    assert seen == ["y"]


@posix
def test_links_are_taken_for_what_they_lead_to(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/x", "root/real/y")
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "again").symlink_to("folder")
    (tmp_path / "root" / "file").symlink_to(tmp_path / "elsewhere" / "x")
    (tmp_path / "root" / "nowhere").symlink_to("missing")
    assert walked(tmp_path / "root") == ["file", "nowhere", "again/x", "folder/x", "real/y"]
    (tmp_path / "link").symlink_to("root")
    assert walked(tmp_path / "link") == walked(tmp_path / "root")


@posix
def test_a_link_to_a_folder_that_it_lies_in_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, "root/a/x", "root/b/y")
    root = tmp_path / "root"
    (root / "a" / "above").symlink_to(root)
    (root / "a" / "itself").symlink_to(root / "a")
    (root / "a" / "next").symlink_to(root / "b")
    (root / "b" / "back").symlink_to(root / "a")
    assert walked(root) == ["a/x", "a/next/y", "b/y", "b/back/x"]
    assert all("above" not in str(folder) for folders, _ in walk(root) for folder in folders)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    make(tmp_path, "secret/a")
    (tmp_path / "secret").chmod(0)
    with pytest.raises(PermissionError, match="secret"):
        walked(tmp_path)
    (tmp_path / "secret").chmod(0o700)
