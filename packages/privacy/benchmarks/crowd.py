"""Crowds made up of real heads on street scenes, so that every face in them is known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nflows_privacy.masks import cover
from nflows_privacy.regions import Box

Pixels = NDArray[np.uint8]

_HEAD = (1.6, 1.5)  # a head with its hair, in widths and heights of its face
_SMALLEST, _LARGEST = 8.0, 160.0


@dataclass(frozen=True)
class Head:
    """A head cut out of a picture, and where in it the face is."""

    pixels: Pixels
    face: Box


def read_faces(path: Path) -> dict[str, list[Box]]:
    """The faces of pictures by the pictures' names."""
    return {name: [Box(*box) for box in boxes] for name, boxes in json.loads(path.read_text()).items()}


def find_heads(folders: Sequence[Path], faces: Mapping[str, Sequence[Box]]) -> list[Head]:
    """The heads of all pictures in folders whose faces are known, each at least 60 pixels wide."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.name in faces]
    return [head for path in paths for head in _heads(path, faces[path.name])]


def crowds(backgrounds: Sequence[Path], heads: Sequence[Head], seed: int) -> Iterator[tuple[Pixels, list[Box]]]:
    """A crowd on each of the street scenes: RGB pixels and the boxes of the faces."""
    for number, path in enumerate(backgrounds):
        yield crowd(read_picture(path), heads, np.random.default_rng([seed, number]))


def crowd(
    background: Pixels, heads: Sequence[Head], generator: np.random.Generator, count: int = 16
) -> tuple[Pixels, list[Box]]:
    """A street scene with heads in it, their faces 8 to 160 pixels wide, evenly in the logarithm, then stored as JPEG.

    Each is turned by up to 15 degrees, mirrored or not, darker or brighter, and sharp or a little blurred; none covers
    the face of another.
    """
    pixels, boxes = background.astype(np.float32), list[Box]()
    for _ in range(count):
        width = float(np.exp(generator.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
        picture, opacity, face = _turned(heads[generator.integers(len(heads))], width, generator)
        room = [max(1, have - need) for have, need in zip(pixels.shape, opacity.shape, strict=False)]
        top, left = (int(generator.integers(size)) for size in room)
        box = Box(face.left + left, face.top + top, face.right + left, face.bottom + top)
        place = pixels[top : top + len(opacity), left : left + opacity.shape[1]]
        if place.shape[:2] == opacity.shape and not any(_touch(box.grown(1.7), other.grown(1.7)) for other in boxes):
            place += opacity[..., None] * (picture - place)
            boxes.append(box)
    return _stored(pixels, generator), boxes


def _heads(path: Path, faces: Sequence[Box]) -> Iterator[Head]:
    pixels = read_picture(path)
    for face in faces:
        across, down = ((factor - 1) / 2 * size for factor, size in zip(_HEAD, (face.width, face.height), strict=True))
        whole = Box(face.left - across, face.top - down, face.right + across, face.bottom + down)
        rectangle = cover(whole, *pixels.shape[:2])
        if rectangle is not None and face.width >= 60:
            left, top = rectangle.left, rectangle.top
            inner = Box(face.left - left, face.top - top, face.right - left, face.bottom - top)
            yield Head(pixels[rectangle.slices].copy(), inner)


def _turned(head: Head, width: float, generator: np.random.Generator) -> tuple[NDArray, NDArray, Box]:  # type: ignore[type-arg]
    scale, angle = width / head.face.width, generator.uniform(-15, 15)
    height, breadth = (max(2, round(side * scale)) for side in head.pixels.shape[:2])
    small = cv2.resize(head.pixels, (breadth, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    turn = cv2.getRotationMatrix2D((breadth / 2, height / 2), angle, 1)
    small = cv2.warpAffine(small, turn, (breadth, height), borderMode=cv2.BORDER_REPLICATE)
    small = cv2.GaussianBlur(small, (0, 0), max(0.05, generator.uniform(-0.5, 1.0)))
    face = _turned_box(head.face.scaled(breadth / head.pixels.shape[1], height / head.pixels.shape[0]), turn)
    if generator.random() < 0.5:
        small = small[:, ::-1]
        face = Box(breadth - face.right, face.top, breadth - face.left, face.bottom)
    return small * generator.uniform(0.5, 1.15), _ellipse(height, breadth), face


def _turned_box(box: Box, turn: NDArray[np.float64]) -> Box:
    """The box of the same size about the turned middle: a face is nearly round."""
    across, down = turn @ ((box.left + box.right) / 2, (box.top + box.bottom) / 2, 1)
    return Box(across - box.width / 2, down - box.height / 2, across + box.width / 2, down + box.height / 2)


def _ellipse(height: int, width: int) -> NDArray[np.float32]:
    """How opaque a head is: 1 in the ellipse that fills its rectangle, falling to 0 over the outermost tenth."""
    down, across = (np.linspace(-1, 1, size, dtype=np.float32) for size in (height, width))
    radius = np.hypot(down[:, None], across[None])
    opacity: NDArray[np.float32] = np.clip((1 - radius) / 0.1, 0, 1)
    return opacity


def _touch(first: Box, second: Box) -> bool:
    across = min(first.right, second.right) - max(first.left, second.left)
    return across > 0 and min(first.bottom, second.bottom) > max(first.top, second.top)


def _stored(pixels: NDArray[np.float32], generator: np.random.Generator) -> Pixels:
    noisy = pixels + generator.normal(0, 2.5, pixels.shape)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(_rounded(noisy), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.uint8)


def _rounded(pixels: NDArray[np.float64]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded


def read_picture(path: Path) -> Pixels:
    """The RGB pixels of a picture."""
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise ValueError(f"{path} is no picture that is read")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB).astype(np.uint8)
