"""The process of ``nflows privacy augment``: of each picture with boxes several, as a training would see it.

The first is the picture itself, upright, in RGB of 8 bits. The others have its size, and are drawn as the crops of a
training are (`RandomViews`), by the name of the picture, the number of the copy and the seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.images import Picture, PictureFile
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.pictures.work import Made, Writing, is_told
from nflows_core.runtime.recipe import NO_MATTER, is_result_of, recipe_of, source_facts
from nflows_core.runtime.temporary import appearing_together
from nflows_core.runtime.written import is_marked
from nflows_privacy.annotations.table import SIZE, rows_of
from nflows_privacy.regions import IGNORE, Box, Region
from nflows_privacy.rgb import as_rgb
from nflows_privacy.training.augmentation import photographed
from nflows_privacy.training.pool import Drawn, Pool, pool_of
from nflows_privacy.training.scenes import RandomViews
from nflows_privacy.training.settings import AUGMENTATIONS, Augmentation
from nflows_privacy.training.views import Pixels

WAYS: Mapping[str, Augmentation] = {
    "mosaic": replace(AUGMENTATIONS["thesis"], flips="mirrors"),
    **{name: one for name, one in AUGMENTATIONS.items() if name != "none"},
}
"""What is done to pictures, by name: "mosaic" is what the thesis does, but for flips after which a class is wrong."""
MADE_FROM = "made_from"
"""The column of the table that names the pictures that one is made from, its own first."""


@dataclass(frozen=True)
class Augmenting:
    """What is made of pictures.

    Arguments:
        boxes: The file or folder of the boxes, as `nflows_privacy.annotations.read_boxes` reads it.
        boxes_sha256: The SHA-256 of the boxes.
        inputs: The files and folders of the pictures, from which mosaics are drawn too.
        output: The folder of the results, in which no picture is looked for.
        names_sha256: What `Pool.digest` says of the names of these pictures.
        augment: What is done to them, a name in `WAYS`.
        mirrors: What a person says of classes in a mirror, as `nflows_privacy.annotations.mirrors.mirrors_among` has
            it.

    Raises:
        ValueError: Nothing has this name.
    """

    boxes: Path = field(metadata=NO_MATTER)
    boxes_sha256: str
    inputs: tuple[Path, ...] = field(metadata=NO_MATTER)
    output: Path = field(metadata=NO_MATTER)
    names_sha256: str
    augment: str = "mosaic"
    mirrors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.augment not in WAYS:
            raise ValueError(f"`augment`: expected one of {', '.join(WAYS)}, got {self.augment!r}")


class Copy(NamedTuple):
    """A picture that was made: its regions, and the names of the pictures that it is made from, its own first."""

    pixels: Pixels
    regions: tuple[Region, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class AugmentFiles:
    """An augmentation from file to files, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        augmenting: What is made of pictures.
        writing: How pictures are written; ``beside`` says how many further ones are made of each.
        weights: Nothing, since nothing is loaded.
    """

    augmenting: Augmenting
    writing: Writing
    weights: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes the pictures, and returns what is known of them, their boxes among it.

        Raises:
            ValueError: The boxes do not fit the picture, or it or one that it is joined with is none.
            OSError: A file cannot be read or written.
        """
        pool = self.pool
        number, copies = pool.number(source), list[Copy]()
        faults: list[list[str]] = []

        def make(picture: PictureFile, seed: int) -> Made:
            height = picture.shape[0]
            about = picture.about
            pixels = as_rgb(picture.rows(0, height))
            own = pool.read(number, pixels)
            faults.extend(map(list, own.faults))
            copies.append(Copy(pixels, own.regions, (pool.names[number],)))
            icc = about.icc if about.channels > 2 else None
            new = Picture(pixels, icc, about.dpi, about.metadata)
            further = [self._strips(pool, number, own, copy, copies) for copy in range(1, self.times)]
            return Made(new, numbers=lambda: _numbers(copies), beside=further)

        with appearing_together(target.parent) as folder:  # a copy that fails leaves none without a row in the table
            told = self.writing(make, source, folder / target.name)
        others = sorted({name for one in copies for name in one.names[1:]})
        return {
            "recipe": self.recipe,
            **told,
            "boxes": [[region.to_json() for region in one.regions] for one in copies],
            MADE_FROM: [list(one.names) for one in copies],
            "others": {name: source_facts(pool.path(name)) for name in others},
            "faults": faults,
        }

    @property
    def times(self) -> int:
        """How many pictures are made of each, itself among them."""
        return len(self.writing.beside) + 1

    @property
    def pool(self) -> Pool:
        """The pictures and their boxes, read once by each process of a cluster."""
        one = self.augmenting
        return pool_of((one.boxes, one.boxes_sha256, one.inputs, one.output, self.writing.beside, one.mirrors))

    @property
    def seed(self) -> int:
        return self.writing.seed

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        settings = {**asdict(self.augmenting), **asdict(WAYS[self.augmenting.augment]), "times": self.times}
        for name in ("inputs", "output"):
            del settings[name]
        return {"settings": {**settings, "boxes": str(self.augmenting.boxes)}, "writing": self.writing.settings}

    @property
    def recipe(self) -> str:
        """By what a result of the same settings, boxes, names of pictures and seed is known."""
        way = asdict(WAYS[self.augmenting.augment])
        return recipe_of(self.augmenting, way, self.writing.settings, self.times, self.seed)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now, from these pictures and those they are joined with."""
        if result is None or not is_told(result) or not is_result_of(self.recipe, job.source, result):
            return False
        match result.get("others"):
            case dict() as others:
                return all(self._is_same(name, facts) for name, facts in others.items())
        return False

    def _is_same(self, name: str, facts: Any) -> bool:
        """Whether another picture is what it was."""
        try:
            path = self.pool.path(name)
            return isinstance(facts, dict) and is_result_of(self.recipe, path, {**facts, "recipe": self.recipe})
        except (KeyError, OSError):
            return False

    def _strips(self, pool: Pool, number: int, own: Drawn, copy: int, copies: list[Copy]) -> Iterator[Pixels]:
        """The rows of a copy, which is made as it is written, so that memory holds one."""
        made = self._copy(pool, number, own, copy)
        copies.append(made._replace(pixels=made.pixels[:0]))
        yield made.pixels

    def _copy(self, pool: Pool, number: int, own: Drawn, copy: int) -> Copy:
        way, drawing = WAYS[self.augmenting.augment], pool.drawing(number, own)
        generator = np.random.default_rng(copy_seed(self.seed, pool.names[number], copy))
        drawn = RandomViews(drawing.scenes, way, drawing.pixels, drawing.thing)
        view = drawn.view(own.scene, (own.scene.width, own.scene.height), generator)
        pixels = photographed(view.pixels, generator) if way.photographed else view.pixels
        pairs = zip(view.boxes, view.labels.tolist(), strict=True)
        regions = tuple(_region(drawing.region(label), box.tolist()) for box, label in pairs)
        return Copy(np.ascontiguousarray(pixels), regions, drawing.names)


def copy_seed(seed: int, name: str, copy: int) -> int:
    """The seed of a copy of a picture of this name, whatever else a run is given."""
    text = f"augment {seed} {copy} {name}"
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogateescape")).digest()[:8])


def augmented_rows(done: Iterable[Outcome], folder: Path, attributes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table of all boxes in the pictures that were made, which `read_boxes` reads again.

    Arguments:
        done: The jobs that are done, in this run or in an earlier one; a picture that is no longer what was written has
            no rows.
        folder: The folder of the results.
        attributes: The further columns that the table of the pictures had.
    """
    columns = [name for name in attributes if name != MADE_FROM]
    for outcome in done:
        result = outcome.result or {}
        size = dict(zip(SIZE, result["new_size"].split(" x "), strict=True))
        for path, boxes, names in zip(outcome.job.targets, result["boxes"], result[MADE_FROM], strict=False):
            if not _is_as_written(path, outcome):
                continue
            regions = [Region.from_json(one) for one in boxes]
            for row in rows_of(path.relative_to(folder).as_posix(), regions, columns):
                yield {**row, **size, MADE_FROM: ";".join(names)}


def _is_as_written(path: Path, outcome: Outcome) -> bool:
    mark = outcome.written.get(path.name)
    return mark is not None and is_marked(path, mark)


def _region(region: Region | None, box: Sequence[float]) -> Region:
    """The region at its new place; without one, what is left of it is too little to be found."""
    place = Box(*box)
    return Region(place, IGNORE) if region is None else replace(region, box=place)


def _numbers(copies: Sequence[Copy]) -> dict[str, int]:
    kinds = [region.kind for one in copies for region in one.regions]
    ignored = kinds.count(IGNORE)
    joined = sum(len(one.names) > 1 for one in copies)
    return {"made": len(copies), "boxes": len(kinds) - ignored, "ignored": ignored, "joined": joined}
