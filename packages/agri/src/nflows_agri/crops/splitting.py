"""Splits of a data set that keep together what shows the same: photographs, views of one thing, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nflows_agri.crops.checking import LEAST, DataCheck, blocks
from nflows_core.data import DataError, LabelledFiles
from nflows_core.data.duplicates import Duplicates
from nflows_core.data.grouped_split import grouped_split
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.page import Table

By = Literal["photograph", "file"]
Settling = Literal["refuse", "drop"] | Sequence[str]
"""What becomes of a picture that stands in several classes: an error, none of its files is kept, or only those of the
first of these classes that it stands in."""


@dataclass(frozen=True)
class Split:
    """Files with the part that each is in.

    Arguments:
        files: The files that are kept; their group is what was not divided.
        shares: The share of each part that was asked for, by its name.
        dropped: The names of the files that are left out, since their picture stands in another class too.
        unreadable: What is wrong with those that are left out since they cannot be read, by their names.
    """

    files: LabelledFiles
    shares: Mapping[str, float]
    dropped: tuple[str, ...]
    unreadable: Mapping[str, str]

    @property
    def counts(self) -> NDArray[np.int64]:
        """The pictures of each part and class, :math:`(P, C)`."""
        classes = len(self.files.classes)
        own = (self.files.labels[self.files.parts == name] for name in self.shares)
        return np.array([np.bincount(labels, minlength=classes) for labels in own])

    @property
    def largest_deviation(self) -> float:
        """How far a part's share of a class is at most from what was asked."""
        counts, asked = self.counts, np.array([*self.shares.values()])
        return float(np.abs(counts / counts.sum(0) - asked[:, None]).max())

    def table(self) -> Table:
        """How many pictures of each class are in each part."""
        rows = zip(self.files.classes, self.counts.T.tolist(), strict=True)
        return Table("Parts", [{"class": name, **dict(zip(self.shares, row, strict=True))} for name, row in rows])

    def report(self) -> dict[str, Any]:
        """The numbers."""
        groups, parts = self.files.groups, self.files.parts
        return {
            "pictures": len(self.files),
            "dropped": list(self.dropped),
            "unreadable": dict(self.unreadable),
            "shares": dict(self.shares),
            "photographs": {name: len(set(groups[parts == name])) for name in self.shares},
            "largest_deviation": self.largest_deviation,
        }


def make_split(
    check: DataCheck, shares: Mapping[str, float], settling: Settling = "refuse", by: By = "photograph", seed: int = 0
) -> Split:
    """Shares a checked data set out.

    Nothing is divided that shows the same: a photograph with all photographs that show something that it shows, be it a
    view of a thing, a duplicate or a near duplicate.

    Arguments:
        check: The data set, and what was found in it.
        shares: The share of each part, by its name.
        settling: What becomes of pictures that stand in several classes.
        by: What is not divided; by ``"file"`` the parts share photographs, and a test on them does not tell how a
            classifier does on new ones.
        seed: The seed; the same one gives the same split.

    Raises:
        DataError: Pictures stand in several classes and ``settling`` does not say which, or a class has too few
            pictures or photographs for the parts.
        ValueError: The shares are none.
    """
    kept, is_whole = _kept(check, settling), by == "photograph"
    numbers = blocks(check.files, check.duplicates) if is_whole else np.arange(len(check.files))
    files, numbers = check.files.select(kept), np.unique(numbers[kept], return_inverse=True)[1]
    _check_classes(files)
    split = grouped_split(files, shares, seed, groups=numbers, thing=by)
    names = _names(files, numbers) if is_whole else files.groups
    named = (file._replace(group=str(name)) for file, name in zip(split.files, names, strict=True))
    unreadable = {check.files.files[at].name: why for at, why in check.unreadable.items()}
    gone = {file.name for file in check.files.files} - {file.name for file in files.files} - unreadable.keys()
    return Split(replace(files, files=tuple(named)), dict(shares), tuple(sorted(gone)), unreadable)


def _kept(check: DataCheck, settling: Settling) -> NDArray[np.intp]:
    """The places of the files that are split."""
    out = set(check.unreadable)
    if settling == "refuse":
        _refuse_conflicts(check.duplicates)
    else:
        out.update(_lost(check.duplicates, () if settling == "drop" else settling))
    return np.array([place for place in range(len(check.files)) if place not in out], np.intp)


def _refuse_conflicts(duplicates: Duplicates) -> None:
    if not (pairs := duplicates.conflicts):
        return
    first, second = (duplicates.files.files[place].name for place in pairs[0][:2])
    classes = ",".join(sorted({duplicates.files.files[place].label for pair in pairs for place in pair[:2]}))
    raise DataError(
        f"{duplicates.files.root}: {len(pairs)} pairs of one picture stand in two classes, such as {visible(first)} "
        f"and {visible(second)}; settle them by nflows agri split --conflicts: drop leaves both out, "
        f"keep={visible(classes)} keeps that of the first of these classes"
    )


def _lost(duplicates: Duplicates, priority: Sequence[str]) -> set[int]:
    """The files of disputed pictures but those of the first class in ``priority`` that the picture stands in."""
    files = duplicates.files.files
    if strange := [name for name in priority if name not in duplicates.files.classes]:
        known = ", ".join(map(visible, duplicates.files.classes))
        raise ValueError(f"`conflicts`: {visible(strange[0])} is no class; the classes are {known}")
    lost: set[int] = set()
    for places in duplicates.disputed:
        labels = {files[place].label for place in places}
        kept = next((name for name in priority if name in labels), None)
        if priority and kept is None:
            raise DataError(
                f"{duplicates.files.root}: {visible(files[places[0]].name)} stands in "
                f"{visible(', '.join(sorted(labels)))}, of which `conflicts` keeps none; add one of them, or drop all"
            )
        lost.update(place for place in places if files[place].label != kept)
    return lost


def _check_classes(files: LabelledFiles) -> None:
    for name, pictures in zip(files.classes, np.bincount(files.labels, minlength=len(files.classes)), strict=True):
        if pictures < LEAST:
            raise DataError(
                f"{files.root}: the class {visible(name)} has {pictures} pictures that can be used, and needs {LEAST}; "
                "add some, or take the class out"
            )


def _names(files: LabelledFiles, numbers: NDArray[np.intp]) -> list[str]:
    """The name of what each file is in: of its photographs, the first."""
    first: dict[int, str] = {}
    for number, file in zip(numbers.tolist(), files.files, strict=True):
        first[number] = min(first.get(number, file.group), file.group)
    return [first[number] for number in numbers.tolist()]
