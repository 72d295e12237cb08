"""What the paths inside a data set say: splits and classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nflows_core.data.images import DataError
from nflows_core.data.others import SKIP_ADVICE, is_named_as_picture
from nflows_core.data.reading import READ_AS_IT_IS, Reading
from nflows_core.data.split import SplitName, belongs
from nflows_core.data.split_folders import check_classes, split_folders


@dataclass(frozen=True)
class Layout:
    """The images of one split.

    Arguments:
        labels: The class of each image of the split, by the image's path; nothing if there are no classes.
        others: Paths of the images outside the split.
        classes: Names of the classes of the whole data set, sorted.
    """

    labels: dict[str, int | None]
    others: list[str]
    classes: tuple[str, ...]


def lay_out(
    place: object,
    names: Iterable[str],
    folders: Iterable[str],
    split: SplitName | None,
    reading: Reading = READ_AS_IT_IS,
) -> Layout:
    """Finds out which images are in the split, and their classes.

    Top folders that `split_folders` takes for the splits are these; otherwise the hash of the path holds out a tenth.
    The first folder below is the class.

    Arguments:
        place: The data set, named in errors.
        names: Paths of the files, with slashes; their order is kept.
        folders: Paths of the folders, empty ones too.
        split: The split that is wanted, or nothing for every image.
        reading: Which folders are the splits, if a person said so.

    Raises:
        DataError: The split or a class is empty, a class is not in the training split, only some images have a class,
            or folders may be splits or classes.
    """
    names, folders = list(names), list(folders)
    if not names:
        raise DataError(f"{place}: holds no images; is it the right place?")
    roots = split_folders(place, folders, reading)
    if roots is None:
        chosen = {name: name for name in names if belongs(name, split)}
        classes = _classes(place, names, folders)
        if reading.splits is None:
            check_classes(place, folders)
    else:
        parts = {part: _below(root, names) for part, root in roots.items()}
        classes = _classes(place, *(_below(roots["train"], paths).values() for paths in (names, folders)))
        whole = {name: path for part in parts.values() for name, path in part.items()}
        names, chosen = list(whole), whole if split is None else parts[split]
    if not chosen:
        raise DataError(
            f"{place}: none of {len(names)} images is in the {split} split; add some, or make folders train and test"
        )
    labels = {name: _label(place, path, classes) for name, path in chosen.items()}
    return Layout(labels, [name for name in names if name not in chosen], classes)


def _below(root: str, paths: Iterable[str]) -> dict[str, str]:
    """The paths below ``root``, and each without it."""
    return {path: path.removeprefix(f"{root}/") for path in paths if path.startswith(f"{root}/")}


def _classes(place: object, names: Iterable[str], folders: Iterable[str]) -> tuple[str, ...]:
    classes = sorted({folder.split("/")[0] for folder in folders})
    filled = {name.split("/")[0] for name in names}
    empty = [name for name in classes if name not in filled]
    if empty:
        raise DataError(f"{place}: the folder {empty[0]} holds no images; fill or remove it")
    loose = sorted(filled.difference(classes))
    if classes and loose:
        advice = "move it into a class folder" if is_named_as_picture(loose[0]) else SKIP_ADVICE
        raise DataError(f"{place}: {loose[0]} has no class, but {classes[0]} is one; {advice}")
    return tuple(classes)


def _label(place: object, name: str, classes: tuple[str, ...]) -> int | None:
    folder, slash, _ = name.partition("/")
    if not classes and not slash:
        return None
    if not slash or folder not in classes:
        raise DataError(f"{place}: {name} of the test split has none of the training classes; move or remove it")
    return classes.index(folder)
