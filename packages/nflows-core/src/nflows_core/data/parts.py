"""The parts of a labelled set: what is learned from, what decides the best weights, and what the test is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nflows_core.data.grouped_split import grouped_split
from nflows_core.data.images import DataError
from nflows_core.data.labelled import LabelledFiles

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
"""Of files that nobody has split."""
_NAMES = tuple(SHARES)
_HELD_OUT = 0.2
"""The part of each class that is held out, about; whole groups are."""


@dataclass(frozen=True)
class Parts:
    """Three sets without a group in common.

    Arguments:
        train: What is learned from.
        val: What decides the best weights; nothing where no group can be spared.
        test: What the classifier is tested on, if anything.
    """

    train: LabelledFiles
    val: LabelledFiles | None
    test: LabelledFiles | None

    def named(self) -> dict[str, LabelledFiles]:
        """The parts that are there, by their names."""
        return {name: part for name in _NAMES if (part := getattr(self, name)) is not None}


def parts_of(
    files: LabelledFiles,
    fold: str | None = None,
    share_out: Callable[[LabelledFiles], LabelledFiles] | None = None,
    advice: str = "split by whole groups",
) -> Parts:
    """The parts as a split says them, or of files that nobody has split.

    Of a split into train, val and test, these are they; of one into folds, one fold is the test, and what decides is
    held out by whole groups, as `held_out` says.

    Arguments:
        files: The files.
        fold: The fold that is the test, if the files are split into folds.
        share_out: What splits files that nobody has split; by default their groups are shared out, `SHARES` of them.
        advice: What a person may do where a group is in two parts.

    Raises:
        DataError: A class has fewer than two pictures or none to learn from, or a group is in two parts.
        ValueError: There are folds and none is chosen, or the other way round.
    """
    _check_counts(files)
    names = sorted(set(files.parts.tolist()))
    if names == [""]:
        _refuse_fold(fold, "the data are not split into folds; split them first")
        files, names = share_out(files) if share_out else grouped_split(files, SHARES), [*SHARES]
    if set(names) <= {*_NAMES, ""}:
        _refuse_fold(fold, f"the data are split into {', '.join(filter(None, names))}, and not into folds")
        chosen = {name: files.select(files.parts == name) for name in names}
        train, test = chosen.get("train", files.select([])), chosen.get("test")
        if "val" in chosen:
            return _checked(Parts(train, chosen["val"], test), advice)
    else:
        train, test = _one_fold(files, names, fold)
    _check_learned(train)
    rest, val = _held_out(train)
    return _checked(Parts(rest, val, test), advice)


def held_out(labels: NDArray[np.int64], groups: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which pictures to hold out, :math:`(N,)`: whole groups, about a fifth of each class, and none of all of a class.

    A class whose groups are all larger gives its smallest, if it has another; one in a single group gives none. That is
    no case for `assign`, to which a class that one part lacks is as bad as one that the other lacks: here what is left
    to learn from must have them all.

    Arguments:
        labels: The class of each picture, :math:`(N,)`.
        groups: Its group, :math:`(N,)`.
    """
    names, of_group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), labels.max() + 1), np.int64)
    np.add.at(counts, (of_group, labels), 1)
    total, held = counts.sum(0), np.zeros(len(names), bool)
    order = np.random.default_rng(0).permutation(len(names))

    def fits(group: int, most: NDArray[np.float64]) -> bool:
        """Whether no class of the group has more than so many held out with it."""
        return bool((counts[held].sum(0) + counts[group] <= most)[counts[group] > 0].all())

    for group in order:
        held[group] = fits(group, np.minimum(np.ceil(_HELD_OUT * total), total - 1.0))
    for label in np.flatnonzero(counts[held].sum(0) == 0):
        spare = [group for group in order if counts[group, label] and fits(group, total - 1.0)]
        if spare:
            held[min(spare, key=lambda group: counts[group, label])] = True
    return np.asarray(held[of_group])


def _held_out(files: LabelledFiles) -> tuple[LabelledFiles, LabelledFiles | None]:
    chosen = held_out(files.labels, files.groups)
    return (files.select(~chosen), files.select(chosen)) if chosen.any() else (files, None)


def _one_fold(files: LabelledFiles, names: list[str], fold: str | None) -> tuple[LabelledFiles, LabelledFiles]:
    if fold is None or fold not in names:
        folds = ", ".join(filter(None, names))
        raise ValueError(f"`fold`: the data are split into the folds {folds}; choose the one that is the test")
    return files.select((files.parts != fold) & (files.parts != "")), files.select(files.parts == fold)


def _refuse_fold(fold: str | None, why: str) -> None:
    if fold is not None:
        raise ValueError(f"`fold`: {why}")


def _check_counts(files: LabelledFiles) -> None:
    counts = Counter(file.label for file in files.files)
    if len(files.classes) < 2:
        raise DataError(
            f"{files.root}: classes are what a classifier tells apart, and it has {', '.join(files.classes)} alone"
        )
    if few := [name for name in files.classes if counts[name] < 2]:
        count = "1 picture" if counts[few[0]] else "no picture"
        raise DataError(
            f"{files.root}: the class {few[0]!r} has {count}, and one to learn from and one to test on are the least; "
            "add some, or leave the class out"
        )


def _check_learned(train: LabelledFiles) -> None:
    learned = {file.label for file in train.files}
    if missing := [name for name in train.classes if name not in learned]:
        raise DataError(f"{train.root}: nothing of the class {missing[0]!r} is in the training part; split again")


def _checked(parts: Parts, advice: str) -> Parts:
    _check_learned(parts.train)
    seen: dict[str, str] = {}
    for name, part in parts.named().items():
        for group in set(part.groups.tolist()):
            if (other := seen.setdefault(group, name)) != name:
                raise DataError(
                    f"{part.root}: pictures of {group} are in {other} and in {name}, which are not independent then; "
                    f"{advice}, or name the groups"
                )
    return parts
