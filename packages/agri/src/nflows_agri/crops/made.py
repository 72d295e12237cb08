"""Made crops say of themselves what made them and on whose training side they belong; nowhere else may they be put."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nflows_core.data.images import DataError
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.runtime.files import sha256
from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.report import REPORT_FILES

MADE_FILE = "generated.json"
"""What lies in a folder of made crops."""
MADE = "generated crops"
"""The kind of such a folder."""


def split_digest(data: str | Path) -> str | None:
    """The SHA-256 of the table of a split, by which it is known wherever it lies; nothing of a folder of crops."""
    path = Path(data)
    return sha256(path) if path.is_file() else None


def read_made(path: Path) -> dict[str, Any]:
    """What ``generated.json`` says.

    Raises:
        DataError: It is damaged.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): whose crops are beside it is lost; make them again") from error
    match content:
        case {"kind": kind, "split": str(), "split_sha256": None | str(), "fold": None | str()} if kind == MADE:
            said: dict[str, Any] = content
            return said
    raise DataError(f"{path} does not say whose the crops beside it are; make them again")


def made_among(folder: str | Path) -> dict[str, Any] | None:
    """What ``generated.json`` says in a folder or in one above it; nothing of crops that nobody made.

    Raises:
        DataError: There is such a file, and it is damaged.
    """
    for place in (folder := Path(folder).resolve(), *folder.parents):
        if (path := place / MADE_FILE).is_file():
            return read_made(path)
    return None


def refuse_made(folder: str | Path) -> None:
    """Refuses a folder of made crops where real ones are wanted.

    Raises:
        DataError: A generator made what is in it.
    """
    if made_among(folder):
        raise DataError(f"{folder} holds crops that a generator made: give real ones, and these to train as `made`")


def made_for(folder: str | Path, data: str | Path, fold: str | None, classes: tuple[str, ...]) -> LabelledFiles:
    """The made crops of a folder, for the training side of a split.

    Arguments:
        folder: The folder, with one folder a class, as `balance` and the generators' ``sample`` write it.
        data: The table of the split of the real crops.
        fold: The fold that is held out, if they are split into folds.
        classes: The classes of the real crops.

    Raises:
        DataError: The crops were not made from this training side, there is no split, they have another class, or they
            are not complete.
    """
    path = Path(folder) / MADE_FILE
    if not path.is_file():
        raise DataError(f"{folder} has no {MADE_FILE}: give a folder that `balance` or `sample` wrote")
    said, digest = read_made(path), split_digest(data)
    if digest is None or said["split_sha256"] is None:
        unsplit = data if digest is None else said["split"]
        raise DataError(
            f"{path}: made crops belong to the training side of a split, and {unsplit} is none: write one by nflows "
            "agri split, and train the generator and the classifier on that"
        )
    if (said["split_sha256"], said["fold"]) != (digest, fold):
        of_fold = "" if said["fold"] is None else f", fold {said['fold']}"
        raise DataError(
            f"{path}: these crops were made from the training side of {said['split']}{of_fold}, and may show what is "
            "held out here; make some from this one"
        )
    if "balancing" in said and not (path.parent / REPORT_FILES[0]).is_file():
        raise DataError(f"{folder} is not complete, for nflows agri balance was stopped there: let it make them again")
    files = read_labelled(folder)
    return LabelledFiles(files.root, files.files, classes, files.others)
