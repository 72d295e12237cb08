"""Boxes that were found in pictures beside those of a person: mean average precision by class and by width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from nflows_core.runtime.files import sha256
from nflows_core.runtime.ownership import claim_folder
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import REPORT_FILES, write_csv, write_report
from nflows_privacy.annotations.folder import FoundFolder, paths_by_source
from nflows_privacy.annotations.groups import group_of
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.detection import DetectorSettings, load_detector
from nflows_privacy.detection.trained import classes_in
from nflows_privacy.regions import Region, boxes_array
from nflows_privacy.training.data import Source, classes_of, read_scenes
from nflows_privacy.training.report import sheet, trade
from nflows_privacy.training.scenes import Scene, pixels_of
from nflows_privacy.training.settings import NetworkSettings
from nflows_privacy.training.testing import LOWEST, WIDTHS, Tested, judged

KIND = "evaluation of boxes"
_TABLE = "measures.csv"
RESULTS = (_TABLE, *REPORT_FILES)
"""What `write_judgement` writes."""

_NAMED = 3
_READINGS = {
    "mAP50": "COCO's average precision at IoU .5, of all the mean of the classes; it needs no threshold",
    "mAP50_95": "the same, the mean of IoU .5, .55, ..., .95",
    "found, false, precision, recall": "of the boxes from the threshold on, by IoU .5",
    "boxes": "how many a person has marked: n of a recall and of an average precision; that of a precision is found and"
    " false",
    "width": "in pixels: boxes of other widths are neither looked for nor false",
}

Finder = Callable[[Scene], Sequence[Region]]


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was found in pictures, and what is there.

    Arguments:
        classes: The names of the classes.
        scenes: The pictures with the boxes that are there.
        found: The regions that were found in each picture, each of the kind that it counts as.
    """

    classes: tuple[str, ...]
    scenes: Sequence[Scene]
    found: Sequence[Sequence[Region]]

    @property
    def tested(self) -> Tested:
        """What was found beside what is there."""
        pairs = zip(self.scenes, self.found, strict=True)
        return Tested(self.classes, [judged(scene, *self._arrays(found), len(self.classes)) for scene, found in pairs])

    def rows(self, threshold: float) -> list[dict[str, object]]:
        """The rows of `Tested` for boxes of all widths, and for those of each range of `WIDTHS`."""
        parts = {"all": (tested := self.tested)}
        for least, most in WIDTHS:
            name = f"{least:g} to {most:g}" if np.isfinite(most) else f"{least:g} or more"
            parts[name] = tested.of_width(least, most)
        return [{"width": name, **row} for name, part in parts.items() for row in part.rows(threshold)]

    @property
    def lowest(self) -> float | None:
        """The lowest score of a box; below it, an average precision knows of none."""
        return min((region.score for region in chain.from_iterable(self.found)), default=None)

    @property
    def others(self) -> dict[str, int]:
        """How many boxes are of kinds that nobody marked, by the kind: they do not count."""
        kinds = Counter(region.kind for region in chain.from_iterable(self.found))
        return {kind: count for kind, count in sorted(kinds.items()) if kind not in self.classes}

    def _arrays(self, found: Sequence[Region]) -> tuple[Any, Any, Any]:
        """Boxes, scores and the numbers of the classes."""
        counted = [region for region in found if region.kind in self.classes]
        numbers = np.array([self.classes.index(region.kind) for region in counted], np.int64)
        return boxes_array(counted), np.array([region.score for region in counted]), numbers


def marked_scenes(
    pictures: Path, boxes: Path, classes: Sequence[str] = (), groups: bool = False
) -> tuple[tuple[str, ...], Sequence[Scene]]:
    """What counts, and the pictures of a folder with what a person has marked of it.

    Arguments:
        pictures: The folder of the pictures.
        boxes: The boxes of a person, of any format that `read_boxes` reads.
        classes: The classes that count; by default all that the person has marked.
        groups: Whether they are groups of classes.

    Raises:
        DataError: The pictures or the boxes cannot be used.
    """
    source = Source(boxes, pictures)
    wanted = tuple(classes) or classes_of(source, groups)
    return wanted, read_scenes(source, NetworkSettings(wanted, groups=groups)).scenes


