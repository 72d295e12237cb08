"""Streets with made-up licence plates in them, and with things that look like plates and are none."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from plate_decoys import decoy
from plate_drawing import draw_plate
from plate_vehicles import Box, Pixels, mounted

WIDTH, HEIGHT = 640, 480
_SMALLEST, _LARGEST = 14, 260
"""The widths of plates in pixels."""
_IN_SHADE = 0.2
"""The part of what is put into scenes that lies in deep shade."""
_SOFTEST = 0.015
"""The standard deviation of the blur of what is most out of focus, in widths of the plate: it can still be read."""


def street(
    background: Pixels, generator: np.random.Generator, real: Sequence[Box] = ()
) -> tuple[Pixels, list[Box], list[Box]]:
    """A part of a picture with plates put into it.

    Arguments:
        background: The picture :math:`(H, W, 3)`.
        generator: The source of all that is random.
        real: Where the picture has, or may have, plates of its own.

    Returns:
        The scene, the box around each plate that was put there, and the boxes of those that may have been there.
    """
    scene, own = view(background, generator, real)
    taken: list[Box] = []
    boxes: list[Box] = []
    for _ in range(int(generator.integers(0, 4))):
        _place(scene, decoy(generator), 1.0, taken, generator)
    for _ in range(int(generator.choice(5, p=[0.2, 0.25, 0.25, 0.2, 0.1]))):
        plate = draw_plate(generator)
        surroundings, inner = mounted(plate, generator)
        if box := _place(scene, surroundings, inner, taken, generator):
            boxes.append(box)
    return scene, boxes, own


def view(background: Pixels, generator: np.random.Generator, real: Sequence[Box] = ()) -> tuple[Pixels, list[Box]]:
    """A random part of a picture at a random scale, maybe in a mirror, and the boxes as they lie in it."""
    height, width = background.shape[:2]
    least = max(WIDTH / width, HEIGHT / height)
    scale = max(least, float(np.exp(generator.uniform(np.log(0.45), np.log(1.5)))))
    own = min(width, round(WIDTH / scale)), min(height, round(HEIGHT / scale))
    left, top = int(generator.integers(width - own[0] + 1)), int(generator.integers(height - own[1] + 1))
    part = background[top : top + own[1], left : left + own[0]]
    resized = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    boxes = (np.array(real).reshape(-1, 4) - [left, top, left, top]) * ([WIDTH / own[0], HEIGHT / own[1]] * 2)
    if generator.random() < 0.5:
        resized, boxes = (
            resized[:, ::-1],
            np.stack([WIDTH - boxes[:, 2], boxes[:, 1], WIDTH - boxes[:, 0], boxes[:, 3]], 1),
        )
    boxes = boxes.clip(0, [WIDTH, HEIGHT] * 2)
    return np.ascontiguousarray(resized), [tuple(box) for box in boxes.tolist() if box[0] < box[2] and box[1] < box[3]]


def _place(
    scene: Pixels,
    surface: NDArray[np.uint8],
    inner: Box | float,
    taken: list[Box],
    generator: np.random.Generator,
) -> Box | None:
    """Puts a flat surface into a scene, turned in space, and gives the box around its inner part.

    Arguments:
        scene: The picture, which is changed.
        surface: RGB and alpha, :math:`(H, W, 4)`.
        inner: The part that counts, in its pixels; a number takes all of it.
        taken: Where something is already; what is put there is added.
        generator: The source of all that is random.
    """
    height, width = surface.shape[:2]
    part = (0.0, 0.0, float(width), float(height)) if isinstance(inner, float) else inner
    wanted = float(np.exp(generator.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
    homography = _turned(part, wanted, generator)
    whole, box = _bounds(homography, (0, 0, width, height)), _bounds(homography, part)
    size = box[2] - box[0], box[3] - box[1]
    if size[0] > WIDTH or size[1] > HEIGHT:
        return None
    shift = [
        generator.uniform(-0.1 * wanted, side - length + 0.1 * wanted) - low
        for side, length, low in zip((WIDTH, HEIGHT), size, box[:2], strict=True)
    ]
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    whole, box = ((one[0] + shift[0], one[1] + shift[1], one[2] + shift[0], one[3] + shift[1]) for one in (whole, box))
    clipped = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(WIDTH)), min(box[3], float(HEIGHT))
    seen = (clipped[2] - clipped[0]) * (clipped[3] - clipped[1]) / (size[0] * size[1])
    if seen < 0.6 or any(_meet(whole, other) for other in taken):
        return None
    taken.append(whole)
    _paste(scene, surface, move @ homography, wanted / (part[2] - part[0]), _SOFTEST * wanted, generator)
    return clipped


def _turned(part: Box, width: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """The homography of a surface that is turned in space and seen by a pinhole camera; a part gets a width."""
    tilt = generator.choice([4, 16, 28], p=[0.5, 0.3, 0.2])  # cameras that people wear are seldom level, wide ones bend
    turn = 22 if generator.random() < 0.5 else 45  # parked cars are passed from the side
    yaw, pitch, roll = np.radians(generator.normal(0, (turn, 10, tilt)).clip(-68, 68))
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    rotation = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    rotation = rotation @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    centre = np.array([[1, 0, -(part[0] + part[2]) / 2], [0, 1, -(part[1] + part[3]) / 2], [0, 0, 1]])
    distance = generator.uniform(4, 20) * (part[2] - part[0])
    camera = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]])
    homography = np.diag([1.0, 1.0, 1 / distance]) @ camera @ centre
    box = _bounds(homography, part)
    return np.asarray(np.diag([width / (box[2] - box[0]), width / (box[2] - box[0]), 1.0]) @ homography)


def _paste(
    scene: Pixels,
    surface: Pixels,
    homography: NDArray[np.float64],
    scale: float,
    softest: float,
    generator: np.random.Generator,
) -> None:
    """Draws a surface under a homography, in the light of the place, as sharp as the lens is."""
    factor = min(1.0, 1.5 * scale)  # or what is drawn small would flicker from pixel to pixel
    small = cv2.resize(surface, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    fitting = homography @ np.diag([surface.shape[1] / small.shape[1], surface.shape[0] / small.shape[0], 1])
    lit = small.astype(np.float32)
    lit[..., :3] = _lit(lit[..., :3], generator)
    lit[..., :3] *= lit[..., 3:] / 255
    drawn = cv2.warpPerspective(lit, fitting, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    if generator.random() < 0.5:
        drawn = cv2.GaussianBlur(drawn, (0, 0), generator.uniform(0.3, max(0.9, softest)))
    rows, columns = (np.flatnonzero(drawn[..., 3].any(axis)) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    around, values = scene[area].astype(np.float32), drawn[area].astype(np.float32)
    alpha = values[..., 3:] / np.float32(255)
    exposed = _exposed(values[..., :3], alpha, float(around.mean()), generator)
    scene[area] = (around * (1 - alpha) + exposed).clip(0, 255).astype(np.uint8)


def _exposed(
    values: NDArray[np.float32], alpha: NDArray[np.float32], around: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """As bright as the place is, or in deep shade, where the glare of a low sun in the lens may be all that is white.

    Arguments:
        values: The colours, times alpha.
        alpha: How much covers what is behind it, in [0, 1].
        around: The mean of the place.
        generator: The source of all that is random.
    """
    if generator.random() < _IN_SHADE:
        sky = generator.uniform(0.85, 1.2, 3)
        glare = generator.uniform(0, 45) * sky
        return np.asarray(values * generator.uniform(0.12, 0.45) * sky + glare * alpha, dtype=np.float32)
    brightness = float(np.clip(around / 110, 0.45, 1.35)) ** generator.uniform(0, 1)
    return np.asarray(values * brightness, dtype=np.float32)


def _lit(values: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """In uneven light, maybe half in a shadow, with dirt on it."""
    height, width = values.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = generator.normal(0, 0.25, 2)
    light = 1 + slope[0] * (x / width - 0.5) + slope[1] * (y / height - 0.5)
    light *= np.exp(generator.normal(-0.1, 0.25))
    if generator.random() < 0.25:
        angle, offset = generator.uniform(0, 2 * np.pi), generator.uniform(-0.3, 0.3)
        edge = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5) - offset
        light *= 1 - generator.uniform(0.3, 0.7) / (1 + np.exp(-edge * generator.uniform(20, 200)))
    lit = values * light[..., None] * np.exp(generator.normal(0, 0.04, 3))
    if generator.random() < 0.3:
        coarse = generator.random((int(generator.integers(2, 9)), int(generator.integers(2, 9)))).astype(np.float32)
        dirt = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None] ** 2
        lit += dirt * generator.uniform(0.1, 0.7) * (generator.uniform(40, 140, 3) - lit)
    return np.asarray(lit.clip(0, 255), dtype=np.float32)


def _bounds(homography: NDArray[np.float64], box: Box) -> Box:
    corners = (
        np.array([[box[0], box[1], 1], [box[2], box[1], 1], [box[2], box[3], 1], [box[0], box[3], 1]]) @ homography.T
    )
    places = corners[:, :2] / corners[:, 2:]
    return (*places.min(0).tolist(), *places.max(0).tolist())


def _meet(first: Box, second: Box) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
