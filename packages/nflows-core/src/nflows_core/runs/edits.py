r"""Interpolations and edits by the flow of a run, of a person's pictures or of the run's test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.data.pictures import read_pictures
from nflows_core.flow import Flow
from nflows_core.latents.attributes import spread
from nflows_core.latents.directions import AttributeDirection
from nflows_core.latents.stored import stored_directions
from nflows_core.latents.strips import find_direction, save_edit, save_interpolation
from nflows_core.latents.table import AttributeTable, read_attributes
from nflows_core.runs.conditioning import conditioned_on, context_of, context_of_files
from nflows_core.runs.data import read_own, refuse_inside
from nflows_core.runs.folder import Run, load_on_device, read_run


def interpolate_pictures(
    folder: str | Path,
    pictures: Sequence[str | Path],
    path: str | Path,
    *,
    steps: int = 9,
    n: int = 8,
    size: int | None = None,
    data: str | None = None,
    classes: Sequence[str] = (),
    condition_on: str | None = None,
) -> None:
    """Writes a PNG with a row for each two pictures in succession, or for pairs of test images.

    Arguments:
        folder: The folder of the run.
        pictures: Two picture files or more, or none for test images.
        path: The file to write.
        steps: The number of images of a row, with its ends.
        n: The number of pairs of test images.
        size: The side that pictures are scaled to; that of the run if not given.
        data: The place of the run's data set, if it has moved.
        classes: The class of each picture, or one for all, of a conditional run; a row goes from class to class.
        condition_on: The folder of the pictures that each picture is conditioned on, as in `context_of_files`.

    Raises:
        ValueError: There is one picture.
        RunError: The run cannot be used.
        DataError: The pictures or their context do not fit, the data set is not there, or the file is one of them.
    """
    if len(pictures) == 1:
        raise ValueError(f"{pictures[0]} alone: give two pictures or more, or none for test images")
    folder = Path(folder)
    run = conditioned_on(read_run(folder), condition_on)
    refuse_inside(path, *pictures, data or run.data, run.condition_on)
    flow = load_on_device(folder)
    if pictures:
        images = _read_files(run, flow, pictures, size)
        context = context_of_files(run, images, pictures, classes=classes, condition_on=condition_on)
    else:
        images, context = _test_images(folder, run, 2 * n, data, classes)
    ends = list(pairwise(range(len(images))))
    save_interpolation(flow, images, ends if pictures else ends[::2], steps, path, context)


def edit_pictures(
    folder: str | Path,
    pictures: Sequence[str | Path],
    attribute: str,
    amounts: Sequence[float],
    path: str | Path,
    *,
    table: str | Path | None = None,
    n: int = 8,
    size: int | None = None,
    data: str | None = None,
    classes: Sequence[str] = (),
    condition_on: str | None = None,
) -> dict[str, Any]:
    """Writes a PNG of pictures, or of test images, edited along an attribute; see `save_edit`.

    The direction is the one kept with the run, or else that of its training images.

    Arguments:
        folder: The folder of the run.
        pictures: The picture files, or none for test images.
        attribute: The attribute's name, as `attribute_values` takes it.
        amounts: The amounts of the edits, in standard deviations of the attribute.
        path: The file to write.
        table: A file of attributes, as `read_attributes` takes it.
        n: The number of test images.
        size: The side that pictures are scaled to; that of the run if not given.
        data: The place of the run's data set, if it has moved.
        classes: The class of each picture, or one for all, of a conditional run; an edit leaves it.
        condition_on: The folder of the pictures that each picture is conditioned on, as in `context_of_files`.

    Returns:
        What was done, as `save_edit` says it.

    Raises:
        ValueError: No direction can be had, or an edited image is not finite.
        RunError: The run cannot be used.
        DataError: The pictures, their context or the table do not fit, the data set is not there, or the file is one
            of them.
    """
    folder = Path(folder)
    run = conditioned_on(read_run(folder), condition_on)
    refuse_inside(path, *pictures, table, data or run.data, run.condition_on)
    flow = load_on_device(folder)
    if pictures:
        images = _read_files(run, flow, pictures, size)
        context = context_of_files(run, images, pictures, classes=classes, condition_on=condition_on)
    else:
        images, context = _test_images(folder, run, n, data, classes)
    attributes = None if table is None else read_attributes(table)
    stored = stored_directions(folder) if data is None and attributes is None else {}
    direction = stored.get(attribute) or _find(folder, flow, attribute, attributes, data)
    return save_edit(flow, images, attribute, direction, amounts, path, context)


def _find(
    folder: Path, flow: Flow, attribute: str, table: AttributeTable | None, data: str | None
) -> AttributeDirection:
    """The direction that the run's own training images have, each in its own context."""
    run = read_run(folder)
    return find_direction(flow, attribute, read_own(folder, run, "train", data), table, partial(context_of, run))


def _read_files(run: Run, flow: Flow, pictures: Sequence[str | Path], size: int | None) -> Images:
    """The pictures as the flow takes them."""
    return read_pictures([Path(path) for path in pictures], flow.shape, flow.quantization, size or run.size)


def _test_images(
    folder: Path, run: Run, n: int, data: str | None, classes: Sequence[str]
) -> tuple[Images, Tensor | None]:
    """Some test images with names, and their context."""
    if classes:
        raise ValueError("`classes` are those of pictures, and test images have their own; give pictures too")
    test = read_own(folder, run, "test", data)
    names = test.names or [f"test image {i}" for i in range(len(test))]
    images = replace(test, names=tuple(names))[spread(len(test), n)]
    return images, context_of(run, images)
