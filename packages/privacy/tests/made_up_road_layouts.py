"""How a made-up road scene is laid out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from made_up_ground import WIDTH, Bend, Colour, Span, View, shaded
from made_up_roadside import GREENS, Sign, Thing, draw_thing

KINDS = ("gap-in-median", "left-hand-curve", "right-hand-curve", "side-road-left")
NOTHING = "nothing"
_MARGIN = 28  # pixels between the middle of a board and the sides of the picture
_VERGES = (*GREENS, (150, 130, 100), (165, 150, 125), (125, 110, 85))
WHITE, YELLOW = (215, 215, 210), (215, 175, 60)


@dataclass(frozen=True)
class Light:
    """What becomes of the colours: a gain and a tint, haze in [0, 1], blur and noise in pixels and in levels."""

    gain: float
    tint: tuple[float, ...]
    haze: float
    blur: float
    noise: float


@dataclass(frozen=True)
class Looks:
    """The colours of a scene, and the lines on its road: each solid, broken or none."""

    sky: tuple[Colour, Colour]
    wood: Colour
    verge: Colour
    shoulder: Colour
    asphalt: Colour
    median: Colour
    edge: Colour
    is_striped: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """What a scene has whatever its kind is.

    Places across are in metres to the right of the middle of the left lane, in which the camera drives.

    Arguments:
        view: The camera.
        sign: The sign.
        bend: How the road goes where it bends to the right.
        opening: From where to where a gap in the median or the mouth of a side road is, in metres along the road.
        slant: How far a side road goes along the road by each metre to the left.
        lane: The width of a lane.
        lanes: How many lanes each way has.
        shoulder: The width of the shoulders.
        median: The left and the right side of the median, and its height.
        is_divided: Whether there is a median in scenes that need none.
        things: What stands along the road.
        rails: Whether there are guard rails to the left and to the right.
        looks: The colours and lines.
        light: The light.
        seed: The seed of the texture and of the noise.
    """

    view: View
    sign: Sign
    bend: Bend
    opening: Span
    slant: float
    lane: float
    lanes: int
    shoulder: float
    median: tuple[float, float, float]
    is_divided: bool
    things: tuple[Thing, ...]
    rails: tuple[bool, ...]
    looks: Looks
    light: Light
    seed: int

    @property
    def edges(self) -> Span:
        """The left and the right edge of the lanes."""
        return -self.lane / 2, self.median[1 if self.is_divided else 0] + self.lanes * self.lane


def draw_layout(generator: np.random.Generator) -> Layout:
    """A layout, before anyone asks of which kind the scene is."""
    uniform = generator.uniform
    lane, lanes, shoulder = uniform(2.9, 3.7), int(generator.integers(1, 3)), uniform(0.2, 1.0)
    view = View(uniform(85, 125), uniform(330, 400), uniform(1.7, 2.7), uniform(-0.06, 0.06), uniform(-0.5, 0.5))
    inner, start = (lanes - 0.5) * lane + 0.3, uniform(10, 20)
    median = (inner, inner + uniform(1.2, 4.0), uniform(0.15, 0.45))
    return Layout(
        view=view,
        sign=_draw_sign(view, lane / 2 + shoulder, generator),
        bend=Bend(start - uniform(2, 8), uniform(16, 45), uniform(0.8, 1.4)),
        opening=(start, start + uniform(7, 12)),
        slant=uniform(-0.1, 0.4),
        lane=lane,
        lanes=lanes,
        shoulder=shoulder,
        median=median,
        is_divided=bool(generator.random() < 0.7),
        things=_draw_things(generator, lane, shoulder, median, lanes),
        rails=tuple((generator.random(2) < 0.2).tolist()),
        looks=_draw_looks(generator),
        light=_draw_light(generator),
        seed=int(generator.integers(1 << 32)),
    )


def shaped(kind: str, layout: Layout) -> Layout:
    """A layout with the road, and what stands along it, as a kind of scene needs it."""
    turn = {"left-hand-curve": -1, "right-hand-curve": 1}.get(kind)
    bend = replace(layout.bend, turn=layout.bend.turn * turn) if turn else Bend()
    layout = replace(
        layout, view=replace(layout.view, bend=bend), is_divided=layout.is_divided or kind == "gap-in-median"
    )
    return replace(layout, things=tuple(moved for thing in layout.things if (moved := _moved(kind, layout, thing))))


def _moved(kind: str, layout: Layout, thing: Thing) -> Thing | None:
    """A thing where it is not in the way of what a kind of scene has; one on a median is left out where none is."""
    (left, right, _), (start, end) = layout.median, layout.opening
    if left < thing.across < right:
        is_open = kind == "gap-in-median" and start - 1 < thing.along < end + 1
        return thing if layout.is_divided and not is_open else None
    if thing.across > right and not layout.is_divided:
        return replace(thing, across=thing.across - right + left)
    off, half = layout.edges[0] - thing.across, thing.size / 2 + 1
    shift = layout.slant * off
    if kind == "side-road-left" and off > 0 and start + shift - half < thing.along < end + shift + half:
        return replace(thing, along=thing.along + end - start + 2 * half)
    return thing


def _draw_sign(view: View, edge: float, generator: np.random.Generator) -> Sign:
    """A sign on the left, at times on the right or over the road, whose board is 14 to 40 pixels wide."""
    along, width = generator.uniform(9, 15), generator.uniform(14, 40)
    pole = -edge - generator.uniform(0.5, 2.5)
    low, high, over = generator.uniform(1.8, 3.2), generator.uniform(4.2, 5.5), generator.uniform(-1, 3)
    side = generator.choice(["left", "right", "over"], p=[0.75, 0.15, 0.1])
    scale = view.scale(along, 0)
    shift = view.aside + along * view.yaw
    reach = (WIDTH / 2 - _MARGIN) / scale
    across = {"left": pole, "right": generator.uniform(6, 10), "over": over}[side]
    across = float(np.clip(across, shift - reach, shift + reach))
    up = min(high if side == "over" else low, view.height + (view.horizon - _MARGIN) / scale)
    return Sign(along, across, pole if side == "over" else across, up, width / scale)


def _draw_things(
    generator: np.random.Generator, lane: float, shoulder: float, median: tuple[float, float, float], lanes: int
) -> tuple[Thing, ...]:
    left, right = -lane / 2 - shoulder, median[1] + lanes * lane + shoulder
    things = []
    for name, most, nearest, farthest in (
        ("tree", 14, 3.0, 18.0),
        ("bush", 8, 1.0, 9.0),
        ("house", 4, 9.0, 22.0),
        ("lamp", 4, 0.7, 1.5),
        ("pole", 4, 0.7, 3.0),
    ):
        for _ in range(generator.integers(most + 1)):
            off, along = generator.uniform(nearest, farthest), generator.uniform(6, 90)
            things.append(draw_thing(name, along, left - off if generator.random() < 0.5 else right + off, generator))
    lines = [0.0, (lanes - 1) * lane, right - shoulder - lane / 2, median[1] + lane / 2, left - 1.5]
    for across in generator.permutation(lines)[: generator.integers(4)].tolist():
        things.append(draw_thing("car", generator.uniform(14, 60), across, generator))
    name, spacing = (("bush", 4.0), ("bush", 9.0), ("lamp", 20.0))[generator.integers(3)]
    middle, first = (median[0] + median[1]) / 2, generator.uniform(3, 15)
    inside = [draw_thing(name, along, middle, generator) for along in np.arange(first, 80, spacing)]
    return (*things, *inside) if generator.random() < 0.7 else tuple(things)


def _draw_looks(generator: np.random.Generator) -> Looks:
    def one_of(*colours: Colour) -> Colour:
        return shaded(colours[generator.integers(len(colours))], generator.uniform(0.8, 1.2))

    return Looks(
        sky=(one_of((120, 165, 215), (170, 185, 200), (150, 160, 175)), one_of((200, 212, 222), (215, 210, 200))),
        wood=one_of(*GREENS, (120, 130, 140)),
        verge=one_of(*_VERGES),
        shoulder=one_of((150, 135, 110), (125, 120, 112), (140, 125, 100)),
        asphalt=one_of((95, 96, 98), (120, 118, 115), (75, 76, 80), (140, 138, 134)),
        median=one_of(*_VERGES, (160, 158, 152)),
        edge=one_of(WHITE, YELLOW),
        is_striped=bool(generator.random() < 0.5),
        lines=tuple(generator.choice(["solid", "broken", "none"], 3, p=[0.45, 0.4, 0.15]).tolist()),
    )


def _draw_light(generator: np.random.Generator) -> Light:
    low, high = ((0.85, 1.15), (0.35, 0.65), (1.25, 1.6))[generator.choice(3, p=[0.6, 0.2, 0.2])]
    tint = tuple(generator.uniform(0.93, 1.07, 3).tolist())
    haze = generator.uniform(0.3, 0.6) if generator.random() < 0.2 else generator.uniform(0, 0.15)
    return Light(generator.uniform(low, high), tint, haze, generator.uniform(0, 0.8), generator.uniform(1, 6))
