"""What stands along a made-up road: trees, houses, lamps, poles, cars, and a warning sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from made_up_ground import Bend, Colour, Pixels, View, blob, fill, line, shaded
from nflows_privacy.regions import Box

GREENS = ((70, 95, 50), (95, 120, 60), (110, 110, 60), (55, 80, 60), (130, 125, 75))
_WALLS = ((205, 195, 175), (190, 170, 130), (215, 215, 210), (165, 175, 190), (190, 180, 165), (170, 190, 165))
_PAINTS = (
    (225, 225, 225),
    (40, 42, 46),
    (130, 135, 140),
    (60, 80, 130),
    (190, 180, 150),
    (200, 175, 60),
    (70, 110, 90),
)
_RED, _WHITE, _BLACK, _STEEL = (205, 22, 34), (245, 245, 240), (15, 15, 15), (120, 122, 125)


@dataclass(frozen=True)
class Thing:
    """Something that stands upright.

    Arguments:
        name: What it is: a key of `PAINTERS`.
        along: Where it stands, in metres along the road.
        across: Where it stands, in metres to the right of the road's origin.
        size: Its width in metres; of lamps and poles, the height.
        colour: Its main colour.
        form: In [0, 1]: what makes things of one name differ.
    """

    name: str
    along: float
    across: float
    size: float
    colour: Colour
    form: float

    def paint(self, picture: Pixels, view: View) -> None:
        """Draws it, if it is before the camera."""
        if scale := view.scale(self.along, self.across):
            PAINTERS[self.name](picture, self, view.pixels(self.along, self.across), scale)


def draw_thing(name: str, along: float, across: float, generator: np.random.Generator) -> Thing:
    """A thing of random size and colour; every name draws as many numbers."""
    smallest, largest, colours = _SORTS[name]
    colour = shaded(colours[generator.integers(len(colours))], generator.uniform(0.8, 1.2))
    return Thing(name, along, across, generator.uniform(smallest, largest), colour, generator.random())


def _paint_tree(picture: Pixels, tree: Thing, foot: NDArray[np.float64], scale: float) -> None:
    radius, rise = tree.size * scale / 2, tree.size * scale * (0.7 + tree.form)
    line(picture, [foot, foot - (0, rise)], radius / 6, (75, 62, 50))
    for side, shade in ((0.5, 0.75), (-0.4, 0.9), (0.1, 1.1)):
        middle = foot - (side * radius, rise + abs(side) * radius * (tree.form - 0.5))
        blob(picture, middle, (radius * 0.8, radius * (0.6 + 0.3 * tree.form)), shaded(tree.colour, shade))


def _paint_bush(picture: Pixels, bush: Thing, foot: NDArray[np.float64], scale: float) -> None:
    radius = bush.size * scale / 2
    blob(picture, foot - (0, radius / 2), (radius, radius * (0.5 + bush.form / 2)), bush.colour)
    blob(picture, foot - (radius / 4, radius * 0.8), (radius / 2, radius / 3), shaded(bush.colour, 1.15))


def _paint_house(picture: Pixels, house: Thing, foot: NDArray[np.float64], scale: float) -> None:
    width, rise = house.size * scale, (3 + 5 * house.form) * scale
    left, right = foot[0] - width / 2, foot[0] + width / 2
    top = foot[1] - rise
    _rectangle(picture, left, top, right, foot[1], house.colour)
    roof = scale * (1.6 if house.form < 0.5 else 0.4)
    fill(picture, [(left, top), (left + roof, top - roof), (right - roof, top - roof), (right, top)], (110, 98, 90))
    for share in (0.15, 0.45, 0.75):
        at = left + share * width
        _rectangle(picture, at, top + rise * 0.2, at + width / 9, top + rise * 0.2 + scale, (60, 65, 72))


def _paint_lamp(picture: Pixels, lamp: Thing, foot: NDArray[np.float64], scale: float) -> None:
    top, arm = foot - (0, lamp.size * scale), (lamp.form - 0.5) * 5 * scale
    line(picture, [foot, top, np.add(top, (arm, -0.3 * scale))], 0.15 * scale, lamp.colour)
    blob(picture, np.add(top, (arm, -0.25 * scale)), (0.5 * scale, 0.15 * scale), shaded(lamp.colour, 1.4))


def _paint_pole(picture: Pixels, pole: Thing, foot: NDArray[np.float64], scale: float) -> None:
    top = foot - (0, pole.size * scale)
    line(picture, [foot, top], 0.2 * scale, pole.colour)
    for below in (0.3, 0.8):
        middle, arm = np.add(top, (0, below * scale)), (scale * pole.form, 0)
        line(picture, [middle - arm, middle + arm], 1, _STEEL)


def _paint_car(picture: Pixels, car: Thing, foot: NDArray[np.float64], scale: float) -> None:
    width = car.size * scale
    tall = width * (0.85 if car.form < 0.7 else 1.35)
    (across, ground), left, right = foot, foot[0] - width / 2, foot[0] + width / 2
    blob(picture, foot, (width * 0.6, width * 0.09), (40, 40, 42))
    for tyre in (left + width * 0.05, right - width * 0.23):
        _rectangle(picture, tyre, ground - width * 0.2, tyre + width * 0.18, ground, (25, 25, 27))
    middle, top, narrow = ground - tall * 0.55, ground - tall, width * (0.36 if car.form < 0.7 else 0.48)
    fill(picture, [(left, middle), (across - narrow, top), (across + narrow, top), (right, middle)], car.colour)
    _rectangle(picture, left, middle, right, ground - width * 0.12, car.colour)
    glass = [(left * 0.9 + across * 0.1, middle), (across - narrow * 0.9, top + tall * 0.07)]
    fill(picture, [*glass, *((2 * across - x, y) for x, y in reversed(glass))], (50, 58, 66))
    for lamp in (left, right - width * 0.16):
        _rectangle(picture, lamp, middle + tall * 0.1, lamp + width * 0.16, middle + tall * 0.2, (205, 190, 150))


def _rectangle(picture: Pixels, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    fill(picture, [(left, top), (right, top), (right, bottom), (left, bottom)], colour)


PAINTERS: dict[str, Callable[[Pixels, Thing, NDArray[np.float64], float], None]] = {
    "tree": _paint_tree,
    "bush": _paint_bush,
    "house": _paint_house,
    "lamp": _paint_lamp,
    "pole": _paint_pole,
    "car": _paint_car,
}
_SORTS = {  # the smallest and the largest size, and the colours
    "tree": (2.5, 7.0, GREENS),
    "bush": (0.8, 2.0, GREENS),
    "house": (6.0, 14.0, _WALLS),
    "lamp": (6.0, 9.0, (_STEEL, (85, 85, 88))),
    "pole": (4.0, 8.0, (_STEEL, (110, 95, 80), (165, 165, 160))),
    "car": (1.6, 2.1, _PAINTS),
}


@dataclass(frozen=True)
class Sign:
    """A warning sign: a triangle, point up, on a pole at the verge, or on the pole's arm over the road.

    Arguments:
        along: Where it stands, in metres along the road.
        across: Where the board is, in metres to the right of the road's origin.
        pole: Where the pole is, likewise.
        up: The height of the middle of the board over the ground, in metres.
        width: The width of the board, in metres.
    """

    along: float
    across: float
    pole: float
    up: float
    width: float

    def paint(self, picture: Pixels, view: View, symbol: str) -> Box:
        """Draws it with a key of `_SYMBOLS`, and gives the box of the board; no bend of the road moves it."""
        view = replace(view, bend=Bend())
        scale = view.scale(self.along, self.pole)
        post = view.pixels([self.along] * 3, [self.pole, self.pole, self.across], [0, self.up, self.up])
        line(picture, post, 0.1 * scale, _STEEL)
        return _paint_board(picture, post[2], self.width * scale, symbol)


def _paint_board(picture: Pixels, middle: NDArray[np.float64], width: float, symbol: str) -> Box:
    fill(picture, middle + width * _TRIANGLE, _RED)
    fill(picture, middle + width * (_TRIANGLE * 0.64 + (0, 0.02)), _WHITE)
    for stroke in _SYMBOLS[symbol]:
        line(picture, middle + width * np.array(stroke), width * 0.07, _BLACK)
    corners = middle + width * _TRIANGLE + 0.5  # OpenCV counts from the middle of a pixel
    low, high = np.floor(corners.min(axis=0) - 1), np.ceil(corners.max(axis=0) + 1)  # blur reaches a pixel out
    return Box(*low.tolist(), *high.tolist())


_TRIANGLE = np.array([(0, -0.5), (0.5, 0.366), (-0.5, 0.366)])  # equilateral, in widths
_LEFT_CURVE = [
    [(0.08, 0.24), (0.08, 0.1), (-0.08, 0.0), (-0.08, -0.12)],
    [(-0.15, -0.04), (-0.08, -0.12), (0.0, -0.05)],
]
_SYMBOLS = {
    "left-hand-curve": _LEFT_CURVE,
    "right-hand-curve": [[(-across, down) for across, down in stroke] for stroke in _LEFT_CURVE],
    "gap-in-median": [[(0, -0.14), (0, 0.0)], [(0, 0.16), (0, 0.24)], [(-0.12, 0.24), (-0.12, 0.08), (0.12, 0.08)]],
    "side-road-left": [[(0.03, -0.16), (0.03, 0.24)], [(0.03, 0.08), (-0.16, 0.08)]],
}
