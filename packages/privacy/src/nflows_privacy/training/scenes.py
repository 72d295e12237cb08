"""Pictures with boxes, as a detector is trained on them: crops of all sizes, and what a camera does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, read_picture
from nflows_privacy.training.augmentation import photographed
from nflows_privacy.training.cells import IGNORED, assign, cells
from nflows_privacy.training.network import STRIDES
from nflows_privacy.training.task import Crop

Pixels = NDArray[np.uint8]

_SMALLEST, _LARGEST = 0.5, 2.0
"""The factors by which a picture is scaled at most before it is cropped."""
_ABOUT_A_BOX = 0.7
"""The part of the crops, of pictures with boxes, that have one in them for sure."""
_VISIBLE = 0.5
"""The part of a box that is left in a crop, at least, of one that should be found; less of it does not count."""
_THINNEST = 4
"""The least side in pixels of a box that should be found in a crop; one that is thinner does not count."""
_EMPTY = 114  # grey, where a crop reaches out of its picture


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with boxes.

    Arguments:
        path: The file of the picture.
        boxes: The boxes :math:`(M, 4)` in pixels.
        labels: The number of the class of each, :math:`(M,)`, or `IGNORED`.
        height: The height of the upright picture.
        width: Its width.
    """

    path: Path
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class RandomCrops:
    """Crops of one side, at random scales and places, photographed anew; each picture has as many as fit into it.

    Arguments:
        scenes: The pictures.
        side: The side of the crops in pixels.
        mirrors: The number of the class that each is in a mirror, or `IGNORED` of one that is none.
    """

    scenes: Sequence[Scene]
    side: int
    mirrors: Sequence[int]

    @cached_property
    def _scene(self) -> NDArray[np.intp]:
        """The number of the picture of each crop."""
        counts = [max(1, scene.height * scene.width // self.side**2) for scene in self.scenes]
        return np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        return len(self._scene)

    def read(self, index: int, seed: int) -> Crop:
        generator = np.random.default_rng(seed)
        scene = self.scenes[self._scene[index]]
        scale = float(np.exp(generator.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
        left, top = _corner(scene, self.side / scale, generator)
        pixels = cropped(pixels_of(scene), left, top, scale, self.side)
        boxes, labels = _moved(scene, left, top, scale, self.side)
        if generator.random() < 0.5 and all(self.mirrors[label] != IGNORED for label in labels if label != IGNORED):
            pixels, boxes, labels = _flipped(pixels, boxes, labels, self.mirrors)
        return _crop(photographed(pixels, generator), boxes, labels)


@dataclass(frozen=True, eq=False)
class WholeScenes:
    """Whole pictures, filled up to a multiple of the largest stride."""

    scenes: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.scenes)

    def read(self, index: int, seed: int) -> Crop:
        scene = self.scenes[index]
        return _crop(padded(pixels_of(scene)), scene.boxes, scene.labels)


def pixels_of(scene: Scene) -> Pixels:
    """The picture in RGB, 8 bits."""
    return _as_rgb(read_picture(scene.path))


def padded(pixels: Pixels) -> Pixels:
    """The picture with grey at its right and lower edge, so that its sides divide by the largest stride."""
    height, width = (-side % STRIDES[-1] for side in pixels.shape[:2])
    return np.pad(pixels, ((0, height), (0, width), (0, 0)), constant_values=_EMPTY)


def cropped(pixels: Pixels, left: float, top: float, scale: float, side: int) -> Pixels:
    """A square of a picture that was scaled, with grey where it reaches out of it.

    Arguments:
        pixels: The picture.
        left: The left edge of the square in the picture.
        top: Its upper edge.
        scale: The factor by which it is scaled.
        side: Its side, after that.
    """
    import cv2

    own = max(1, round(side / scale))
    x, y = round(left), round(top)
    inner = pixels[max(y, 0) : max(y + own, 0), max(x, 0) : max(x + own, 0)]
    height, width = inner.shape[:2]
    above, before = max(-y, 0), max(-x, 0)
    edges = above, max(own - above - height, 0), before, max(own - before - width, 0)
    square = cv2.copyMakeBorder(inner, *edges, cv2.BORDER_CONSTANT, value=(_EMPTY,) * 3)
    resized = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _corner(scene: Scene, own: float, generator: np.random.Generator) -> tuple[float, float]:
    """The corner of a square with this side: about a box, or anywhere in the picture."""
    boxes = scene.boxes[scene.labels != IGNORED]
    if len(boxes) and generator.random() < _ABOUT_A_BOX:
        left, top, right, bottom = boxes[generator.integers(len(boxes))]
        return _between(right - own, left, generator), _between(bottom - own, top, generator)
    return _between(0, scene.width - own, generator), _between(0, scene.height - own, generator)


def _between(first: float, second: float, generator: np.random.Generator) -> float:
    return float(generator.uniform(min(first, second), max(first, second)))


def _moved(scene: Scene, left: float, top: float, scale: float, side: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """The boxes as they lie in a crop, cut off at its edges, and their labels; those outside of it are left out."""
    whole = (scene.boxes - np.array([left, top] * 2, np.float32).round()) * np.float32(scale)
    boxes = whole.clip(0, side)
    visible = (boxes[:, 2:] - boxes[:, :2]).prod(1) / (whole[:, 2:] - whole[:, :2]).prod(1)
    thin = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=side) < _THINNEST
    labels = np.where((visible < _VISIBLE) | thin, IGNORED, scene.labels)
    return boxes[visible > 0], labels[visible > 0]


def _flipped(
    pixels: Pixels, boxes: NDArray[np.float32], labels: NDArray[Any], mirrors: Sequence[int]
) -> tuple[Pixels, NDArray[np.float32], NDArray[Any]]:
    width = pixels.shape[1]
    turned = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    swapped = [label if label == IGNORED else mirrors[label] for label in labels]
    return pixels[:, ::-1], turned, np.array(swapped, dtype=np.int64)


def _crop(pixels: Pixels, boxes: NDArray[np.float32], labels: NDArray[Any]) -> Crop:
    found, targets = assign(torch.from_numpy(boxes), torch.from_numpy(labels), cells(*pixels.shape[:2]))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))), found, targets


def _as_rgb(picture: Picture) -> Pixels:
    pixels = picture.pixels[..., : picture.channels - picture.has_alpha]
    upper = pixels // 256 if pixels.dtype == np.uint16 else pixels
    return np.broadcast_to(upper, (*pixels.shape[:2], 3)).astype(np.uint8)
