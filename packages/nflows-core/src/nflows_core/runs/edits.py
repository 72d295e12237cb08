r"""Interpolations and edits by the flow of a run, of a person's pictures or of the run's test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from nflows_core.data.images import Images
from nflows_core.data.pictures import read_pictures
from nflows_core.flow import Flow
from nflows_core.latents.attributes import spread
from nflows_core.latents.stored import stored_directions
from nflows_core.latents.strips import find_direction, save_edit, save_interpolation
from nflows_core.latents.table import read_attributes
from nflows_core.runs.data import read_own, refuse_inside
from nflows_core.runs.folder import load_on_device, read_run
from nflows_core.runs.kind import RunError


def interpolate_pictures(
    folder: str | Path,
    pictures: Sequence[str | Path],
    path: str | Path,
    *,
    steps: int = 9,
    n: int = 8,
    size: int | None = None,
    data: str | None = None,
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

    Raises:
        ValueError: There is one picture.
        RunError: The run cannot be used.
        DataError: The pictures do not fit, the data set is not there, or the file is one of them.
    """
    if len(pictures) == 1:
        raise ValueError(f"{pictures[0]} alone: give two pictures or more, or none for test images")
    folder = Path(folder)
    refuse_inside(path, *pictures, data or read_run(folder).data)
    flow = _unconditional_flow(folder)
    images = _images(folder, flow, pictures, size, data, 2 * n)
    ends = list(pairwise(range(len(images))))
    save_interpolation(flow, images, ends if pictures else ends[::2], steps, path)


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
) -> dict[str, Any]:
    """Writes a PNG of pictures, or of test images, edited along an attribute; see `save_edit`.

    The direction is the one kept with the run, or else that of its training images.

    Arguments:
        folder: The folder of the run.
        pictures: The picture files, or none for test images.
        attribute: The attribute's name, as `attribute_values` takes it.
        amounts: The amounts of the edits, in standard deviations of the attribute.
        path: The file to write.
        table: A CSV file of attributes, as `read_attributes` takes it.
        n: The number of test images.
        size: The side that pictures are scaled to; that of the run if not given.
        data: The place of the run's data set, if it has moved.

    Returns:
        What was done, as `save_edit` says it.

    Raises:
        ValueError: No direction can be had, or an edited image is not finite.
        RunError: The run cannot be used.
        DataError: The pictures or the table do not fit, the data set is not there, or the file is one of them.
    """
    folder = Path(folder)
    refuse_inside(path, *pictures, *([] if table is None else [table]), data or read_run(folder).data)
    flow = _unconditional_flow(folder)
    images = _images(folder, flow, pictures, size, data, n)
    attributes = None if table is None else read_attributes(table)
    stored = stored_directions(folder) if data is None and attributes is None else {}
    direction = stored.get(attribute) or find_direction(
        flow, attribute, read_own(folder, read_run(folder), "train", data), attributes
    )
    return save_edit(flow, images, attribute, direction, amounts, path)


def _unconditional_flow(folder: Path) -> Flow:
    if read_run(folder).arguments.get("context_features"):
        raise RunError(f"{folder} is conditional, and a picture alone has no class; give an unconditional run")
    return load_on_device(folder)


def _images(
    folder: Path, flow: Flow, pictures: Sequence[str | Path], size: int | None, data: str | None, n: int
) -> Images:
    """The pictures as the flow takes them, or else some test images."""
    if pictures:
        return read_pictures(
            [Path(path) for path in pictures], flow.shape, flow.quantization, size or read_run(folder).size
        )
    test = read_own(folder, read_run(folder), "test", data)
    names = test.names or [f"test image {i}" for i in range(len(test))]
    return replace(test, names=tuple(names))[spread(len(test), n)]
