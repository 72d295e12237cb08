"""The process of ``nflows privacy detect``: from a file to what is found in it, and what is told of all."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.lazy import LazySequence
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.work import is_told
from nflows_core.runtime.recipe import NO_MATTER, is_result_of, recipe_of, source_facts
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.annotations.found import Found, read_found, write_found
from nflows_privacy.annotations.placing import orientation_of, placed
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.detection import DetectorSettings, distinct, load_detector
from nflows_privacy.redaction.decoys import is_meant
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.redaction.sheets import shown_regions
from nflows_privacy.regions import FACE, PLATE, Region
from nflows_privacy.video.formats import is_video

_alone = Lock()
"""Held while a detector looks: the workers of a cluster are threads of one process."""


@dataclass(frozen=True)
class Detection:
    """How regions are found.

    Arguments:
        kinds: The kinds of things that count, as `is_meant` takes them; all else is left out.
        detector: The detectors that look; none where what people have marked is all.
        boxes: The file or folder of boxes that count besides, as `read_boxes` reads it.
        boxes_sha256: The SHA-256 of the boxes.

    Raises:
        ValueError: There is neither.
    """

    kinds: tuple[str, ...]
    detector: DetectorSettings | None
    boxes: Path | None = field(default=None, metadata=NO_MATTER)
    boxes_sha256: str | None = None

    def __post_init__(self) -> None:
        if self.detector is None and self.boxes is None:
            raise ValueError("`detector`: give a detector, or `boxes`")

    @property
    def is_strict(self) -> bool:
        """Whether each picture must be named, and each box be sound: what is left out would show somebody."""
        return not {FACE, PLATE}.isdisjoint(self.kinds)

    @property
    def marked(self) -> tuple[Annotations, Faults] | None:
        """The boxes that count besides, and what is wrong with some of them, which stops nothing but where all count.

        Raises:
            ValueError: As `read_boxes`.
            OSError: They cannot be read.
        """
        return None if self.boxes is None else _kept((self.boxes, self.boxes_sha256, self.is_strict))

    def find(self, source: Path, digest: str) -> tuple[Found, list[tuple[str, str]]]:
        """What is found in a picture, or in each frame of a video, where tracks see to what is missed in some.

        All boxes of the file are among the regions, however they overlap, and what detectors find besides.

        Arguments:
            source: The file.
            digest: Its SHA-256.

        Returns:
            What is found, and what is wrong with boxes there, as `nflows_privacy.annotations.placing.placed` says it.

        Raises:
            ValueError: The file is damaged, or the boxes do not tell of it, or of another size, or it is a video and
                there are only boxes.
            OSError: A file cannot be read.
        """
        return (self._in_video(source, digest), []) if is_video(source) else self._in_picture(source, digest)

    def _in_picture(self, source: Path, digest: str) -> tuple[Found, list[tuple[str, str]]]:
        with PictureFile(source) as picture:
            height, width, _ = picture.shape
            pixels = None if self.detector is None else picture.rows(0, height)
        found, faults = self._marked_in(source, width, height)
        if pixels is not None and self.detector is not None:
            with _alone:
                seen = seen_by(load_detector(self.detector), pixels)
            found += [region for region in distinct((*found, *seen)) if region not in found]
        return Found(digest, width, height, self._counting(found)), faults

    def _marked_in(self, source: Path, width: int, height: int) -> tuple[list[Region], list[tuple[str, str]]]:
        """What is marked in a picture, and what is wrong there; a picture that is not named must not lack a face."""
        if self.marked is None:
            return [], []
        annotations, _ = self.marked
        if self.is_strict:
            return annotations.regions(source, width, height), []
        name = annotations.find(source)
        marked = Marked(()) if name is None else annotations.pictures[name]
        there = placed(marked, width, height, orientation_of(source))
        return list(there.regions), list(there.faults)

    def _in_video(self, source: Path, digest: str) -> Found:
        from nflows_privacy.video import find_in_video, opened

        if self.detector is None:
            raise ValueError("a file of boxes tells of no frames of a video; give a `detectors` besides")
        with opened(source) as video:
            width, height = next(video.frames()).size
        with _alone:
            frames, _ = find_in_video(source, load_detector(self.detector))
        return Found(digest, width, height, frames=tuple(map(self._counting, frames)))

    def _counting(self, regions: Iterable[Region]) -> tuple[Region, ...]:
        return tuple(region for region in regions if is_meant(region, self.kinds))


@dataclass(frozen=True)
class DetectFiles:
    """A detection from file to file of what was found, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        detection: How regions are found.
        weights: The SHA-256 of weights, by their names.
    """

    detection: Detection
    weights: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes what is found in a file, and returns what is known of it.

        Raises:
            ValueError: As `Detection.find`.
            OSError: A file cannot be read or written.
        """
        facts = source_facts(source)
        found, faults = self.detection.find(source, facts["sha256"])
        write_found(target, found)
        size, frames = f"{found.width} x {found.height}", found.frames
        regions = [region for frame in frames or (found.regions,) for region in frame]
        counts = {kind: sum(is_meant(region, (kind,)) for region in regions) for kind in self.detection.kinds}
        numbers = {"boxes": len(regions), **counts}
        numbers |= {} if frames is None else {"frames": len(frames)}
        told = {"size": size, "new_size": size, "left_out": [], "numbers": numbers}
        return {"recipe": self.recipe, **facts, **told, "faults": [list(fault) for fault in faults]}

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        settings = asdict(self.detection)
        return {"settings": {**settings, "boxes": None if settings["boxes"] is None else str(settings["boxes"])}}

    @property
    def recipe(self) -> str:
        """By what a result of the same detectors, weights and boxes is known."""
        return recipe_of(self.detection, dict(self.weights))

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        return is_told(result) and is_result_of(self.recipe, job.source, result)


