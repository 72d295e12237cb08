"""Made-up streets, drawn with people, faces, cars and plates whose places are known: to try things without any data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.regions import FACE, PLATE, Box, Region, areas, boxes_array, intersections

CLASSES = ("background", "road", "building", "car", "person")
"""What the values of a mask mean."""
PERSON, CAR = "person", "car"
_DETAIL = 3
"""Everything is drawn so many times as large and made smaller, so that edges look like those of a photograph."""
_HIDDEN = 0.6
"""The share of a box behind a nearer thing from which on nobody would mark it."""
_LETTERS, _DIGITS = "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Street:
    """A street.

    Arguments:
        pixels: The picture, :math:`(H, W, 3)`, RGB.
        mask: The class of each pixel, :math:`(H, W)`; see `CLASSES`.
        regions: Where people, their faces, cars and their plates are, in full, also behind others; not what is hidden.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    regions: tuple[Region, ...]


def draw_street(seed: int, height: int = 192, width: int = 256) -> Street:
    """A street, the same for the same seed and size.

    Arguments:
        seed: The seed of all that is in it.
        height: The height in pixels.
        width: The width.
    """
    canvas = _Canvas(np.random.default_rng(seed), height * _DETAIL, width * _DETAIL)
    canvas.background()
    things = [canvas.car] * int(canvas.random.integers(1, 4)) + [canvas.person] * int(canvas.random.integers(2, 6))
    depths = np.sort(canvas.random.uniform(0.1, 1, len(things)))
    for place, depth in zip(canvas.random.permutation(len(things)), depths, strict=True):
        things[place](float(depth))
    return canvas.finished()


def write_streets(folder: Path, count: int, seed: int, height: int = 192, width: int = 256) -> dict[str, Street]:
    """Writes streets into a folder, their masks into one of that name with ``-masks``, their boxes into a table.

    The pictures and masks are ``0000.png`` and so on; the table beside the folder has its name and the suffix ``.csv``.

    Arguments:
        folder: The folder of the pictures, which is made.
        count: How many streets there are.
        seed: The seed of all of them.
        height: The height in pixels.
        width: The width.

    Returns:
        The streets by the names of their pictures.

    Raises:
        OSError: A file cannot be written.
    """
    seeds = np.random.SeedSequence(seed).generate_state(count)
    streets = {f"{number:04d}.png": draw_street(int(own), height, width) for number, own in enumerate(seeds)}
    masks = folder.with_name(f"{folder.name}-masks")
    for place in (folder, masks):
        place.mkdir(parents=True)
    for name, street in streets.items():
        write_picture(folder / name, Picture(street.pixels))
        write_picture(masks / name, Picture(street.mask[..., None]))
    write_csv(
        folder.with_name(f"{folder.name}.csv"),
        [row for name, street in streets.items() for row in rows_of(name, list(street.regions))],
    )
    return streets


