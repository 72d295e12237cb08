"""The pictures of a folder with their boxes, read when they are drawn: memory holds their names and the table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_core.data.fingerprint import digest
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.jobs import plan_batch
from nflows_core.runtime.lazy import LazySequence
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.pictures.options import READ
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.annotations.groups import GROUP
from nflows_privacy.annotations.mirrors import mirrors_among
from nflows_privacy.annotations.placing import orientation_of, placed
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.regions import IGNORE, Region, boxes_array
from nflows_privacy.rgb import as_rgb
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.scenes import Scene
from nflows_privacy.training.views import NO_MIRROR, Pixels

_MOST = 2**20
"""More boxes than a picture has: a label is twice (the number of the picture, times this, and that of the box), and one
more of a box in a mirror."""
_OF_A_CLASS = ("class", GROUP)
"""The attributes that say again which class a region has."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Pictures in the order of their names, and what is marked in them.

    Arguments:
        annotations: What is marked.
        paths: The files of the pictures.
        names: The name of each: that in the annotations, or that of its file where they say nothing of it.
        mirrors: The classes that classes have in a mirror.
    """

    annotations: Annotations
    paths: list[Path]
    names: list[str]
    mirrors: dict[str, str]

    @classmethod
    def of(cls, annotations: Annotations, paths: list[Path], mirrors: tuple[str, ...] = ()) -> Pool:
        """That of these files.

        Raises:
            ValueError: One name in the annotations may be that of two files, or of two names one, a class that is named
                in `mirrors` is not there, or nothing is marked.
        """
        absolute = [path.absolute() for path in paths]
        known = {path: name for path in absolute if (name := annotations.find(path)) is not None}
        annotations.check(known)
        if all(region.kind == IGNORE for name in known.values() for region in annotations.pictures[name].regions):
            raise ValueError(f"{annotations.source}: marks nothing in these {len(paths)} pictures; give their boxes")
        named = sorted((known.get(path, path.name), path) for path in absolute)
        # Of the whole table, so that other pictures of a run decide nothing.
        kinds = {region.kind for marked in annotations.pictures.values() for region in marked.regions} - {IGNORE}
        found = mirrors_among(sorted(kinds), mirrors)
        return cls(annotations, [path for _, path in named], [name for name, _ in named], found)

    @property
    def digest(self) -> str:
        """The SHA-256 of the names, which decide what is drawn."""
        return digest(name.encode(errors="surrogateescape") for name in self.names)

    @property
    def unnamed(self) -> list[str]:
        """The names of pictures of which the annotations say nothing."""
        return [name for name in self.names if name not in self.annotations.pictures]

    def number(self, path: Path) -> int:
        """The number of the picture in a file."""
        return self._numbers[path.absolute()]

    def path(self, name: str) -> Path:
        """The file of the picture of this name, of several the last one.

        Raises:
            KeyError: There is none.
        """
        return self._paths[name]

    def read(self, number: int, pixels: Pixels | None = None) -> Drawn:
        """A picture with its boxes.

        Arguments:
            number: The number of the picture.
            pixels: Its pixels, if they are read already.

        Raises:
            ValueError: It cannot be read, or its boxes are counted in a picture of another size.
            OSError: It cannot be read.
        """
        path, marked = self.paths[number], self.annotations.pictures.get(self.names[number], Marked(()))
        if pixels is None:
            pixels = as_rgb(read_picture(path).pixels)
        height, width = pixels.shape[:2]
        try:
            found = placed(marked, width, height, orientation_of(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}; give the boxes of this picture") from error
        boxes = boxes_array(found.regions).clip(0, [width, height, width, height]).astype(np.float32)
        labels, mirrored = np.array([self._labels(number, *one) for one in enumerate(found.regions)]).reshape(-1, 2).T
        scene = Scene(path, boxes, labels.astype(np.int64), mirrored.astype(np.int64), height, width)
        return Drawn(scene, found.regions, pixels, found.faults)

    def drawing(self, number: int, own: Drawn) -> Drawing:
        """What is drawn for a copy of a picture."""
        return Drawing(self, number, own)

    def in_mirror(self, region: Region) -> Region:
        """A region with the class that it has in a mirror, and what the table says of that class."""
        kind = self.mirrors.get(region.kind, region.kind)
        if kind == region.kind:
            return region
        told = self._of_classes[kind]
        kept = ((name, told.get(name) if name in _OF_A_CLASS else word) for name, word in region.attributes)
        return replace(region, kind=kind, attributes=tuple((name, word) for name, word in kept if word is not None))

    @cached_property
    def marked(self) -> NDArray[np.intp]:
        """The number of the picture of each box."""
        counts = [len(self.annotations.pictures.get(name, Marked(())).regions) for name in self.names]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def _numbers(self) -> dict[Path, int]:
        return {path: number for number, path in enumerate(self.paths)}

    @cached_property
    def _paths(self) -> dict[str, Path]:
        return dict(zip(self.names, self.paths, strict=True))

    @cached_property
    def _of_classes(self) -> dict[str, dict[str, str]]:
        """The attributes of the first region of each class."""
        found: dict[str, dict[str, str]] = {}
        for marked in self.annotations.pictures.values():
            for region in marked.regions:
                found.setdefault(region.kind, dict(region.attributes))
        return found

    def _labels(self, number: int, box: int, region: Region) -> tuple[int, int]:
        """The label of a region, and that which it has in a mirror."""
        if region.kind == IGNORE:
            return IGNORED, IGNORED
        label = 2 * (number * _MOST + box)
        return label, label + 1 if region.kind in self.mirrors else NO_MIRROR


class Drawn(NamedTuple):
    """A picture that was read: its regions, each with a box and a label in the scene, and what is wrong with some."""

    scene: Scene
    regions: tuple[Region, ...]
    pixels: Pixels
    faults: tuple[tuple[str, str], ...]


class Drawing:
    """The pictures that are drawn for one copy of a picture, each read once.

    Arguments:
        pool: The pictures.
        number: The number of the picture.
        own: The picture.
    """

    def __init__(self, pool: Pool, number: int, own: Drawn) -> None:
        self._pool = pool
        self._read = {number: own}
        self.scenes = LazySequence(lambda other: self._drawn(other).scene, range(len(pool.paths)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pictures that were drawn, in that order, after the first."""
        return tuple(self._pool.names[number] for number in self._read)

    def pixels(self, scene: Scene) -> Pixels:
        """The pixels of a picture that was drawn."""
        return self._read[self._pool.number(scene.path)].pixels

    def thing(self, generator: np.random.Generator) -> tuple[Scene, int] | None:
        """A picture, as often as it has boxes, and the number of one of them; none if there is none to be found."""
        marked = self._pool.marked
        scene = self.scenes[marked[generator.integers(len(marked))]]
        boxes = np.flatnonzero(scene.labels >= 0)
        return (scene, int(generator.choice(boxes))) if len(boxes) else None

    def region(self, label: int) -> Region | None:
        """The region that a label of a view means, as it is or as it is in a mirror; none if it does not count."""
        if label == IGNORED:
            return None
        number, box = divmod(label // 2, _MOST)
        region = self._read[number].regions[box]
        return self._pool.in_mirror(region) if label % 2 else region

    def _drawn(self, number: int) -> Drawn:
        number = int(number)
        if number not in self._read:
            self._read[number] = self._pool.read(number)
        return self._read[number]


Source = tuple[Path, str, tuple[Path, ...], Path, tuple[str, ...], tuple[str, ...]]
"""Boxes and their SHA-256, inputs, the folder of results, what names of further ones end in, and mirrors."""


@keeps_one
def pool_of(source: Source) -> Pool:
    """The pool of a run, kept by each process of a cluster: the inputs are searched as `plan_batch` does."""
    boxes, _, inputs, output, beside, mirrors = source
    batch = plan_batch(inputs, output, READ, beside=beside)
    return Pool.of(read_boxes(boxes, faults=Faults()), [job.source for job in batch.jobs], mirrors)
