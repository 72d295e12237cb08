"""Folders of pictures."""

from __future__ import annotations

import os
from pathlib import Path

from nflows_core.data.images import DataError, Images
from nflows_core.data.layout import lay_out
from nflows_core.data.others import without_others
from nflows_core.data.pictures import read_layout
from nflows_core.data.reading import READ_AS_IT_IS, Reading
from nflows_core.data.split import SplitName
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.folders import walk


def read_folder(path: Path, split: SplitName | None, reading: Reading = READ_AS_IT_IS) -> Images:
    """Reads PNG, JPEG, WebP, BMP and TIFF files of a folder and its subfolders; links are followed as `walk` says.

    Splits and classes are those of `lay_out`. Files that operating systems leave behind, and all whose name
    begins with a dot, are skipped; any other file must be a picture, unless ``reading`` skips the others.

    Arguments:
        path: The folder.
        split: The part to read; every picture if not given.
        reading: How the pictures are read.

    Raises:
        DataError: A file is no picture or damaged, sizes differ, the folders make no sense, or one is there twice.
    """
    names, folders = contents(path)
    if reading.skip_others:
        names, folders = without_others(names, folders)
    layout = lay_out(path, names, folders, split, reading)
    return read_layout(path, layout, lambda name: require_regular(path / name).open("rb"), reading.size)


def contents(root: Path) -> tuple[list[str], list[str]]:
    """Paths of all files and all folders below ``root``, with slashes, sorted; see `read_folder`."""
    names: list[Path] = []
    folders: list[Path] = []
    for inner, files in walk(root):
        folders += inner
        names += files
    _check_once(root, folders)
    return _below(root, names), _below(root, folders)


def _check_once(root: Path, folders: list[Path]) -> None:
    """Images that are there twice would count twice, or be held out and trained on."""
    seen = {os.path.realpath(root)}
    for folder in sorted(folders):
        if (real := os.path.realpath(folder)) in seen:
            raise DataError(f"{folder}: a link leads to a folder that is read already; remove it")
        seen.add(real)


def _below(root: Path, paths: list[Path]) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in paths)