def judge(
    scenes: Sequence[Scene],
    classes: tuple[str, ...],
    found: Path,
    *,
    groups: bool = False,
    device: str = "auto",
    told: Callable[[str], object] = lambda name: None,
) -> Judgement:
    """Reads what was found in pictures, or looks.

    Arguments:
        scenes: The pictures with the boxes that are there.
        classes: The classes that count.
        found: What found something: a folder of ``nflows privacy detect``, any file or folder of boxes with scores that
            `read_boxes` reads, or a run folder, whose detector then looks.
        groups: Whether the classes are groups of those that were found.
        device: The device on which a run looks.
        told: Gets the name of each picture that is done.

    Raises:
        ValueError: Nothing is said of some of the pictures, no box is of one of the classes, or none has a score.
        OSError: A file cannot be read.
    """
    find, regions = _finder(found, scenes, device), []
    for scene in scenes:
        regions.append([_of_group(region, classes) if groups else region for region in find(scene)])
        told(scene.path.name)
    _check(regions, found, classes)
    return Judgement(classes, scenes, regions)


def write_judgement(
    judgement: Judgement, folder: Path, threshold: float, inputs: Mapping[str, Path], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes ``report.json``, ``report.html`` and the table; the page shows some of the pictures.

    Arguments:
        judgement: What was found and what is there.
        folder: Where they go; it is made if it is missing.
        threshold: The score from which on a box counts where boxes are counted.
        inputs: The files and folders that were read, by name.
        settings: What a person has set.

    Returns:
        The content of ``report.json``.

    Raises:
        FileExistsError: The folder holds files that are not of such an evaluation.
        OSError: A file cannot be written.
    """
    claim_folder(folder, KIND, RESULTS)
    rows, tested = judgement.rows(threshold), judgement.tested
    summary = tested.rows(threshold)[-1]
    report = write_report(
        folder,
        "Boxes measured",
        {
            "pictures": len(judgement.scenes),
            **{name: value for name, value in summary.items() if name != "class"},
            "lowest_score": judgement.lowest,
            "boxes_of_other_classes": judgement.others,
            "settings": {**settings, "threshold": threshold, "classes": list(judgement.classes)},
            "readings": _READINGS,
        },
        inputs=inputs,
        tables=[Table(f"Boxes, counted from a score of {threshold} on", rows)],
        curves=[trade(tested)],
        sheets=[sheet("Pictures", tested, judgement.scenes, threshold)],
        packages=["nflows-privacy", "torchvision"],
    )
    write_csv(folder / _TABLE, rows)
    return report


def _finder(found: Path, scenes: Sequence[Scene], device: str) -> Finder:
    """What tells of the boxes in a picture; refuses what does not tell of all."""
    if found.is_dir() and classes_in(found):
        detector = load_detector(DetectorSettings((str(found.absolute()),), LOWEST, device))
        return lambda scene: detector(pixels_of(scene))
    if found.is_dir() and (paths := paths_by_source(found, {})):
        digests = {scene.path: sha256(scene.path) for scene in scenes}
        _refuse_lacking(found, [scene for scene in scenes if digests[scene.path] not in paths])
        folder = FoundFolder(found)
        return lambda scene: folder.found(scene.path, digests[scene.path]).regions
    annotations = read_boxes(found)
    _refuse_lacking(found, [scene for scene in scenes if annotations.find(scene.path) is None])
    return lambda scene: annotations.regions(scene.path, scene.width, scene.height)


def _refuse_lacking(found: Path, lacking: Sequence[Scene]) -> None:
    if lacking:
        names = ", ".join(scene.path.name for scene in lacking[:_NAMED])
        more = ", …" if len(lacking) > _NAMED else ""
        raise ValueError(f"`found`: {found} tells nothing of {len(lacking)} pictures: {names}{more}; detect there too")


def _of_group(region: Region, groups: Sequence[str]) -> Region:
    """The region as one of its group, if it is of a class."""
    kind = region.kind if region.kind in groups else group_of(region) or region.kind
    return Region(region.box, kind, region.score)


def _check(regions: Sequence[Sequence[Region]], found: Path, classes: Sequence[str]) -> None:
    """Refuses boxes of other classes alone, and boxes without scores."""
    kinds = sorted({region.kind for region in chain.from_iterable(regions)})
    if kinds and not set(kinds) & set(classes):
        few = ", ".join(kinds[:_NAMED]) + (", …" if len(kinds) > _NAMED else "")
        raise ValueError(f"`classes`: {found} finds {few}, and none of {', '.join(classes)}; give classes that agree")
    if kinds and all(score == 1 for score in _scores(regions)):
        raise ValueError(f"`found`: {found} has no scores, by which boxes are ranked; give boxes that a detector found")


def _scores(regions: Sequence[Sequence[Region]]) -> Iterator[float]:
    return (region.score for region in chain.from_iterable(regions))
