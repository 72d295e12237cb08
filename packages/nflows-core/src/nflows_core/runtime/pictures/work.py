"""What is done with one picture: the part that an application writes, and how it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, PictureFile, Policy, write_picture
from nflows_core.runtime.jobs import Job, further
from nflows_core.runtime.progress import tell
from nflows_core.runtime.recipe import is_result_of, recipe_of, source_facts

Pixels = NDArray[np.uint8 | np.uint16]


@dataclass(frozen=True)
class Made:
    """What a work makes of a picture.

    Arguments:
        picture: The new picture. Where there are strips, its pixels count for their shape and type only; see
            `nflows_core.runtime.images.blank_pixels`.
        strips: Its rows from top to bottom, :math:`(h, W, C)` each, made as they are written.
        numbers: What there is to tell of it, JSON's own types by plain words; called once all strips are through. Each
            number is a column of the report.
        beside: The strips of further pictures, of which all else is as of the first; they are written after it.
    """

    picture: Picture
    strips: Iterable[Pixels] | None = None
    numbers: Callable[[], Mapping[str, Any]] = dict
    beside: Sequence[Iterable[Pixels]] = ()


Make = Callable[[PictureFile, int], Made]
"""What becomes of an open picture, with a seed."""


class Work(Protocol):
    """A frozen dataclass of settings of JSON's own types, which travels to the workers of a cluster.

    What takes long to load is loaded at the first call, and kept (`nflows_core.runtime.models.keeps_one`).
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __call__(self, source: PictureFile, seed: int) -> Made:
        """What becomes of a picture, which is open until the new one is written.

        Arguments:
            source: The picture.
            seed: The seed of what is random: of the run's seed and the file's bytes, whatever else the run is given.

        Raises:
            ValueError: It cannot be done with such a picture; the message needs no name of a file.
        """


@dataclass(frozen=True)
class Writing:
    """How the pictures of a batch are written.

    Arguments:
        seed: The seed of the run.
        metadata: What of the metadata goes into the new file.
        quality: The quality of JPEG and WebP, as `write_picture` takes it.
        beside: What the names of the further pictures end in, as `further` says.
    """

    seed: int
    metadata: Policy
    quality: int | None
    beside: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """What of it a person has set, but for the seed."""
        return {"metadata": self.metadata, "quality": self.quality}

    def __call__(self, make: Make, source: Path, target: Path) -> dict[str, Any]:
        """Writes what is made of a picture, and returns what is known of it.

        Returns:
            The facts of the source (`source_facts`), the sides of both, what the new file has no place for, and the
            numbers.
        """
        facts = source_facts(source)
        with PictureFile(source) as picture:
            made = make(picture, picture_seed(self.seed, facts["sha256"]))
            strips = None if made.strips is None else _told(made.strips, source.name, len(made.picture.pixels))
            new = made.picture.under(self.metadata)
            left = write_picture(target, new, self.quality, strips)
            for path, others in zip(further(target, self.beside), made.beside, strict=True):
                write_picture(path, new, self.quality, others)
        sides = {"size": _sides(picture.about), "new_size": _sides(made.picture)}
        return {**facts, **sides, "left_out": left, "numbers": dict(made.numbers())}


@dataclass(frozen=True)
class PictureProcess:
    """A work from file to file, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        work: The work.
        writing: How its pictures are written.
        weights: The SHA-256 of the weights that the work loads, by their names.
    """

    work: Work
    writing: Writing
    weights: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes the new picture, and returns its recipe and what `Writing` knows of it."""
        return {"recipe": self.recipe, **self.writing(self.work, source, target)}

    @property
    def seed(self) -> int:
        return self.writing.seed

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        return {"settings": asdict(self.work), "writing": self.writing.settings}

    @property
    def recipe(self) -> str:
        """By what a result of the same work, settings, weights and seed is known."""
        return recipe_of(self.work, self.writing.settings, self.weights, self.seed)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        return is_told(result) and is_result_of(self.recipe, job.source, result)


def is_told(result: Mapping[str, Any] | None) -> bool:
    """Whether a result, which a log may hold that somebody has edited, says what the report of a batch shows."""
    match result:
        case {"sha256": str(), "size": str(), "new_size": str(), "left_out": list(), "numbers": dict()}:
            return True
    return False


def picture_seed(seed: int, digest: str) -> int:
    """The seed for a file with this SHA-256, of 63 bits: it depends on no other file, and not on its name.

    Arguments:
        seed: The seed of the run.
        digest: The SHA-256 in hexadecimal.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {digest}".encode()).digest()[:8]) >> 1


def _told(strips: Iterable[Pixels], name: str, height: int) -> Iterator[Pixels]:
    """The same strips, the share of the picture told after each: one may take hours."""
    rows = 0
    for strip in strips:
        yield strip
        rows += len(strip)
        tell(f"{name}, {rows / height:.0%}")


def _sides(picture: Picture) -> str:
    height, width = picture.pixels.shape[:2]
    return f"{width} x {height}"