@dataclass
class _Canvas:
    """A picture and its mask while they are drawn, `_DETAIL` times as large."""

    random: np.random.Generator
    height: int
    width: int
    regions: list[Region] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.width, self.height))
        self.classes = Image.new("L", (self.width, self.height))
        self.draw = ImageDraw.Draw(self.image)
        self.mask = ImageDraw.Draw(self.classes)
        self.horizon = self.height * float(self.random.uniform(0.35, 0.45))

    def background(self) -> None:
        """Sky, houses with windows, and the road."""
        self.draw.rectangle((0, 0, self.width, self.height), self._colour(150, 230))
        left = 0.0
        while left < self.width:
            right = left + self.width * float(self.random.uniform(0.12, 0.3))
            top = self.horizon * float(self.random.uniform(0.05, 0.6))
            self._shape((left, top, right, self.horizon), self._colour(90, 200), 2)
            self._windows(left, top, right)
            left = right
        self._shape((0, self.horizon, self.width, self.height), self._grey(70, 130), 1)
        for place in np.arange(0.02, 1, 0.16):
            left, top = self.width * float(place), self.horizon + 0.55 * (self.height - self.horizon)
            self.draw.rectangle((left, top, left + 0.08 * self.width, top + 0.015 * self.height), (220, 220, 210))

    def car(self, depth: float) -> None:
        """A car from behind, with its plate."""
        width, foot = self._scale(depth, 0.34), self._foot(depth)
        height, left = 0.75 * width, float(self.random.uniform(-0.1, 0.9)) * self.width
        box, colour = Box(left, foot - height, left + width, foot), self._colour(30, 230)
        within = _within(box)
        for wheel in (0.1, 0.72):
            self._shape(within(wheel, 0.75, wheel + 0.18, 1.0), (25, 25, 28), 3)
        self._shape(within(0.12, 0.0, 0.88, 0.55), colour, 3, radius=0.1 * width)
        self._shape(within(0.0, 0.4, 1.0, 0.9), colour, 3, radius=0.08 * width)
        self.draw.rounded_rectangle(within(0.2, 0.08, 0.8, 0.38), 0.05 * width, (60, 75, 90))
        for light in (0.04, 0.84):
            self.draw.rectangle(within(light, 0.5, light + 0.12, 0.6), (190, 30, 30))
        plate = Box(*within(0.32, 0.62, 0.68, 0.74))
        self._plate(plate)
        self._add((box, CAR), (plate, PLATE))

    def person(self, depth: float) -> None:
        """Somebody who stands there and looks into the camera."""
        height, foot = self._scale(depth, 0.42), self._foot(depth)
        width, left = 0.36 * height, float(self.random.uniform(0, 0.95)) * self.width
        box, trousers = Box(left, foot - height, left + width, foot), self._colour(20, 120)
        within = _within(box)
        for leg in (0.22, 0.54):
            self._shape(within(leg, 0.55, leg + 0.24, 1.0), trousers, 4)
        self._shape(within(0.08, 0.22, 0.92, 0.62), self._colour(20, 240), 4, radius=0.2 * width)
        head = Box(*within(0.27, 0.0, 0.73, 0.25))
        self._face(head)
        self._add((box, PERSON), (head, FACE))

    def finished(self) -> Street:
        """The street at its size, with the noise and the blur of a camera."""
        size = self.width // _DETAIL, self.height // _DETAIL
        small = self.image.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.4))
        noise = self.random.normal(0, 3, (size[1], size[0], 3))
        pixels = (np.asarray(small) + noise).clip(0, 255).astype(np.uint8)
        mask = np.asarray(self.classes.resize(size, Image.Resampling.NEAREST))
        regions = (Region(one.box.scaled(1 / _DETAIL, 1 / _DETAIL), one.kind) for one in self.regions)
        return Street(pixels, mask, tuple(one for one in regions if _is_inside(one.box, *size)))

    def _face(self, head: Box) -> None:
        within, skin = _within(head), self._skin()
        shade = (skin[0] * 2 // 3, skin[1] * 2 // 3, skin[2] * 2 // 3)
        self._shape(head, self._colour(10, 90), 4, radius=0.5 * head.width)
        self.draw.ellipse(within(0.06, 0.1, 0.94, 1.0), skin)
        for eye in (0.3, 0.7):
            self.draw.ellipse(within(eye - 0.12, 0.4, eye + 0.12, 0.52), (240, 240, 240))
            self.draw.ellipse(within(eye - 0.06, 0.4, eye + 0.06, 0.52), (30, 25, 20))
            self.draw.rectangle(within(eye - 0.14, 0.32, eye + 0.14, 0.36), (40, 30, 25))
        self.draw.polygon([*within(0.5, 0.45, 0.42, 0.66), *within(0.58, 0.66, 0.5, 0.45)], shade)
        self.draw.ellipse(within(0.32, 0.74, 0.68, 0.84), (150, 60, 60))

    def _plate(self, plate: Box) -> None:
        self.draw.rectangle(plate, (235, 235, 225))
        text = "".join(self.random.choice(list(_LETTERS), 2)) + " " + "".join(self.random.choice(list(_DIGITS), 4))
        middle = ((plate.left + plate.right) / 2, (plate.top + plate.bottom) / 2)
        self.draw.text(middle, text, (20, 20, 40), ImageFont.load_default(max(6.0, 0.85 * plate.height)), "mm")

    def _windows(self, left: float, top: float, right: float) -> None:
        step, glass = 0.06 * self.width, self._grey(40, 110)
        for x in np.arange(left + 0.4 * step, right - 0.7 * step, step):
            for y in np.arange(top + 0.4 * step, self.horizon - 0.9 * step, 1.2 * step):
                self.draw.rectangle((float(x), float(y), float(x + 0.5 * step), float(y + 0.7 * step)), glass)

    def _shape(self, box: tuple[float, float, float, float], colour: Colour, number: int, radius: float = 0.0) -> None:
        self.draw.rounded_rectangle(box, radius, colour)
        self.mask.rounded_rectangle(box, radius, number)

    def _add(self, thing: tuple[Box, str], part: tuple[Box, str]) -> None:
        """A thing and its part, in front of all others, of which those that it hides are there no more."""
        boxes = boxes_array(self.regions)
        hidden = intersections(boxes, np.array([thing[0]]))[:, 0] > _HIDDEN * areas(boxes)
        self.regions = [one for one, is_hidden in zip(self.regions, hidden, strict=True) if not is_hidden]
        self.regions += [Region(*thing), Region(*part)]

    def _foot(self, depth: float) -> float:
        return self.horizon + (0.15 + 0.8 * depth) * (self.height - self.horizon)

    def _scale(self, depth: float, share: float) -> float:
        return share * (0.5 + depth) * self.height

    def _colour(self, low: int, high: int) -> Colour:
        red, green, blue = self.random.integers(low, high, 3).tolist()
        return red, green, blue

    def _grey(self, low: int, high: int) -> Colour:
        value = int(self.random.integers(low, high))
        return value, value, value + 5

    def _skin(self) -> Colour:
        light = float(self.random.uniform(0.35, 1))
        return round(235 * light), round(190 * light), round(160 * light)


def _within(box: Box) -> Callable[[float, float, float, float], tuple[float, float, float, float]]:
    """From shares of a box's sides to pixels."""

    def place(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        x, y = box.left, box.top
        return x + left * box.width, y + top * box.height, x + right * box.width, y + bottom * box.height

    return place


def _is_inside(box: Box, width: int, height: int) -> bool:
    """Whether at least half of a box is in the picture."""
    across = min(box.right, width) - max(box.left, 0)
    down = min(box.bottom, height) - max(box.top, 0)
    return across > 0 and down > 0 and across * down >= box.width * box.height / 2
