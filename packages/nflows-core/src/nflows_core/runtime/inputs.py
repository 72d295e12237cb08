"""The inputs of a batch: the files and folders of a command line, what is found in them, and what is left there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from nflows_core.runtime.files import LEFT_BEHIND
from nflows_core.runtime.folders import walk_names
from nflows_core.runtime.ownership import MARK_FILE, STATUS_FILE, is_ours
from nflows_core.runtime.report import REPORT_FILES

TakesFolder = Callable[[Path], bool]
"""Whether a folder is one input as a whole, as the product of a satellite is."""

EARLIER_RESULTS = "folders of earlier results"
_OURS = frozenset((MARK_FILE, STATUS_FILE, *REPORT_FILES))
_SHOWN = 8


def find_inputs(
    inputs: Sequence[Path],
    output: Path | None,
    suffixes: Collection[str],
    takes_folder: TakesFolder,
    left_out: Counter[str],
) -> Iterator[tuple[Path, Path]]:
    """Every input and its path below the folder that was given.

    Folders are searched with the folders in them, but for the output, and for those in them that hold results of ours;
    one that is given by itself is searched, whatever it holds.

    Arguments:
        inputs: The files and folders that a person gave.
        output: The folder of the results, if there are any.
        suffixes: The suffixes of the files that folders are searched for, in small letters.
        takes_folder: The function that says whether a folder is one input as a whole.
        left_out: The counts of what folders hold besides, by its kind: a suffix, or a few words. They are added to.

    Raises:
        OSError: A folder cannot be read.
    """
    closed = None if output is None else os.path.realpath(output)
    for path in inputs:
        # A shell's * finds what systems leave behind; it does not find hidden files, which a person must mean.
        if path.name.lower() in LEFT_BEHIND or os.path.realpath(path) == closed:
            continue
        if not path.is_dir() or takes_folder(path):
            yield path, Path((path.resolve() if path.name in ("", "..") else path).name)
        else:
            found = _below(path, closed, suffixes, takes_folder, left_out)
            yield from ((inner, inner.relative_to(path)) for inner in found)


def listed(left_out: Mapping[str, int]) -> str:
    """The kinds and their counts, the most frequent ones first.

    Example:
        >>> listed({".heic": 1, ".ppm": 12})
        '.ppm (12), .heic (1)'
    """
    kinds = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{kind} ({count})" for kind, count in kinds[:_SHOWN]]
    others = sum(count for _, count in kinds[_SHOWN:])
    return ", ".join([*shown, f"others ({others})"] if others else shown)


def _below(
    root: Path, closed: str | None, suffixes: Collection[str], takes_folder: TakesFolder, left_out: Counter[str]
) -> Iterator[Path]:
    """Every input below a folder but those in the folder ``closed``."""
    junk: list[Path] = []
    for top, folders, files in walk_names(root, junk):
        inner = [folder for folder in folders if os.path.realpath(folder) != closed]
        whole = {folder.name for folder in inner if takes_folder(folder)}
        earlier = {folder.name for folder in inner if folder.name not in whole and is_ours(folder)}
        folders[:] = [folder for folder in inner if folder.name not in whole | earlier]
        taken = [name for name in files if _suffix(name) in suffixes]
        left_out.update({EARLIER_RESULTS: len(earlier)} if earlier else {})
        others = (name for name in files if _suffix(name) not in suffixes and name not in _OURS)
        left_out.update(_suffix(name) or "without a suffix" for name in others)
        yield from (Path(top, name) for name in sorted([*whole, *taken]))
    hidden = (path for path in junk if path.name.lower() not in LEFT_BEHIND)
    left_out.update("hidden folders" if path.is_dir() else "hidden files" for path in hidden if _counts(path, suffixes))


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()


def _counts(hidden: Path, suffixes: Collection[str]) -> bool:
    """Whether a person might miss it: what programs hide beside pictures is called otherwise."""
    return hidden.is_dir() or hidden.suffix.lower() in suffixes
