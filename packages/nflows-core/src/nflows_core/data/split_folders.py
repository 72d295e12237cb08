"""Which top folders of a data set are its splits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nflows_core.data.images import DataError
from nflows_core.data.reading import READ_AS_IT_IS, Reading
from nflows_core.data.split import SplitName

_TRAINING = ("train", "training", "trn")
_TEST = ("test", "testing", "tst")
_VALIDATION = ("val", "valid", "validation", "dev", "development", "eval", "evaluation", "holdout", "heldout")
_MORE = ("set", "sets", "data", "dataset", "img", "imgs", "image", "images", "split", "folder")
"""Words that change nothing, as in ``train_images`` or ``ValidationSet``."""
_LIKE = re.compile("(train)|test|val|dev|eval", re.IGNORECASE)


def split_folders(
    place: object, folders: Iterable[str], reading: Reading = READ_AS_IT_IS
) -> dict[SplitName, str] | None:
    """The top folders that are the splits, or nothing if all of them are classes.

    One for training and one for testing are the splits, in any of their spellings: ``Train`` and ``Validation``,
    ``training`` and ``testing``, ``train2017`` and ``val2017``. Where there is one for testing and one for validation,
    the first is taken.

    Arguments:
        place: The data set, named in errors.
        folders: Paths of all its folders, with slashes.
        reading: Which folders a person named; without that, they are found by their names.

    Raises:
        DataError: The folders are not there.
    """
    tops = sorted(folder for folder in folders if "/" not in folder)
    if reading.splits is not None:
        given = reading.split_folders
        if given is None:
            return None
        if missing := [name for name in given if name not in tops]:
            raise DataError(f"{place}: has no folder {missing[0]}; its folders are {', '.join(tops[:10]) or 'none'}")
        return {"train": given[0], "test": given[1]}
    training, testing = _training(tops), _testing(tops)
    if len(training) == len(testing) == 1:
        return {"train": training[0], "test": testing[0]}
    return None


def check_classes(place: object, folders: Iterable[str]) -> None:
    """Raises a `DataError` if folders that would be classes may be splits, though `split_folders` finds none."""
    folders = sorted(folders)
    if doubtful := _look_like_splits([folder for folder in folders if "/" not in folder]):
        raise DataError(
            f"{place}: the folders {' and '.join(doubtful[:4])} may be splits or classes; say by `splits` which two "
            "are for training and for test, as in train,test, or none if all folders are classes"
        )
    if inner := _splits_of_a_class(folders):
        raise DataError(
            f"{place}: {inner[0]} and {inner[1]} look like splits, which are top folders: give "
            f"{place}/{inner[0].split('/')[0]}, move them up, or say by `splits` none that the top folders are classes"
        )


def _training(folders: Sequence[str]) -> list[str]:
    return [folder for folder in folders if _says(folder, _TRAINING)]


def _testing(folders: Sequence[str]) -> list[str]:
    tests, validations = ([folder for folder in folders if _says(folder, words)] for words in (_TEST, _VALIDATION))
    return tests or validations


def _says(folder: str, words: Sequence[str]) -> bool:
    """Whether a folder's name says one of the words and no more, whatever its capitals, numbers and signs."""
    parts = [part.lower() for part in re.findall("[A-Z]?[a-z]+|[A-Z]+", folder)]
    said = "".join(part for part in parts if part not in _MORE)
    return said in words or any(said == f"{word}{more}" for word in words for more in _MORE)


def _look_like_splits(tops: Sequence[str]) -> list[str]:
    """Folders that are too many for splits, or named for one of the two only; a class may be called train."""
    training, testing = _training(tops), _testing(tops)
    if testing or len(training) > 1 or any(folder.lower() != "train" for folder in training):
        return [*training, *testing]
    begins = {top: match for top in tops if (match := _LIKE.match(top))}
    return list(begins) if len({match[1] is None for match in begins.values()}) == 2 else []


def _splits_of_a_class(folders: Sequence[str]) -> list[str]:
    """Folders for training and testing that lie in the same top folder."""
    for top in (folder for folder in folders if "/" not in folder):
        inner = [folder.removeprefix(f"{top}/") for folder in folders if folder.startswith(f"{top}/")]
        names = [name for name in inner if "/" not in name]
        if _training(names) and _testing(names):
            return [f"{top}/{name}" for name in [*_training(names), *_testing(names)]]
    return []
