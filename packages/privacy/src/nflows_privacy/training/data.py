"""A table of boxes and the pictures that it is about, as a detector is trained and tested on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nflows_core.data import DataError
from nflows_core.data.fingerprint import Fingerprint, digest
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.split import SplitName, belongs
from nflows_core.runtime.files import sha256
from nflows_core.runtime.folders import walk
from nflows_core.runtime.images import PictureError, PictureFile
from nflows_privacy.annotations.annotated import Annotations
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.regions import Region, boxes_array
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.scenes import Scene

IGNORE = "ignore"
"""The class of boxes that are neither looked for nor background: groups, what cannot be made out, what is not sure."""


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures with boxes, and what they are known by.

    Arguments:
        scenes: The pictures.
        fingerprint: The digest of their names, files and boxes.
    """

    scenes: Sequence[Scene]
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Source:
    """Where boxes and pictures are.

    Arguments:
        boxes: The file or folder of the boxes, of any format that `nflows_privacy.annotations.read_boxes` reads.
        pictures: The folder of the pictures; by default the folder of the boxes.
    """

    boxes: Path
    pictures: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of the pictures."""
        if self.pictures is not None:
            return self.pictures
        return self.boxes if self.boxes.is_dir() else self.boxes.parent


def classes_of(source: Source) -> tuple[str, ...]:
    """The classes that boxes have, in the order of their names.

    Raises:
        DataError: There are none.
    """
    annotations = _annotations(source)
    kinds = {region.kind for marked in annotations.pictures.values() for region in marked.regions} - {IGNORE}
    if not kinds:
        raise DataError(f"{source.boxes}: marks nothing; give boxes of what is to be found")
    return tuple(sorted(kinds))


def read_scenes(source: Source, classes: Sequence[str], split: SplitName | None = None) -> Scenes:
    """The pictures of a folder with the boxes that a table has for them; a picture without boxes shows the background.

    What is wrong with single boxes and does no harm is warned of: boxes outside of their picture, which are left out,
    and names of pictures that are not there.

    Arguments:
        source: Where they are.
        classes: The classes that count, in their order. Boxes of the class ``ignore`` are neither looked for nor
            background, and those of other classes are background.
        split: The part to read: a hash of its path holds out about each tenth picture as "test"; all by default.

    Raises:
        DataError: There are no pictures, none of the part has a box of one of the classes, or a file cannot be used.
    """
    annotations = _annotations(source)
    paths = _pictures(source.folder)
    if not paths:
        raise DataError(f"{source.folder}: no pictures; give the folder that has them")
    _warn_of_missing(annotations, paths)
    chosen = {name: path for name, path in paths.items() if belongs(name, split)}
    scenes = [_scene(name, path, annotations, classes) for name, path in chosen.items()]
    if not any((scene.labels >= 0).any() for scene in scenes):
        where = _unmarked(source.folder, len(chosen), len(paths), split)
        raise DataError(f"{source.boxes}: no box of {', '.join(classes)} in {where}")
    return Scenes(scenes, _fingerprint(list(chosen), scenes))


def _annotations(source: Source) -> Annotations:
    try:
        return read_boxes(source.boxes)
    except ValueError as error:
        raise DataError(str(error)) from error


def _pictures(folder: Path) -> dict[str, Path]:
    found = [path for _, files in walk(folder) for path in files if is_named_as_picture(path.name)]
    return dict(sorted((path.relative_to(folder).as_posix(), path) for path in found))


def _warn_of_missing(annotations: Annotations, paths: Mapping[str, Path]) -> None:
    named = {annotations.find(name) for name in paths}
    if missing := [name for name in annotations.pictures if name not in named]:
        warnings.warn(
            f"{annotations.source}: {len(missing)} pictures are not there, such as {missing[0]}; they are left out",
            RuntimeWarning,
            stacklevel=3,
        )


def _scene(name: str, path: Path, annotations: Annotations, classes: Sequence[str]) -> Scene:
    try:
        with PictureFile(path) as picture:
            height, width, _ = picture.shape
    except PictureError as error:
        raise DataError(f"{error}; repair or remove it") from error
    marked = annotations.find(name)
    try:
        regions = [] if marked is None else annotations.pictures[marked].within(width, height)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    numbers = {**{kind: number for number, kind in enumerate(classes)}, IGNORE: IGNORED}
    counted = list(_inside((region for region in regions if region.kind in numbers), height, width, path))
    labels = np.array([numbers[region.kind] for region in counted], dtype=np.int64)
    boxes = boxes_array(counted).clip(0, [width, height, width, height]).astype(np.float32)
    return Scene(path, boxes, labels, np.full_like(labels, NO_MIRROR), height, width)


def _inside(regions: Iterable[Region], height: int, width: int, path: Path) -> Iterator[Region]:
    """The regions that have a part in a picture."""
    for region in regions:
        left, top, right, bottom = region.box
        if right > 0 and bottom > 0 and left < width and top < height:
            yield region
        else:
            warnings.warn(
                f"{path}: the box {tuple(region.box)} lies outside and is left out", RuntimeWarning, stacklevel=4
            )


def _unmarked(folder: Path, count: int, total: int, split: SplitName | None) -> str:
    """Which pictures lack boxes, and what to do."""
    if split is None:
        return f"the {total} pictures of {folder}; mark some"
    use = "are left to train on" if split == "train" else "a hash of their names holds out to test on"
    advice = "both parts need boxes: mark more pictures, or give others to test on by `test`"
    return f"the pictures of {folder} that {use}, {count} of {total}; {advice}"


def _fingerprint(names: Sequence[str], scenes: Sequence[Scene]) -> Fingerprint:
    content = digest(
        part for one in scenes for part in (sha256(one.path).encode(), one.boxes.tobytes(), one.labels.tobytes())
    )
    return Fingerprint(len(names), digest(name.encode(errors="surrogateescape") for name in names), content)
