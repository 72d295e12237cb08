"""Labelled pictures shared out over parts or folds: groups stay whole, and each part has its share of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nflows_core.data.assignment import assign
from nflows_core.data.images import DataError
from nflows_core.data.labelled import LabelledFiles
from nflows_core.runtime.foreign_text import visible


def grouped_split(
    files: LabelledFiles,
    parts: Mapping[str, float],
    seed: int = 0,
    *,
    groups: NDArray[np.intp] | None = None,
    thing: str = "group",
) -> LabelledFiles:
    """The same files with the part of each, as `assign` finds it: no group is divided.

    Arguments:
        files: The files.
        parts: The share of each part, by its name, such as `folds`.
        seed: The seed; the same one gives the same split.
        groups: What is not divided, as numbers, :math:`(N,)`; by default the files' own groups.
        thing: The word for a group in errors.

    Raises:
        DataError: A class lies in fewer groups than there are parts, or too many classes share groups.
        ValueError: The shares are none.

    Example:
        >>> from pathlib import Path
        >>> from nflows_core.data.labelled import LabelledFile
        >>> names = [(f"{label}{number}", label) for label in "ab" for number in range(4)]
        >>> rows = tuple(LabelledFile(f"{group}.png", label, group, group) for group, label in names)
        >>> grouped_split(LabelledFiles(Path(), rows), folds(2)).parts.tolist().count("1")
        4
    """
    _check_shares(parts)
    numbers = np.unique(files.groups if groups is None else groups, return_inverse=True)[1]
    table = np.zeros((numbers.max(initial=-1) + 1, len(files.classes)), np.int64)
    np.add.at(table, (numbers, files.labels), 1)
    _check_classes(files, table, len(parts), thing)
    of_group = np.array([*parts])[assign(table, np.array([*parts.values()]), seed)]
    _check_parts(files.classes, table, of_group, parts, thing)
    split = (file._replace(part=str(part)) for file, part in zip(files.files, of_group[numbers], strict=True))
    return replace(files, files=tuple(split))


def folds(count: int) -> dict[str, float]:
    """Equal parts named by their numbers, from 1.

    Raises:
        ValueError: They are fewer than two.
    """
    if count < 2:
        raise ValueError(f"`folds` must be at least 2, got {count}")
    return {str(number): 1 / count for number in range(1, count + 1)}


def _check_shares(parts: Mapping[str, float]) -> None:
    if len(parts) < 2 or not all(name.strip() for name in parts):
        raise ValueError(f"`parts` must be two or more, each with a name; got {', '.join(parts) or 'none'}")
    if not (min(parts.values()) > 0 and abs(sum(parts.values()) - 1) < 1e-6):
        given = ", ".join(f"{name}={share:g}" for name, share in parts.items())
        raise ValueError(f"`parts` must be shares above 0 whose sum is 1, got {given}")


def _check_classes(files: LabelledFiles, table: NDArray[np.int64], parts: int, thing: str) -> None:
    for name, counts in zip(files.classes, table.T, strict=True):
        if (own := int((counts > 0).sum())) < parts:
            raise DataError(
                f"{files.root}: the class {visible(name)} lies in {own} {thing}s that show nothing of each other, and "
                f"each of {parts} parts needs one; make {'fewer parts' if own > 1 else f'more {thing}s of it'}, or say "
                f"by `group` what a {thing} is"
            )


def _check_parts(
    classes: Sequence[str], table: NDArray[np.int64], of_group: NDArray[np.str_], parts: Mapping[str, float], thing: str
) -> None:
    for part in parts:
        missing = np.flatnonzero(table[of_group == part].sum(0) == 0)
        if len(missing):
            raise DataError(
                f"no way was found to give the part {visible(part)} pictures of {visible(classes[missing[0]])}, for "
                f"too many classes share {thing}s; make fewer parts"
            )
