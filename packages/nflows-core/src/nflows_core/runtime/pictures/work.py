"""What is done with one picture: the part that an application writes, and how it is run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.files import sha256
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.images import Picture, PictureFile, Policy, write_picture
from nflows_core.runtime.jobs import Job, further
from nflows_core.runtime.progress import tell

Pixels = NDArray[np.uint8 | np.uint16]
NO_MATTER: Mapping[str, Any] = MappingProxyType({"decides": False})
"""The metadata of a field of a work that says how it is computed, and by which no result is another one."""


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
class PictureProcess:
    """A work from file to file, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        work: The work.
        seed: The seed of the run.
        metadata: What of the metadata goes into the new file.
        quality: The quality of JPEG and WebP, as `write_picture` takes it.
        weights: The SHA-256 of the weights that the work loads, by their names.
        beside: What the names of the further pictures end in, as `further` says.
    """

    work: Work
    seed: int
    metadata: Policy
    quality: int | None
    weights: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes the new picture, and returns what is known of it.

        Returns:
            The recipe, the SHA-256 of the source, its size and time, the sides of both, what the new file has no place
            for, and the numbers of the work.
        """
        found = source.stat()
        digest = sha256(source)
        with PictureFile(source) as picture:
            made = self.work(picture, picture_seed(self.seed, digest))
            strips = None if made.strips is None else _told(made.strips, source.name, len(made.picture.pixels))
            new = made.picture.under(self.metadata)
            left = write_picture(target, new, self.quality, strips)
            for path, others in zip(further(target, self.beside), made.beside, strict=True):
                write_picture(path, new, self.quality, others)
        return {
            "recipe": self.recipe,
            "sha256": digest,
            "bytes": found.st_size,
            "changed_ns": found.st_mtime_ns,
            "size": _sides(picture.about),
            "new_size": _sides(made.picture),
            "left_out": left,
            "numbers": dict(made.numbers()),
        }

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        writing = {"metadata": self.metadata, "quality": self.quality}
        return {"settings": asdict(self.work), "writing": writing}

    @property
    def recipe(self) -> str:
        """By what a result of the same work, settings, weights and seed is known."""
        kind = f"{type(self.work).__module__}.{type(self.work).__qualname__}"
        how = {one.name for one in fields(self.work) if not one.metadata.get("decides", True)}
        settings = {name: value for name, value in asdict(self.work).items() if name not in how}
        writing = [self.metadata, self.quality]
        text = to_json([kind, settings, writing, self.weights, self.seed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is of this recipe, and of what the source holds now: read if its size or time is another."""
        match result:
            case {
                "recipe": self.recipe,
                "sha256": str(digest),
                "size": str(),
                "new_size": str(),
                "left_out": list(),
                "numbers": dict(),
                **rest,
            }:
                found = job.source.stat()
                known = (rest.get("bytes"), rest.get("changed_ns"))
                return known == (found.st_size, found.st_mtime_ns) or sha256(job.source) == digest
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
