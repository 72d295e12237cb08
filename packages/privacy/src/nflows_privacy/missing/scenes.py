"""Scenes of which it is known which sign was erased, or that none was: what a categoriser learns from.

A folder of them has two folders of ``nflows privacy redact --boxes``, `ERASED_PART` and `STANDING_PART`, and a table
`TABLE` with a row for each picture of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nflows_core.runtime.report import read_csv
from nflows_privacy.annotations.annotated import Marked
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.drives.frames import DRIVE, FRAME, Frame, number_of
from nflows_privacy.evaluation.erased_places import SceneHoles
from nflows_privacy.masks import Rectangle, cover
from nflows_privacy.redaction.decoys import DECOY, features_of
from nflows_privacy.redaction.erasing import ERASED, is_hole
from nflows_privacy.regions import Box, Region

TABLE, BOXES = "scenes.csv", "boxes.csv"
ERASED_PART, STANDING_PART = "missing", "standing"
"""The folders of scenes whose signs were erased, and of those with nothing but decoys."""
COLUMNS = ("image", "source", "missing", "context", "group", DRIVE, FRAME, "mask_scale")
"""The columns of `TABLE`."""


@dataclass(frozen=True)
class Scene:
    """A scene of which it is known what was erased.

    Arguments:
        path: The file of the picture.
        name: Its path below the folder of the scenes, with slashes.
        source: The name of the original, which is the same of the scene with and without its signs.
        is_missing: Whether a sign is missing.
        context: The class that the road asks for, whether its sign is missing or stands; none if there is none or
            nobody knows.
        group: What scenes share that no split may divide.
        frame: The frame of a drive that it is; that with and that without its signs are the same one.
        holes: The places that were filled, of erased boxes and of decoys.
        is_erased: Whether each of them hid a sign.
        standing: The signs that stand there.
        size: The width and height of the picture.
        erased: The signs that stand in the original and were erased.
    """

    path: Path
    name: str
    source: str
    is_missing: bool
    context: str | None
    group: str
    frame: Frame
    holes: tuple[Rectangle, ...]
    is_erased: tuple[bool, ...]
    standing: tuple[Region, ...]
    size: tuple[int, int]
    erased: tuple[Region, ...] = ()

    @property
    def signs(self) -> tuple[Region, ...]:
        """The signs that stand in the original."""
        return tuple(_unmarked(one) for one in (*self.erased, *self.standing))


def read_scenes(folder: Path) -> list[Scene]:
    """The scenes of a folder that ``missing_signs erase`` made, in the order of its table.

    Coordinates of boxes stand in tables to a hundredth of a pixel, outwards: where boxes are no whole pixels, a hole
    may be read a row or a column larger than what was filled, and never smaller.

    Raises:
        ValueError: A table is missing or is not that of such a folder, or pictures are gone.
        OSError: A file cannot be read.
    """
    table = folder / TABLE
    if not table.is_file():
        raise ValueError(f"{folder}: has no {TABLE}; give the folder that `missing_signs erase` made")
    rows = read_csv(table)
    if not rows or (lost := [name for name in COLUMNS if name not in rows[0]]):
        what = f"lacks the columns {', '.join(lost)}" if rows else "has no rows"
        raise ValueError(f"{table}: {what}; make the scenes again, by `missing_signs erase`")
    _check_there(folder, [row["image"] for row in rows])
    marked = {part: _marked(folder, part) for part in sorted({_part(table, row) for row in rows})}
    return [_scene(folder, row, marked) for row in rows]


def scene_holes(scenes: Iterable[Scene]) -> Iterator[SceneHoles]:
    """The holes of scenes as `nflows_privacy.evaluation.erased_places.place_accuracy` takes them.

    Those of which no sign was erased, or nobody knows which one the road asks for, are left out.
    """
    for scene in scenes:
        if scene.is_missing and any(scene.is_erased) and scene.context is not None:
            boxes = [Box(hole.left, hole.top, hole.right, hole.bottom) for hole in scene.holes]
            features = features_of(np.array(boxes, dtype=np.float64))
            yield SceneHoles(scene.context, features, np.array(scene.is_erased), scene.group)


def _part(table: Path, row: Mapping[str, str]) -> str:
    """The folder of a picture."""
    part = PurePosixPath(row["image"]).parts[0] if row["image"] else ""
    if part not in (ERASED_PART, STANDING_PART):
        raise ValueError(f"{table}: expected pictures in {ERASED_PART} or {STANDING_PART}, got {row['image']!r}")
    return part


def _check_there(folder: Path, names: list[str]) -> None:
    gone = [name for name in names if not (folder / name).is_file()]
    if gone:
        raise ValueError(
            f"{folder}: {gone[0]} is not there ({len(gone)} of {len(names)} pictures are gone); make the scenes again,"
            " by `missing_signs erase`"
        )


def _marked(folder: Path, part: str) -> Mapping[str, Marked]:
    path = folder / part / BOXES
    if not path.is_file():
        raise ValueError(f"{path}: is not there; make the scenes again, by `missing_signs erase`")
    return read_boxes(path).pictures


def _scene(folder: Path, row: Mapping[str, str], marked: Mapping[str, Mapping[str, Marked]]) -> Scene:
    name = row["image"]
    part, _, below = name.partition("/")
    found = marked[part].get(below)
    if found is None or found.size is None:
        raise ValueError(f"{folder / part / BOXES}: says nothing of {below}, or no size; make the scenes again")
    try:
        missing, scale, frame = _flag(row["missing"]), float(row["mask_scale"]), _frame(name, row)
    except ValueError as error:
        raise ValueError(f"{folder / TABLE}: {name}: {error}; make the scenes again") from error
    holes = _holes(found.regions, scale, found.size)
    return Scene(
        path=folder / name,
        name=name,
        source=row["source"],
        is_missing=missing,
        context=row["context"] or None,
        group=row["group"],
        frame=frame,
        holes=tuple(place for place, _ in holes),
        is_erased=tuple(erased for _, erased in holes),
        standing=tuple(one for one in found.regions if not is_hole(one)),
        size=found.size,
        erased=tuple(one for one in found.regions if _is_erased(one)),
    )


def _holes(regions: Iterable[Region], scale: float, size: tuple[int, int]) -> list[tuple[Rectangle, bool]]:
    width, height = size
    filled = ((cover(one.box.grown(scale), height, width), one) for one in regions if is_hole(one))
    return [(place, _is_erased(one)) for place, one in filled if place is not None]


def _is_erased(region: Region) -> bool:
    return dict(region.attributes).get(ERASED) == "1"


def _unmarked(region: Region) -> Region:
    """A sign as the table of the original has it."""
    return replace(region, attributes=tuple(one for one in region.attributes if one[0] not in (ERASED, DECOY)))


def _frame(name: str, row: Mapping[str, Any]) -> Frame:
    return Frame(name, row[DRIVE] or None, number_of(row[FRAME]) if row[FRAME] else None)


def _flag(cell: str) -> bool:
    if cell not in ("0", "1"):
        raise ValueError(f"expected 0 or 1 in `missing`, got {cell!r}")
    return cell == "1"
