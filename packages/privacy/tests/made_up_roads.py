"""Made-up road scenes with a warning sign: traffic on the left, as in India, and the road alone shows what it warns of.

All that varies is drawn before the kind of scene is looked at: one state of a generator gives every kind the same
sign at the same place, and the same colours, light and things along the road.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from made_up_ground import WIDTH, Pixels
from made_up_road_layouts import KINDS, NOTHING, Layout, draw_layout
from made_up_road_painting import paint_scene
from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.regions import Box, Region

__all__ = ["KINDS", "NOTHING", "Road", "draw_drive", "draw_road", "write_roads"]

_MIRRORS = {"left-hand-curve": "right-hand-curve", "side-road-left": "side-road-right"}
_MIRRORS |= {mirror: kind for kind, mirror in _MIRRORS.items()}
_COMING_NEAR, _STEP = 10, 2.5  # the frames of a drive that show a place, and the metres between them


@dataclass(frozen=True)
class Road:
    """A made-up picture of a road.

    Arguments:
        pixels: The picture, RGB, :math:`(256, 448, 3)`.
        kind: One of `KINDS`, `NOTHING`, or ``side-road-right``, which only a mirror makes.
        box: The place of the sign; a road of nothing has none.
        place: The number of the place that a drive comes near to.
    """

    pixels: Pixels
    kind: str
    box: Box | None = None
    place: int | None = None

    def mirrored(self) -> Road:
        """The road in a mirror, where traffic keeps to the right and a side road from the left is none of `KINDS`."""
        box = self.box and Box(WIDTH - self.box.right, self.box.top, WIDTH - self.box.left, self.box.bottom)
        kind = _MIRRORS.get(self.kind, self.kind)
        return replace(self, pixels=np.ascontiguousarray(self.pixels[:, ::-1]), kind=kind, box=box)


def draw_road(kind: str, generator: np.random.Generator) -> Road:
    """A scene of one of `KINDS`, or of `NOTHING`: a straight road without a sign.

    Raises:
        ValueError: There is no such kind.
    """
    if kind not in (*KINDS, NOTHING):
        raise ValueError(f"kind: expected one of {', '.join((*KINDS, NOTHING))}, got {kind}")
    pixels, box = paint_scene(kind, draw_layout(generator))
    return Road(pixels, kind, box)


def draw_drive(kinds: Sequence[str], generator: np.random.Generator, frames: int = 200) -> list[Road]:
    """The frames of a drive past places of these kinds, as far from each other; between them the road shows nothing.

    A place is in ten frames, in which its sign and all that stands grow.

    Raises:
        ValueError: There is no place, or there are fewer than ten frames for each.
    """
    if not kinds or frames < _COMING_NEAR * len(kinds):
        raise ValueError(f"frames: expected {_COMING_NEAR} for each of at least 1 place, got {frames} of {len(kinds)}")
    bounds = np.linspace(0, frames, len(kinds) + 1).astype(int).tolist()
    drive = []
    for place, kind in enumerate(kinds):
        layout, count = draw_layout(generator), bounds[place + 1] - bounds[place]
        drive += [_frame(layout, kind, place, left) for left in reversed(range(count))]
    return drive


def write_roads(folder: Path, kinds: Mapping[str, int], seed: int) -> Path:
    """Writes so many scenes of each kind: ``images``, ``scenes.csv``, and ``boxes.csv``, whose path it gives."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    boxes, scenes = [], []
    for index, kind in enumerate(kind for kind, count in kinds.items() for _ in range(count)):
        name, road = f"{index:05}.png", draw_road(kind, generator)
        Image.fromarray(road.pixels).save(folder / "images" / name)
        boxes += rows_of(name, [Region(road.box, kind)] if road.box else [])
        scenes.append({"image": name, "context": "" if kind == NOTHING else kind})
    write_csv(folder / "boxes.csv", boxes)
    write_csv(folder / "scenes.csv", scenes)
    return folder / "boxes.csv"


def _frame(layout: Layout, kind: str, place: int, left: int) -> Road:
    """The frame of a drive after which so many are left to the place."""
    is_near = left < _COMING_NEAR
    is_divided = layout.is_divided or kind == "gap-in-median"
    ahead = replace(layout, view=replace(layout.view, before=left * _STEP), is_divided=is_divided)
    pixels, box = paint_scene(kind if is_near else NOTHING, ahead, left)
    return Road(pixels, kind if is_near else NOTHING, box, place if is_near else None)
