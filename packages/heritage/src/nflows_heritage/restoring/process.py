"""The process of ``nflows heritage restore``: from a file to the restored one, the change, and the record of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import PictureFile, blank_pixels
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.pictures.work import Made, Pixels, Writing, is_told
from nflows_core.runtime.recipe import is_result_of, recipe_of
from nflows_core.runtime.report import versions
from nflows_core.runtime.temporary import is_temporary
from nflows_heritage.distortions import CLEAN
from nflows_heritage.inspection import SHIPPED, Findings, load_inspector
from nflows_heritage.masks import find_brush, read_brush
from nflows_heritage.restoring.change import Change, write_change
from nflows_heritage.restoring.engines import Prepared, load_engine
from nflows_heritage.restoring.filling import filled
from nflows_heritage.restoring.record import Record
from nflows_heritage.restoring.settings import AUTO, LOSS, Restoration
from nflows_heritage.restoring.tiling import restored
from nflows_heritage.views import InMemory

CHANGE, RECORD = "-change.png", ".json"
"""What the names of the picture of the change and of the record end in."""
NOTHING = "nothing to restore"
PACKAGES = ("nflows-heritage", "nflows-sr", "scikit-image", "scipy")
"""What decides the pixels besides nflows-core."""


@dataclass
class Done:
    """What was done with a picture.

    Arguments:
        kind: What it suffers from.
        found: What the inspector said, if it was asked.
        chosen: What the engine chose.
    """

    kind: str = CLEAN
    found: Findings | None = None
    chosen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RestoreFiles:
    """A restoration from file to file, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        restoration: What is restored and how.
        writing: How pictures are written.
        weights: The SHA-256 of the weights of the engine and the inspector, by their names.
    """

    restoration: Restoration
    writing: Writing
    weights: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes the restored picture, the picture of the change and the record, and returns what is known.

        Raises:
            ValueError: It cannot be done with such a picture, or its mask is missing or of another size.
            OSError: A file cannot be read or written.
        """
        told, done = self.write(source, target)
        change_file, record_file = (target.with_name(target.stem + ending) for ending in (CHANGE, RECORD))
        change = write_change(source, target, change_file)
        self._record(source, target, told["sha256"], done, change).write(record_file)
        numbers = {
            "kind": done.kind,
            "probability": None if done.found is None else done.found.probabilities[done.kind],
            "changed_percent": 100 * change.share,
            "mean_change_percent": 100 * change.mean,
            "largest_change_percent": 100 * change.largest,
            "note": NOTHING if done.kind == CLEAN else None,
        }
        return {"recipe": self.recipe, **told, "numbers": numbers, "mask_sha256": self._mask_digest(source)}

    def write(self, source: Path, target: Path) -> tuple[dict[str, Any], Done]:
        """Writes the restored picture alone; what the writing says, and what was done."""
        done = Done()
        return self.writing(lambda picture, seed: self._made(picture, seed, source, done), source, target), done

    @property
    def seed(self) -> int:
        return self.writing.seed

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        return {"settings": asdict(self.restoration), "writing": self.writing.settings}

    @property
    def recipe(self) -> str:
        """By what a result of the same settings, weights and seed is known."""
        return recipe_of(self.restoration, self.writing.settings, dict(self.weights), self.seed)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        if result is None or not is_told(result) or not is_result_of(self.recipe, job.source, result):
            return False
        try:
            return bool(result.get("mask_sha256") == self._mask_digest(job.source))
        except (ValueError, OSError):  # which the job itself will say
            return False

    def _made(self, picture: PictureFile, seed: int, source: Path, done: Done) -> Made:
        done.kind, done.found = self._kind(picture)
        engine = None
        if done.kind not in (CLEAN, LOSS):
            engine = load_engine(self.restoration.engine).prepare(picture, done.kind, seed)
            done.chosen = dict(engine.described)
        blank = blank_pixels(*picture.shape, picture.dtype)
        return Made(replace(picture.about, pixels=blank), self._strips(picture, done.kind, engine, source))

    def _kind(self, picture: PictureFile) -> tuple[str, Findings | None]:
        if self.restoration.kind != AUTO:
            return self.restoration.kind, None
        found = load_inspector(SHIPPED)(picture)
        return found.kind, found

    def _strips(self, picture: PictureFile, kind: str, engine: Prepared | None, source: Path) -> Iterator[Pixels]:
        mask = self._mask(picture, source)
        if kind == LOSS:
            assert mask is not None  # as the settings have seen to
            return filled(picture, mask, self.restoration.strength)
        if engine is None:
            return _unchanged(picture)
        rows = None if mask is None else InMemory(mask[..., None].astype(np.uint8))
        return restored(picture, engine, self.restoration.strength, rows, self.restoration.tile)

    def _mask(self, picture: PictureFile, source: Path) -> NDArray[np.bool_] | None:
        path = self._mask_of(source)
        return None if path is None else read_brush(path, *picture.shape[:2])

    def _mask_of(self, source: Path) -> Path | None:
        mask = self.restoration.mask
        return None if mask is None else find_brush(Path(mask), source)

    def _mask_digest(self, source: Path) -> str | None:
        mask = self._mask_of(source)
        return None if mask is None else sha256(mask)

    def _record(self, source: Path, target: Path, digest: str, done: Done, change: Change) -> Record:
        change_file = target.with_name(target.stem + CHANGE)
        mask, folder = self._mask_of(source), target.parent
        folder = folder.parent if is_temporary(folder) else folder  # where it will lie
        return Record(
            source=_from(folder, source),
            source_sha256=digest,
            result=target.name,
            result_sha256=sha256(target),
            change=change_file.name,
            change_sha256=sha256(change_file),
            change_percent=100 * change.share,
            kind=done.kind,
            found=None if done.found is None else done.found.probabilities,
            engine=self.restoration.engine,
            weights_sha256=self.weights.get("engine"),
            chosen=done.chosen,
            strength=self.restoration.strength,
            tile=self.restoration.tile,
            mask=None if mask is None else _from(folder, mask),
            mask_sha256=self._mask_digest(source),
            metadata=self.writing.metadata,
            quality=self.writing.quality,
            seed=self.seed,
            versions=versions(PACKAGES),
        )


def _unchanged(picture: PictureFile) -> Iterator[Pixels]:
    height, width, channels = picture.shape
    step = max(1, 2**22 // (width * channels))
    for top in range(0, height, step):
        yield picture.rows(top, min(top + step, height))


def _from(folder: Path, path: Path) -> str:
    """A path as seen from a folder, so that both may move together; in full where no way leads from drive to drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.absolute().as_posix()
