"""Pictures with boxes, as a detector is trained on them: crops of all sizes, and what a camera does to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.runtime.images import read_picture
from nflows_privacy.rgb import as_rgb
from nflows_privacy.training import views
from nflows_privacy.training.augmentation import photographed
from nflows_privacy.training.cells import IGNORED, assign, cells
from nflows_privacy.training.network import STRIDES
from nflows_privacy.training.settings import Augmentation
from nflows_privacy.training.task import Crop
from nflows_privacy.training.views import GREY, Pixels, View

_ABOUT_A_BOX = 0.7
"""The part of the crops, of pictures with boxes, that have one in them for sure."""
_AROUND = 1.3
"""The side of a piece that is put into a crop, in sides of the box in its middle."""
_KEPT = 2**29
"""Bytes of the pictures that are kept after they were read, those that were used last: reading one takes longer than
all that is done to a crop."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with boxes.

    Arguments:
        path: The file of the picture.
        boxes: The boxes :math:`(M, 4)` in pixels.
        labels: The number of the class of each, :math:`(M,)`, or `IGNORED`.
        mirrored: The number of the class that each has in a mirror, `NO_MIRROR`, or `IGNORED` as before.
        height: The height of the upright picture.
        width: Its width.
    """

    path: Path
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    mirrored: NDArray[np.int64]
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class RandomViews:
    """Parts of pictures at random scales and places, turned, flipped and joined, as yet without what a camera does.

    Arguments:
        scenes: The pictures.
        augmentation: What is done to them.
        pixels: The function that reads a picture in RGB.
        thing: The function that draws a picture, and the number of a box in it, to put into another; none if there is
            none.
    """

    scenes: Sequence[Scene]
    augmentation: Augmentation
    pixels: Callable[[Scene], Pixels]
    thing: Callable[[np.random.Generator], tuple[Scene, int] | None]

    def view(self, first: Scene, size: tuple[int, int], generator: np.random.Generator) -> View:
        """A view of a picture, maybe with parts of others.

        Arguments:
            first: The picture.
            size: The width and height of the view in pixels.
            generator: The source of all that is random.
        """
        chosen = self.augmentation
        # A view of one row or column has no quarters; what is drawn of others is the same.
        if chosen.mosaic and generator.random() < chosen.mosaic and min(size) > 1:
            others = generator.integers(len(self.scenes), size=3)
            scenes = [first, *(self.scenes[number] for number in others)]
            parts = zip(scenes, _quarters(*size), strict=True)
            view = views.mosaic([self._part(scene, quarter, generator) for scene, quarter in parts])
        else:
            view = self._part(first, size, generator)
        for _ in range(generator.poisson(chosen.pasted) if chosen.pasted else 0):
            view = self._with_another(view, generator)
        if chosen.turn:
            view = views.turned(view, generator.uniform(-chosen.turn, chosen.turn))
        return _flipped(view, chosen, generator)

    def _scale(self, generator: np.random.Generator) -> float:
        least, most = self.augmentation.scales
        return float(np.exp(generator.uniform(np.log(least), np.log(most))))

    def _part(self, scene: Scene, size: tuple[int, int], generator: np.random.Generator) -> View:
        """A part of a picture at a random scale, about a box or anywhere."""
        scale = self._scale(generator)
        left, top = _corner(scene, size[0] / scale, size[1] / scale, generator)
        return views.window(self._whole(scene), left, top, scale, size)

    def _with_another(self, view: View, generator: np.random.Generator) -> View:
        """The view with a thing of any picture put where no box is, or a piece of the background, as often.

        So that how a piece was put there tells nothing.
        """
        drawn = self.thing(generator)
        if drawn is None:
            return view
        scene, box = drawn
        left, top, right, bottom = scene.boxes[box]
        own = _AROUND * max(right - left, bottom - top)
        x, y = (left + right - own) / 2, (top + bottom - own) / 2
        if generator.random() < 0.5:
            x, y = _between(0, scene.width - own, generator), _between(0, scene.height - own, generator)
        scale = self._scale(generator)
        side = max(round(own * scale), 1)
        height, width = view.pixels.shape[:2]
        if side > min(width, height) // 2:
            return view
        piece = views.square(self._whole(scene), x, y, scale, side)
        piece = replace(piece, pixels=photographed(piece.pixels, generator))
        column, row = (int(generator.integers(edge - side + 1)) for edge in (width, height))
        return views.joined(view, piece, column, row)

    def _whole(self, scene: Scene) -> View:
        return View(self.pixels(scene), scene.boxes, scene.labels, scene.mirrored)


@dataclass(frozen=True, eq=False)
class RandomCrops:
    """Crops of one side, at random scales and places, photographed anew; each picture has as many as fit into it.

    Arguments:
        scenes: The pictures.
        side: The side of the crops in pixels.
        augmentation: What is done to them.
    """

    scenes: Sequence[Scene]
    side: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    _pictures: OrderedDict[Path, Pixels] = field(default_factory=OrderedDict, init=False, repr=False)

    @cached_property
    def _scene(self) -> NDArray[np.intp]:
        """The number of the picture of each crop."""
        counts = [crops_of(scene.height, scene.width, self.side) for scene in self.scenes]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def _marked(self) -> NDArray[np.intp]:
        """The number of the picture of each box that should be found, and of the box in it, :math:`(K, 2)`."""
        pairs = [(number, box) for number, scene in enumerate(self.scenes) for box in np.flatnonzero(scene.labels >= 0)]
        return np.array(pairs, dtype=np.intp).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._scene)

    def read(self, index: int, seed: int) -> Crop:
        generator = np.random.default_rng(seed)
        drawing = RandomViews(self.scenes, self.augmentation, self._pixels, self._thing)
        view = drawing.view(self.scenes[self._scene[index]], (self.side, self.side), generator)
        pixels = photographed(view.pixels, generator) if self.augmentation.photographed else view.pixels
        return _crop(pixels, view.boxes, view.labels)

    def _thing(self, generator: np.random.Generator) -> tuple[Scene, int]:
        number, box = self._marked[generator.integers(len(self._marked))]
        return self.scenes[number], int(box)

    def _pixels(self, scene: Scene) -> Pixels:
        """The picture, from memory if it was used not long ago."""
        kept = self._pictures
        if scene.path not in kept:
            kept[scene.path] = pixels_of(scene)
            while len(kept) > 1 and sum(pixels.nbytes for pixels in kept.values()) > _KEPT:
                kept.popitem(last=False)
        kept.move_to_end(scene.path)
        return kept[scene.path]


@dataclass(frozen=True, eq=False)
class WholeScenes:
    """Whole pictures, filled up to a multiple of the largest stride."""

    scenes: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.scenes)

    def read(self, index: int, seed: int) -> Crop:
        scene = self.scenes[index]
        return _crop(padded(pixels_of(scene)), scene.boxes, scene.labels)


def crops_of(height: int, width: int, side: int) -> int:
    """The number of crops that a picture has in an epoch: as many as fit into it."""
    return max(1, height * width // side**2)


def pixels_of(scene: Scene) -> Pixels:
    """The picture in RGB, 8 bits."""
    return as_rgb(read_picture(scene.path).pixels)


def padded(pixels: Pixels) -> Pixels:
    """The picture with grey at its right and lower edge, so that its sides divide by the largest stride."""
    height, width = (-side % STRIDES[-1] for side in pixels.shape[:2])
    return np.pad(pixels, ((0, height), (0, width), (0, 0)), constant_values=GREY)


def _flipped(view: View, chosen: Augmentation, generator: np.random.Generator) -> View:
    """The view, or its mirror image."""
    if chosen.flips == "mirrors":
        return views.mirrored(view) if generator.random() < 0.5 and view.has_mirror_image else view
    for axis in ("across", "down") if chosen.flips == "all" else ():
        view = views.flipped(view, axis) if generator.random() < 0.5 else view
    return view


def _quarters(width: int, height: int) -> list[tuple[int, int]]:
    """The widths and heights of four parts that fill a view, row after row."""
    return [(x, y) for y in (height // 2, height - height // 2) for x in (width // 2, width - width // 2)]


def _corner(scene: Scene, across: float, down: float, generator: np.random.Generator) -> tuple[float, float]:
    """The corner of a part of this width and height: about a box, or anywhere in the picture."""
    boxes = scene.boxes[scene.labels != IGNORED]
    if len(boxes) and generator.random() < _ABOUT_A_BOX:
        left, top, right, bottom = boxes[generator.integers(len(boxes))]
        return _between(right - across, left, generator), _between(bottom - down, top, generator)
    return _between(0, scene.width - across, generator), _between(0, scene.height - down, generator)


def _between(first: float, second: float, generator: np.random.Generator) -> float:
    return float(generator.uniform(min(first, second), max(first, second)))


def _crop(pixels: Pixels, boxes: NDArray[np.float32], labels: NDArray[np.int64]) -> Crop:
    found, targets = assign(torch.from_numpy(boxes), torch.from_numpy(labels), cells(*pixels.shape[:2]))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))), found, targets
