"""Folders of pictures."""

from __future__ import annotations

import os
from pathlib import Path

from nflows_core.data.images import DataError, Images
from nflows_core.data.layout import lay_out
from nflows_core.data.pictures import read_layout
from nflows_core.data.split import SplitName
from nflows_core.runtime.files import is_junk


def read_folder(path: Path, split: SplitName, size: int | None = None) -> Images:
    """Reads PNG, JPEG, WebP, BMP and TIFF files of a folder and its subfolders; links are followed.

    Splits and classes are those of `lay_out`. Files that operating systems leave behind, and all whose name
    begins with a dot, are skipped; any other file must be a picture.

    Arguments:
        path: The folder.
        split: The part to read.
        size: Side of the square that each picture is scaled and cropped to; all have one size if not given.

    Raises:
        DataError: A file is no picture or damaged, sizes differ, or the folders make no sense.
    """
    names, folders = _walk(path)
    layout = lay_out(path, names, folders, split)
    return read_layout(path, layout, lambda name: (path / name).open("rb"), size)


def _walk(root: Path) -> tuple[list[str], list[str]]:
    """Paths of all files and all folders below ``root``, with slashes, sorted, without junk."""
    names: list[str] = []
    folders: list[str] = []
    seen: set[str] = set()
    for top, subfolders, files in os.walk(root, followlinks=True, onerror=_fail):
        # Without this a link to a folder above would be followed until the path is too long.
        if (real := os.path.realpath(top)) in seen:
            raise DataError(f"{top}: a link leads to a folder that is read already; remove it")
        seen.add(real)
        subfolders[:] = [name for name in subfolders if not is_junk(name)]
        below = Path(top).relative_to(root)
        folders += [(below / name).as_posix() for name in subfolders]
        names += [(below / name).as_posix() for name in files if not is_junk(name)]
    return sorted(names), sorted(folders)


def _fail(error: OSError) -> None:
    raise error