@keeps_one
def _kept(source: tuple[Path, str | None, bool]) -> tuple[Annotations, Faults]:
    """The boxes of a file with this SHA-256, all sound or not, kept by each process of a cluster."""
    path, _, is_strict = source
    faults = Faults()
    return read_boxes(path, faults=None if is_strict else faults), faults


def found_in(done: Sequence[Outcome], folder: Path) -> Iterator[tuple[str, Found]]:
    """The name of each picture below the folder of the results, and what was found in it; videos are left out."""
    for outcome in done:
        name = outcome.job.target.relative_to(folder).with_suffix("")
        if not is_video(name):
            yield name.as_posix(), read_found(outcome.job.target)


def rows_found(done: Sequence[Outcome], folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table of all boxes, which `read_boxes` reads again."""
    return (row for name, found in found_in(done, folder) for row in rows_of(name, list(found.regions)))


def annotations_found(done: Sequence[Outcome], folder: Path, kinds: Sequence[str]) -> Annotations:
    """All boxes, to be written in a format of others; a word for several classes, as ``sign``, is none itself."""
    marked = {name: Marked(found.regions, (found.width, found.height)) for name, found in found_in(done, folder)}
    others = [region for one in marked.values() for region in one.regions if region.kind not in kinds]
    classes = (kind for kind in kinds if not any(is_meant(region, (kind,)) for region in others))
    return Annotations(str(folder), marked, tuple(classes))


def found_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """The pictures with outlines about what was found, and the largest of it from near."""
    numbers = array("q", (number for number, outcome in enumerate(done) if not is_video(outcome.job.source)))
    pictures = LazySequence(done.__getitem__, numbers)
    shown = about.shown(pictures) if pictures else []
    rows = {
        str(outcome.job.source): shown_regions(outcome.job.source, read_found(outcome.job.target).regions)
        for outcome in shown
    }
    caption = f"Found: {len(shown)} of {len(pictures)} pictures, what was found outlined"
    return [Sheet(caption, ("the picture", "the largest region"), rows)] if rows else []
