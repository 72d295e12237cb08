"""The process of ``nflows privacy redact --boxes``: what a file of boxes says is filled, and decoys beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.pictures.work import Made, Writing, is_told
from nflows_core.runtime.recipe import NO_MATTER, is_result_of, recipe_of
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.faults import Faults
from nflows_privacy.annotations.placing import orientation_of, placed
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.annotations.table import SIZE, rows_of
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import covers, mask_of
from nflows_privacy.redaction.beside import BEHIND, lost, without_pictures
from nflows_privacy.redaction.decoys import DECOY, Holes, Plan, decoy_seed, is_meant
from nflows_privacy.regions import FACE, PLATE, Region
from nflows_privacy.video.formats import is_video

ERASED = "erased"
"""The attribute, and the column of the table, that says whether a box was filled: 1 or 0."""
_MARKS = (ERASED, DECOY)


@dataclass(frozen=True)
class Erasing:
    """What is erased, and how.

    Arguments:
        kinds: The classes that are erased, as `is_meant` takes them.
        boxes: The file or folder of the boxes, as `read_boxes` reads it.
        boxes_sha256: The SHA-256 of the boxes.
        fill: What is put in their place.
        plan: How boxes grow, and how many decoys there are.

    Raises:
        ValueError: There are to be decoys only, and faces or plates among the kinds: they would be shown.
    """

    kinds: tuple[str, ...]
    boxes: Path = field(metadata=NO_MATTER)
    boxes_sha256: str
    fill: FillSettings
    plan: Plan

    def __post_init__(self) -> None:
        if self.plan.decoys_only and self.is_strict:
            raise ValueError("`kinds`: with decoys only, faces and plates would stay as they are; name signs, as sign")

    @property
    def is_strict(self) -> bool:
        """Whether each picture must be named, and each box be sound: what is left out would show somebody."""
        return not {FACE, PLATE}.isdisjoint(self.kinds)

    def read(self) -> tuple[Annotations, Faults]:
        """The boxes, and what is wrong with some of them.

        Raises:
            ValueError: The file cannot be understood, or a box is wrong where all count.
            OSError: It cannot be read.
        """
        faults = Faults()
        return read_boxes(self.boxes, faults=None if self.is_strict else faults), faults


@dataclass(frozen=True)
class EraseFiles:
    """An erasure from file to file, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        erasing: What is erased, and how.
        writing: How pictures are written.
        weights: The SHA-256 of the weights of the fill, by their names.
    """

    erasing: Erasing
    writing: Writing
    weights: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes a picture without what is erased, and returns what is known of it, its boxes and decoys among it.

        Raises:
            ValueError: It is a video, the boxes do not fit it, or there is no room for the decoys.
            OSError: A file cannot be read or written.
        """
        if is_video(source):
            raise ValueError("a file of boxes tells of no frames of a video; leave videos out")
        scene: list[Scene] = []

        def make(picture: PictureFile, seed: int) -> Made:
            height, width, _ = picture.shape
            scene.append(scene_of(self.erasing, source, (width, height), self.seed))
            pixels = picture.rows(0, height)
            rectangles = covers(scene[0].holes(self.erasing.plan.mask_scale), height, width)
            filled = load_fill(self.erasing.fill)(pixels, rectangles, seed)
            metadata = without_pictures(picture.about.metadata.under(self.writing.metadata))
            masked = float(mask_of(rectangles, height, width).mean())
            numbers = {**scene[0].numbers, "masked_percent": round(100 * masked, 3)}
            return Made(replace(picture.about, pixels=filled, metadata=metadata), numbers=lambda: numbers)

        told = self.writing(make, source, target)
        left_out = [name for name in told["left_out"] if name != BEHIND] + lost(source)
        return {"recipe": self.recipe, **told, "left_out": left_out, **scene[0].told()}

    @property
    def seed(self) -> int:
        return self.writing.seed

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        settings = asdict(self.erasing)
        return {"settings": {**settings, "boxes": str(self.erasing.boxes)}, "writing": self.writing.settings}

    @property
    def recipe(self) -> str:
        """By what a result of the same settings, boxes, weights and seed is known."""
        return recipe_of(self.erasing, self.writing.settings, dict(self.weights), self.seed)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        return is_told(result) and is_result_of(self.recipe, job.source, result)


