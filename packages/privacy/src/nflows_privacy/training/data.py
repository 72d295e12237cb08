"""A table of boxes and the pictures that it is about, as a detector is trained and tested on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
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
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.faults import MISSING, UNNAMED, Faults
from nflows_privacy.annotations.groups import group_of, word_of
from nflows_privacy.annotations.mirrors import mirror_of
from nflows_privacy.annotations.placing import orientation_of, placed
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.regions import IGNORE, Region, boxes_array
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.scenes import Scene, crops_of
from nflows_privacy.training.settings import NetworkSettings
from nflows_privacy.training.views import NO_MIRROR

_NOT_NAMED = "pictures are not named there, and taken to show nothing"
_SHOWN = 3


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
        only_named: Whether pictures that the boxes do not name are left out; otherwise they show the background.
    """

    boxes: Path
    pictures: Path | None = None
    only_named: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the pictures."""
        if self.pictures is not None:
            return self.pictures
        return self.boxes if self.boxes.is_dir() else self.boxes.parent


def classes_of(source: Source, groups: bool = False) -> tuple[str, ...]:
    """The classes that boxes have, or the groups of these, in the order of their names.

    Raises:
        DataError: There are none, or classes of no group.
    """
    faults = Faults()
    annotations = _annotations(source, faults)
    try:
        annotations = annotations.grouped() if groups else annotations
    except ValueError as error:
        raise DataError(f"{error}. They are {'; '.join(_alone(annotations, faults))}") from error
    kinds = {region.kind for marked in annotations.pictures.values() for region in marked.regions} - {IGNORE}
    if not kinds:
        raise DataError(f"{source.boxes}: marks nothing; give boxes of what is to be found")
    return tuple(sorted(kinds))


def meant_classes(source: Source, words: Sequence[str]) -> tuple[str, ...]:
    """The classes that a person means: each by its name, by its name as one word, or by its number in ``class``.

    A word that means no class stays as it is.

    Arguments:
        source: The boxes.
        words: The words, as ``priority road (other)``, ``priority-road`` or ``12``.

    Raises:
        DataError: The boxes cannot be read.
    """
    annotations = _annotations(source, Faults())
    regions = [region for marked in annotations.pictures.values() for region in marked.regions]
    names: dict[str, set[str]] = {}
    for kind in {region.kind for region in regions} - {IGNORE}:
        names.setdefault(word_of(kind), set()).add(kind)
    for region in regions:
        if region.kind != IGNORE and (number := dict(region.attributes).get("class")):
            names.setdefault(number, set()).add(region.kind)
    exact = {region.kind for region in regions}
    meant = ([word] if word in exact else sorted(names.get(word, {word})) for word in words)
    return tuple(dict.fromkeys(kind for kinds in meant for kind in kinds))


def read_scenes(source: Source, settings: NetworkSettings, split: SplitName | None = None) -> Scenes:
    """The pictures of a folder with the boxes that a table has for them; a picture without boxes shows the background.

    What is wrong is warned of, each kind once with its number: boxes outside of their picture or without an area, which
    are left out, names of pictures that are not there, and pictures that are not named. Boxes of pictures that are
    turned by their EXIF turn with them.

    Arguments:
        source: Where they are.
        settings: The classes that count, in their order, their mirror images, and whether they are groups. Boxes of the
            class ``ignore`` are neither looked for nor background, and those of other classes are background.
        split: The part to read: a hash of its path holds out about each tenth picture as "test"; all by default.

    Raises:
        DataError: There are no pictures, none of the part has a box of one of the classes, or a file cannot be used.
    """
    return read_parts(source, settings, [split])[0]


def read_parts(
    source: Source, settings: NetworkSettings, splits: Sequence[SplitName | None], faults: Faults | None = None
) -> list[Scenes]:
    """Several parts of the pictures of a folder, each as `read_scenes` has it.

    Arguments:
        source: Where they are.
        settings: The settings, as of `read_scenes`.
        splits: The parts.
        faults: Gets what is wrong with any of the parts; without it, that is warned of.

    Raises:
        DataError: As `read_scenes` does, of one of the parts.
    """
    found = Faults() if faults is None else faults
    annotations = _annotations(source, found)
    paths = _pictures(source, annotations)
    if not paths:
        raise DataError(f"{source.folder}: no pictures; give the folder that has them")
    _compare(annotations, paths, found)
    parts = [{name: path for name, path in paths.items() if belongs(name, split)} for split in splits]
    read = [[_scene(path, _marked(annotations, name), settings, found) for name, path in one.items()] for one in parts]
    for line in found.lines() if faults is None else ():
        warnings.warn(f"{annotations.source}: {line}", RuntimeWarning, stacklevel=2)
    for split, scenes in zip(splits, read, strict=True):
        if not any((scene.labels >= 0).any() for scene in scenes):
            where = _unmarked(source.folder, len(scenes), len(paths), split)
            raise DataError(f"{source.boxes}: no box of {', '.join(settings.classes)} in {where}")
    return [Scenes(scenes, _fingerprint(list(one), scenes)) for one, scenes in zip(parts, read, strict=True)]


def crops_in(source: Source, side: int) -> int:
    """The number of crops of an epoch of all its pictures, as `RandomCrops` has them.

    Raises:
        DataError: A picture or the boxes cannot be read.
    """
    annotations = _annotations(source, Faults())
    return sum(crops_of(*_size(path), side) for path in _pictures(source, annotations).values())


def _size(path: Path) -> tuple[int, int]:
    """The height and width of the upright picture."""
    try:
        with PictureFile(path) as picture:
            return picture.shape[:2]
    except PictureError as error:
        raise DataError(f"{error}; repair or remove it") from error


def _annotations(source: Source, faults: Faults) -> Annotations:
    try:
        return read_boxes(source.boxes, faults=faults)
    except ValueError as error:
        raise DataError(str(error)) from error


def _compare(annotations: Annotations, paths: Iterable[str], faults: Faults) -> None:
    """Tells which names of the table are of no picture, and which pictures it does not name."""
    named = {name: annotations.find(name) for name in paths}
    known = set(named.values())
    for name in annotations.pictures:
        if name not in known:
            faults.add(MISSING, name)
    for name, found in named.items():
        if found is None:
            faults.add(_NOT_NAMED, name)


def _marked(annotations: Annotations, name: str) -> Marked:
    found = annotations.find(name)
    return Marked(()) if found is None else annotations.pictures[found]


def _alone(annotations: Annotations, faults: Faults) -> list[str]:
    """Where classes of no group are: a picture of each of the first, and the lines that name no class."""
    first: dict[str, str] = {}
    for name, marked in annotations.pictures.items():
        for region in marked.regions:
            if region.kind != IGNORE and group_of(region) is None:
                first.setdefault(region.kind, name)
    places = [f"{kind} in {first[kind]}" for kind in sorted(first)[:_SHOWN]]
    return [
        f"{', '.join(places)}{', …' if len(first) > _SHOWN else ''}",
        *(line for line in faults.lines() if UNNAMED in line),
    ]


def _pictures(source: Source, annotations: Annotations) -> dict[str, Path]:
    found = [path for _, files in walk(source.folder) for path in files if is_named_as_picture(path.name)]
    named = sorted((path.relative_to(source.folder).as_posix(), path) for path in found)
    return {name: path for name, path in named if not source.only_named or annotations.find(name) is not None}


def _scene(path: Path, marked: Marked, settings: NetworkSettings, faults: Faults) -> Scene:
    height, width = _size(path)
    try:
        found = placed(marked, width, height, orientation_of(path))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    for what, box in found.faults:
        faults.add(what, f"{path.name} ({box})" if box else path.name)
    counted = [(region, *numbers) for region in found.regions if (numbers := _numbers(region, settings)) is not None]
    boxes = boxes_array([region for region, _, _ in counted]).clip(0, [width, height, width, height])
    labels, mirrored = (np.array([row[column] for row in counted], dtype=np.int64) for column in (1, 2))
    return Scene(path, boxes.astype(np.float32), labels, mirrored, height, width)


def _numbers(region: Region, settings: NetworkSettings) -> tuple[int, int] | None:
    """The number of a region's class, and that of the class that it has in a mirror; nothing for what is background."""
    if region.kind == IGNORE:
        return IGNORED, IGNORED
    classes = settings.classes
    kind = group_of(region) if settings.groups else region.kind
    if kind not in classes:
        return None
    label = classes.index(kind)
    if settings.groups:  # a group looks like itself, but not every class of it
        return label, NO_MIRROR if mirror_of(region.kind) is None else label
    mirror = settings.mirrors[label] if settings.mirrors else ""
    return label, classes.index(mirror) if mirror else NO_MIRROR


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
