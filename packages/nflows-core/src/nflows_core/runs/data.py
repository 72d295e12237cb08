"""The data set of a run: where it is, read as it was for the training, and known again."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

from nflows_core import shipped
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.data.images import DataError, Images
from nflows_core.data.read import read_as
from nflows_core.data.split import SplitName
from nflows_core.runs.folder import IN_MEMORY, Run

DEMO_SET = "digits"
TRAIN_AGAIN = "train a new run on these"
MEASURE_THESE = "give these as `data`, to measure them all the same"


def place_of(data: str) -> str:
    """The place of a data set as a run keeps it, the same from every folder."""
    return data if data == DEMO_SET else str(Path(data).absolute())


def refuse_inside(output: str | Path, *data: str | Path | None) -> None:
    """Raises a `DataError` if something would be written over or among the data that it is made of, and spoil them."""
    for place in (str(place) for place in data if place is not None):
        if place in (DEMO_SET, IN_MEMORY) or not os.path.exists(place):  # noqa: PTH110
            continue
        inside, outside = Path(os.path.realpath(output)), Path(os.path.realpath(place))
        if inside == outside and outside.is_file():
            raise DataError(f"{output} is an input, and would be lost; give another name")
        if inside.is_relative_to(outside):
            raise DataError(f"{output} lies in the data, {place}, and would become part of it; give another place")


def with_fingerprint(run: Run, train: Images, test: Images) -> Run:
    """The same run, which knows its images again."""
    return replace(run, fingerprint={"train": Fingerprint.of(train), "test": Fingerprint.of(test)})


def read_own(folder: Path, run: Run, split: SplitName, data: str | None = None, advice: str = TRAIN_AGAIN) -> Images:
    """The images of a split on which a run was trained or tested.

    Arguments:
        folder: The folder of the run, named in errors.
        run: The run.
        split: The split.
        data: The place of the run's data set, if it has moved.
        advice: What a person may do besides where it has other images now.

    Raises:
        DataError: The data set is not there, or has other images now.
    """
    place = data or run.data
    if data is None and place != DEMO_SET and not Path(place).exists():
        raise DataError(_missing(folder, place))
    images = read_as(place, split, run.reading)
    check_same(folder, run, split, images, place, advice)
    return images


def check_same(folder: Path, run: Run, split: SplitName, images: Images, place: str, advice: str = TRAIN_AGAIN) -> None:
    """Raises a `DataError` if the images are not those that a run knows by their fingerprint."""
    if run.fingerprint is None or split not in run.fingerprint:
        return
    if difference := run.fingerprint[split].difference(Fingerprint.of(images)):
        raise DataError(
            f"{place} is not what {folder} was trained on: its {split} images are {difference}. "
            f"Give the pictures that the run had, or {advice}."
        )


def warn_of_unknown(folder: Path, run: Run) -> None:
    """Warns that nobody can tell whether the data of a run of an earlier version are still those that it had."""
    if run.fingerprint is None and run.data != DEMO_SET:
        warnings.warn(
            f"{folder} is of an earlier version, without a fingerprint of its data: see that {run.data} is the same",
            RuntimeWarning,
            stacklevel=2,
        )


def _missing(folder: Path, place: str) -> str:
    if folder.name in shipped.names() and folder == shipped.find_run(folder.name):
        return f"{folder.name} comes with the package, but not its data ({place}); give images as `data`"
    where = place if place == IN_MEMORY else f"{place}, which is not there"
    return f"{folder} was trained on {where}; give as data where it is now"
