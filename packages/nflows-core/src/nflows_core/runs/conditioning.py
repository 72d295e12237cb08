r"""What a run's flow is conditioned on: the classes of its images, one-hot, or pictures of the same names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from nflows_core.data.images import DataError, Images
from nflows_core.data.maps import read_maps, with_maps
from nflows_core.runs.folder import Run


class ClassRows(NamedTuple):
    """The context of samples, and how many stand in a row of their picture; nothing if there is no need to say."""

    context: Tensor | None
    columns: int | None


NO_CLASSES = ClassRows(None, None)


def check_labelled(data: str, *parts: Images) -> None:
    """Raises a `DataError` if a part of the data set cannot train or measure a conditional flow."""
    if not all(images.context_features for images in parts):
        raise DataError(
            f"{data}: conditional training needs labels: put the images of each class into a folder of its name, or "
            "the file of labels beside the IDX files"
        )


def conditioned_on(run: Run, folder: str | Path | None) -> Run:
    """The same run, the pictures that it is conditioned on in another folder, if one is given.

    Raises:
        DataError: The run is not conditional.
    """
    if folder is None:
        return run
    if not run.training.conditional:
        raise DataError("the flow of this run is not conditional; leave `condition_on` out")
    return replace(run, condition_on=str(Path(folder).absolute()))


def context_of(run: Run, images: Images) -> Tensor | None:
    """The context of images for the flow of a run, or nothing: their maps, or the classes, matched by their names.

    Raises:
        DataError: The run is conditional, but the images have neither maps nor labels, maps of another number of
            channels, or a class that it does not know.
    """
    if not run.training.conditional:
        return None
    if images.maps is not None:
        return _checked(run, images.context)
    if run.condition_on is not None:
        raise DataError(
            f"the flow is conditioned on pictures, such as those of {run.condition_on}; give by `condition_on` a "
            "folder with one of the name of each image"
        )
    if images.labels is None:
        raise DataError(
            f"the flow is conditioned on the classes {_listed(run.classes)}, but these images have no labels"
        )
    numbers = torch.tensor(_numbers(run.classes, images.classes))
    return replace(images, labels=numbers[images.labels], classes=run.classes).context


def context_of_files(
    run: Run,
    images: Images,
    files: Sequence[str | Path],
    *,
    classes: Sequence[str] = (),
    condition_on: str | Path | None = None,
) -> Tensor | None:
    """The context of picture files for the flow of a run, or nothing; see `context_of`.

    Arguments:
        run: The run.
        images: What was read of the files.
        files: Their paths.
        classes: The class of each, or one for all, of a run that is conditioned on classes.
        condition_on: The folder with a picture of the name of each, of a run that is conditioned on pictures.

    Raises:
        DataError: The run is not conditional, but one of both was given, or it is, and what is needed is missing or
            does not fit.
    """
    run = conditioned_on(run, condition_on)
    if classes:
        if len(classes) not in (1, len(images)):
            raise DataError(
                f"{len(images)} pictures have {len(classes)} classes; give by `classes` one for each, or one for all"
            )
        numbers = torch.tensor(_class_numbers(run, classes)).expand(len(images))
        return one_hot(numbers, len(run.classes)).float()
    if run.training.conditional and run.classes and run.condition_on is None:
        raise DataError(
            f"the flow is conditioned on the classes {_listed(run.classes)}; give by `classes` that of each "
            "picture, or one for all"
        )
    return context_of(run, images if condition_on is None else with_maps_of(images, files, condition_on, run.size))


def with_maps_of(images: Images, files: Sequence[str | Path], folder: str | Path, size: int | None) -> Images:
    """The images of files, each with the picture of its file's name in a folder as its map; see `with_maps`."""
    named = replace(images, names=tuple(Path(path).name for path in files))
    return replace(images, maps=with_maps(named, folder, size).maps)


def class_rows(run: Run, n: int, names: Sequence[str] = ()) -> ClassRows:
    """The context of about ``n`` samples, as many of each class: a row of the picture for each.

    Arguments:
        run: The run whose flow draws the samples.
        n: The number of samples, rounded up to a multiple of that of the classes; if it is lower, only the first ``n``
            classes are drawn.
        names: The classes in order; all of them if not given.

    Raises:
        DataError: The run is not conditional, or has no class of such a name.
    """
    if not run.training.conditional and not names:
        return NO_CLASSES
    numbers = torch.tensor(_class_numbers(run, names or run.classes))[:n]
    count = math.ceil(n / len(numbers))
    context = one_hot(numbers.repeat_interleave(count), len(run.classes)).float()
    return ClassRows(context, count if len(numbers) > 1 and count > 1 else None)


def rows_of(run: Run, n: int, classes: Sequence[str] = (), condition_on: str | None = None) -> ClassRows:
    """`map_rows` of the first ``n`` pictures of a folder, or of the run's own, or else `class_rows`.

    Raises:
        DataError: The run is not conditional, or the pictures or classes do not fit it.
    """
    run = conditioned_on(run, condition_on)
    if run.condition_on is None or classes:
        return class_rows(run, n, classes)
    maps = read_maps(run.condition_on, n, run.size).float() / 255
    return map_rows(run, maps, n)


def map_rows(run: Run, maps: Tensor, n: int) -> ClassRows:
    """The context of about ``n`` samples, as many of each map: a row of the picture for each; see `class_rows`."""
    count = math.ceil(n / len(maps[:n]))
    context = _checked(run, maps[:n].repeat_interleave(count, 0))
    return ClassRows(context, count if len(maps[:n]) > 1 and count > 1 else None)


def _checked(run: Run, maps: Tensor | None) -> Tensor | None:
    known = run.arguments.get("context_features")
    if maps is not None and maps.shape[1] != known:
        raise DataError(
            f"the flow takes {known} entries of a context at each place, these pictures have {maps.shape[1]}"
        )
    return maps


def _class_numbers(run: Run, names: Sequence[str]) -> list[int]:
    if not run.training.conditional:
        raise DataError("the flow of this run knows no classes: it was not trained with conditional=True")
    if run.condition_on is not None:
        raise DataError("the flow of this run is conditioned on pictures, and on no class")
    if not run.classes:
        raise DataError("the flow of this run is conditioned on something else than classes; use it from Python")
    return _numbers(run.classes, names)


def _numbers(known: Sequence[str], names: Sequence[str]) -> list[int]:
    if unknown := [name for name in names if name not in known]:
        raise DataError(f"the flow knows no class {unknown[0]!r}; its classes are {_listed(known)}")
    return [known.index(name) for name in names]


def _listed(names: Sequence[str]) -> str:
    """At most twenty names: an error is two lines."""
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
