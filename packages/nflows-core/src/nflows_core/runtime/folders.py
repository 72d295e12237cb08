"""What lies below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from nflows_core.runtime.files import is_junk


def walk(root: Path, junk: list[Path] | None = None) -> Iterator[tuple[list[Path], list[Path]]]:
    """The folders and the files of a folder, and then of each folder in it, in the order of their names.

    What `is_junk` names is left out. A link is taken for what it leads to, file or folder, so that a folder is walked
    as often as links lead to it; but a link to a folder that it lies in is left out, for the walk would have no end. A
    link that leads nowhere is a file.

    Arguments:
        root: The folder to begin with.
        junk: A list that gets what is left out by its name.

    Returns:
        Paths that begin with ``root``. A folder that is taken out of a list before the walk goes on is not walked.

    Raises:
        OSError: A folder cannot be read.
    """
    for top, folders, files in walk_names(root, junk):
        yield folders, [Path(top, name) for name in files]


def walk_names(root: Path, junk: list[Path] | None = None) -> Iterator[tuple[str, list[Path], list[str]]]:
    """As `walk`, with the path of each folder and the names of its files: of a million of them, paths are too much."""
    for top, names, files in os.walk(root, followlinks=True, onerror=_fail):
        folders = [Path(top, name) for name in sorted(names) if not is_junk(name)]
        folders = [folder for folder in folders if not _leads_back(folder, root)]
        yield top, folders, sorted(name for name in files if not is_junk(name))
        if junk is not None:
            junk.extend(Path(top, name) for name in (*names, *files) if is_junk(name))
        names[:] = [folder.name for folder in folders]


def is_inside(path: Path, roots: Iterable[Path]) -> bool:
    """Whether a file lies in one of the folders, or is one of the files, behind all links.

    Arguments:
        path: The file, which need not be there.
        roots: The folders and files, without links in them.
    """
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(root) for root in roots)


def _leads_back(folder: Path, root: Path) -> bool:
    above = folder.parents[: len(folder.parents) - len(root.parents)]
    return folder.is_symlink() and os.path.realpath(folder) in map(os.path.realpath, above)


def _fail(error: OSError) -> None:
    raise error
