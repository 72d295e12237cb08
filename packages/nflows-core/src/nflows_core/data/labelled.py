"""Pictures with a class, a group that no split may divide, and the thing that each shows: from folders or a table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nflows_core.data.folder import contents
from nflows_core.data.images import DataError
from nflows_core.data.labelled_table import COLUMNS, Row, read_rows
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.split_folders import check_classes, split_folders
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.report import write_csv

_LAST_NUMBER = re.compile(r"[\W_]+\d+\W*$")
_NAMED = ("class", "group", "item")


class LabelledFile(NamedTuple):
    """A picture of a labelled set.

    Arguments:
        name: Its path below the root, with slashes.
        label: The name of its class.
        group: The photograph, tile or tray that it is from, which never straddles a split.
        item: The thing that it shows; views of one thing share it.
        part: The part of a split that it is in, such as ``train``; empty if there is none.
    """

    name: str
    label: str
    group: str
    item: str
    part: str = ""


@dataclass(frozen=True)
class LabelledFiles:
    """Pictures in files, with their classes and where they come from.

    Arguments:
        root: The folder that the names begin at.
        files: The files.
        classes: The names of the classes, sorted; those of ``files`` if not given.
        others: The names of what lies below the root and is not named as a picture.

    Raises:
        DataError: A file has a class that is not among ``classes``.

    Example:
        >>> files = LabelledFiles(Path("crops"), (LabelledFile("a/1.png", "a", "tray", "a/1.png"),), ("a", "b"))
        >>> len(files), files.labels, files.path(files.files[0]).as_posix()
        (1, array([0]), 'crops/a/1.png')
    """

    root: Path
    files: tuple[LabelledFile, ...]
    classes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        used = {file.label for file in self.files}
        object.__setattr__(self, "classes", tuple(sorted(self.classes or used)))
        if strange := sorted(used.difference(self.classes)):
            raise DataError(f"{self.root}: {strange[0]} is none of the classes {', '.join(self.classes)}")

    def __len__(self) -> int:
        return len(self.files)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The place of each file's class among ``classes``, :math:`(N,)`."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places[file.label] for file in self.files], dtype=np.int64)

    @property
    def groups(self) -> NDArray[np.str_]:
        """The group of each file, :math:`(N,)`."""
        return np.array([file.group for file in self.files], dtype=np.str_)

    @property
    def items(self) -> NDArray[np.str_]:
        """The thing that each file shows, :math:`(N,)`."""
        return np.array([file.item for file in self.files], dtype=np.str_)

    @property
    def parts(self) -> NDArray[np.str_]:
        """The part of a split that each file is in, :math:`(N,)`; empty where there is none."""
        return np.array([file.part for file in self.files], dtype=np.str_)

    def path(self, file: LabelledFile) -> Path:
        """Where a file lies."""
        return self.root / file.name

    def select(self, indices: ArrayLike) -> LabelledFiles:
        """The files at these places, or where a mask is true; the classes stay those of the whole set."""
        chosen = np.arange(len(self))[np.asarray(indices)] if np.size(indices) else np.empty(0, np.intp)
        return replace(self, files=tuple(self.files[place] for place in chosen.tolist()))


def read_labelled(
    source: str | Path,
    group: str | None = None,
    root: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> LabelledFiles:
    r"""Reads which pictures there are, of which classes, and where each comes from; no picture is opened.

    A folder has one folder a class; folders ``train`` and ``test`` on top of these are the parts of a split. A table,
    CSV in UTF-8 with a header, has the columns ``file``, a path below the root, and ``class``, and may have ``group``,
    ``item``, ``part`` and ``root``, the root as it is found from the table's folder, which is the root otherwise.

    Where nothing says what a picture shows, it is a thing of its own. Where nothing says of which group it is, that is
    the thing, if that was said, and else its stem without the last number: ``IMG_20161016_124705064_395`` is of
    ``IMG_20161016_124705064``, and ``0395`` of itself alone.

    Arguments:
        source: The folder or the table.
        group: A regular expression whose first parenthesis in each file's stem, or in the path without suffix if it has
            a slash, is the group. Parentheses named ``(?P<group>...)``, ``(?P<item>...)`` and ``(?P<class>...)`` are
            that, so that ``(?P<item>(?P<class>.+)-\d+)`` reads ``stop-017.png`` without folders.
        root: The folder that the paths of a table begin at, wherever the table lies.
        columns: The columns of the table by what they are, as ``{"group": "tile"}``, where they are called otherwise.

    Raises:
        DataError: The source is neither, is damaged or makes no sense, files are missing, or have no class.
        ValueError: An argument is none that can be used.
        OSError: The source cannot be read.
    """
    source, pattern = Path(source), _compiled(group)
    if source.is_dir():
        if root is not None or columns:
            raise ValueError(f"`{'columns' if columns else 'root'}` is of a table, and {source} is a folder")
        return _read_folder(source, pattern)
    if not source.is_file():
        raise DataError(f"{source}: no such file or folder; give a folder with one folder a class, or a CSV table")
    place, rows = read_rows(source, None if root is None else Path(root), columns or {}, _says_class(pattern))
    return LabelledFiles(place, tuple(_files(source, rows, pattern)))


def write_labelled(path: str | Path, files: LabelledFiles) -> None:
    """Writes the table that `read_labelled` reads: file, class, group, item, part and root.

    The root is written as it is found from the table's folder, so that both may move together.
    """
    root = _from(Path(path).parent, files.root)
    write_csv(Path(path), (dict(zip(COLUMNS, (*file, root), strict=True)) for file in files.files))


def _from(folder: Path, root: Path) -> str:
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return root.resolve().as_posix()


def _read_folder(source: Path, pattern: re.Pattern[str] | None) -> LabelledFiles:
    names, folders = contents(source)
    pictures, others = (tuple(n for n in names if is_named_as_picture(n) == wanted) for wanted in (True, False))
    if not pictures:
        raise DataError(f"{source}: holds no pictures; is it the right folder?")
    rows = [Row(name) for name in pictures] if _says_class(pattern) else _by_folders(source, pictures, folders)
    return LabelledFiles(source, tuple(_files(source, rows, pattern)), others=others)


def _by_folders(source: Path, names: Sequence[str], folders: Sequence[str]) -> list[Row]:
    """The files with the class that their folder says, and the part that the folder above it says, if it does."""
    depth = 1 if split_folders(source, folders) else 0
    if not depth:
        check_classes(source, folders)
    if loose := [name for name in names if name.count("/") <= depth]:
        raise DataError(
            f"{source}: {visible(loose[0])} has no class ({len(loose)} such); move it into the folder of its class, or "
            "give a table or a `group` that says the class"
        )
    _refuse_empty(source, names, [folder for folder in folders if folder.count("/") == depth])
    tops = [name.split("/") for name in names]
    return [Row(n, label=t[depth], part=t[0] if depth else "") for n, t in zip(names, tops, strict=True)]


def _refuse_empty(source: Path, names: Iterable[str], classes: Iterable[str]) -> None:
    used = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    if empty := [folder for folder in classes if folder not in used]:
        raise DataError(f"{source}: the folder {visible(empty[0])} holds no pictures; fill or remove it")


def _files(source: Path, rows: Iterable[Row], pattern: re.Pattern[str] | None) -> Iterator[LabelledFile]:
    strange = []
    for row in rows:
        said = _said(pattern, row.name)
        if said is None or not (label := said.get("class") or row.label):
            strange.append(row.name)
            continue
        item = said.get("item") or row.item
        where = said.get("group") or row.group or item or _without_number(row.name)
        yield LabelledFile(row.name, label, where, item or row.name, row.part)
    if strange:
        raise DataError(
            f"{source}: {len(strange)} files are not called as `group` says, such as {visible(strange[0])}; give a "
            "regular expression that is found in all"
        )


def _compiled(group: str | None) -> re.Pattern[str] | None:
    if group is None:
        return None
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ValueError(f"`group` is no regular expression: {error}; got {group!r}") from error
    if not pattern.groups:
        raise ValueError(f"`group` needs a parenthesis around what the group is, as '^(.+)_'; got {group!r}")
    if strange := sorted(pattern.groupindex.keys() - set(_NAMED)):
        raise ValueError(f"`group` has a parenthesis named {strange[0]}, and knows {', '.join(_NAMED)}")
    return pattern


def _says_class(pattern: re.Pattern[str] | None) -> bool:
    return pattern is not None and "class" in pattern.groupindex


def _said(pattern: re.Pattern[str] | None, name: str) -> dict[str, str | None] | None:
    """What a name says of class, group and item; nothing if it is not called so."""
    if pattern is None:
        return {}
    path = PurePosixPath(name)
    found = pattern.search(str(path.with_suffix("")) if "/" in pattern.pattern else path.stem)
    if found is None:
        return None
    first = {} if 1 in pattern.groupindex.values() else {"group": found[1]}
    return first | found.groupdict()


def _without_number(name: str) -> str:
    stem = PurePosixPath(name).stem
    rest = _LAST_NUMBER.sub("", stem)
    return rest if any(map(str.isalnum, rest)) else stem