@dataclass(frozen=True)
class Scene:
    """What is erased of a picture and what is not, and its decoys.

    Arguments:
        size: The width and height of the picture.
        regions: All regions in it, each with the attributes `ERASED` and ``decoy``.
        filled: Those of them that are filled now.
        faults: What is wrong with boxes, as `nflows_privacy.annotations.placing.placed` says it.
    """

    size: tuple[int, int]
    regions: tuple[Region, ...]
    filled: tuple[Region, ...]
    faults: tuple[tuple[str, str], ...]

    def holes(self, mask_scale: float) -> list[Region]:
        """What is filled, grown."""
        return [replace(one, box=one.box.grown(mask_scale)) for one in self.filled]

    @property
    def numbers(self) -> dict[str, int]:
        decoys = sum(one.kind == DECOY for one in self.filled)
        return {"erased": len(self.filled) - decoys, "decoys": decoys}

    def told(self) -> dict[str, Any]:
        """What of it stands in a log: what is filled, as the report shows it, and all boxes."""
        return {
            "regions": [one.to_json() for one in self.filled],
            "boxes": [one.to_json() for one in self.regions],
            "faults": [list(fault) for fault in self.faults],
        }


def is_hole(region: Region) -> bool:
    """Whether a region of a redacted picture was filled: a box that was erased, or a decoy."""
    known = dict(region.attributes)
    return "1" in (known.get(ERASED), known.get(DECOY))


def missing_pictures(annotations: Annotations, pictures: Sequence[Path]) -> Iterator[str]:
    """The names of pictures with boxes that none of these pictures is; a name that may mean several is left to them."""
    found = set()
    for picture in pictures:
        try:
            found.add(annotations.find(picture))
        except ValueError:  # which the picture itself will say
            continue
    return (name for name, one in annotations.pictures.items() if name not in found and one.regions)


def erased_rows(done: Sequence[Outcome], folder: Path, annotations: Annotations) -> Iterator[dict[str, Any]]:
    """The rows of a table of all boxes and decoys in the redacted pictures, which `read_boxes` reads again."""
    columns = (*_MARKS, *(name for name in annotations.attributes if name not in _MARKS))
    for outcome in done:
        result = outcome.result or {}
        regions = [Region.from_json(one) for one in result.get("boxes", ())]
        size = dict(zip(SIZE, result["new_size"].split(" x "), strict=True))
        for row in rows_of(outcome.job.target.relative_to(folder).as_posix(), regions, columns):
            yield {**row, **size}


def scene_of(erasing: Erasing, source: Path, size: tuple[int, int], seed: int) -> Scene:
    """What is erased of a picture of this width and height, and its decoys, which its name and the seed decide.

    Raises:
        ValueError: The boxes do not fit it, or there is no room for the decoys.
        OSError: The picture or the boxes cannot be read.
    """
    annotations, holes = _kept((erasing.boxes, erasing.boxes_sha256, erasing.kinds))
    if erasing.is_strict:
        annotations.check([source])
    name = annotations.find(source)
    marked = Marked(()) if name is None else annotations.pictures[name]
    found = placed(marked, *size, orientation_of(source))
    meant = [region for region in found.regions if is_meant(region, erasing.kinds)]
    erased = [] if erasing.plan.decoys_only else meant
    regions = [_marked(region, region in erased) for region in found.regions]
    filled = [_marked(region, True) for region in erased]
    if erasing.plan.decoys:
        kept = [region.box for region in found.regions]
        boxes = holes.decoys(name, erased, kept, size, erasing.plan, decoy_seed(seed, source.name))
        decoys = [Region(box, DECOY, attributes=((ERASED, "0"), (DECOY, "1"))) for box in boxes]
        regions, filled = [*regions, *decoys], [*filled, *decoys]
    return Scene(size, tuple(regions), tuple(filled), found.faults)


def _marked(region: Region, is_erased: bool) -> Region:
    """The region, and whether it was filled, now or in a run before that its table tells of."""
    known = dict(region.attributes)
    marks = ((ERASED, "1" if is_erased else known.pop(ERASED, "0")), (DECOY, known.pop(DECOY, "0")))
    return replace(region, attributes=(*marks, *((name, word) for name, word in known.items() if name != ERASED)))


@keeps_one
def _kept(source: tuple[Path, str, tuple[str, ...]]) -> tuple[Annotations, Holes]:
    """The boxes of a file with this SHA-256, kept by each process of a cluster."""
    path, _, kinds = source
    strict = not {FACE, PLATE}.isdisjoint(kinds)
    annotations = read_boxes(path, faults=None if strict else Faults())
    return annotations, Holes.of(annotations, kinds)
