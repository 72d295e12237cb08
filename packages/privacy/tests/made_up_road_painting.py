"""How a made-up road scene is painted."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from made_up_ground import FAR, HEIGHT, WIDTH, Colour, Pixels, Span, View, blob, fill, shaded
from made_up_road_layouts import NOTHING, WHITE, YELLOW, Layout, Light, shaped
from nflows_privacy.regions import Box

_BEHIND = -99.0
_DARK = (45, 45, 45)


def paint_scene(kind: str, layout: Layout, frame: int = 0) -> tuple[Pixels, Box | None]:
    """The picture, RGB, and the box of its sign, if it has one; each frame has noise of its own."""
    layout = shaped(kind, layout)
    view, picture = layout.view, np.empty((HEIGHT, WIDTH, 3), np.uint8)
    gap = layout.opening if kind == "gap-in-median" else None
    mouth = layout.opening if kind == "side-road-left" else None
    _paint_land(picture, layout)
    _paint_asphalt(picture, layout, mouth)
    _paint_lines(picture, layout, gap, mouth)
    if layout.is_divided:
        _paint_median(picture, layout, gap)
    _paint_rails(picture, layout, mouth)
    for thing in sorted(layout.things, key=lambda thing: -thing.along):
        thing.paint(picture, view)
    box = None if kind == NOTHING else layout.sign.paint(picture, view, kind)
    return _lit(picture, layout.light, view.horizon, np.random.default_rng((layout.seed, frame))), box


def _paint_land(picture: Pixels, layout: Layout) -> None:
    looks, horizon = layout.looks, round(layout.view.horizon)
    weight = np.linspace(0, 1, horizon)[:, None, None]
    picture[:horizon] = np.array(looks.sky[0]) * (1 - weight) + np.array(looks.sky[1]) * weight
    picture[horizon:] = looks.verge
    generator = np.random.default_rng(layout.seed)
    ridge = np.column_stack([np.linspace(0, WIDTH, 29), horizon - np.abs(generator.normal(5, 4, 29))])
    fill(picture, np.concatenate([ridge, [(WIDTH, horizon + 1), (0, horizon + 1)]]), looks.wood)
    for down, across, shade in generator.random((40, 3)):
        depth = 1 + down**2 * (HEIGHT - horizon)
        middle = (across * WIDTH, horizon + depth)
        blob(picture, middle, (0.25 * depth + 2, 0.06 * depth + 0.5), shaded(looks.verge, 0.85 + 0.3 * shade))


def _paint_asphalt(picture: Pixels, layout: Layout, mouth: Span | None) -> None:
    view, looks, (left, right) = layout.view, layout.looks, layout.edges
    everywhere = (_BEHIND, FAR)
    fill(picture, view.strip(everywhere, (left - layout.shoulder, right + layout.shoulder)), looks.shoulder)
    if mouth:
        fill(picture, _side_road(layout, mouth, layout.shoulder), looks.shoulder)
        fill(picture, _side_road(layout, mouth, 0), looks.asphalt)
    fill(picture, view.strip(everywhere, (left, right)), looks.asphalt)
    generator = np.random.default_rng((layout.seed, 1))
    for along, across, shade in generator.random((4, 3)) * (40, right - left - 1, 0.3):
        patch = view.strip((along + 3, along + 6), (left + across, left + across + 1))
        fill(picture, patch, shaded(looks.asphalt, 0.85 + shade))


def _side_road(layout: Layout, mouth: Span, wider: float) -> NDArray[np.float64]:
    """The outline of a side road, with round corners at its mouth."""
    (start, end), left = mouth, layout.edges[0]
    off = np.array([-0.1, 1.5, 4.0, 40.0])
    corner = np.array([-3.0, -0.8, 0.0, 0.0]) - wider
    along = np.concatenate([start + corner + layout.slant * off, (end - corner + layout.slant * off)[::-1]])
    return layout.view.pixels(along, left - np.concatenate([off, off[::-1]]))


def _paint_lines(picture: Pixels, layout: Layout, gap: Span | None, mouth: Span | None) -> None:
    looks, lane, (left, right) = layout.looks, layout.lane, layout.edges
    edge, between, middle = looks.lines
    _paint_line(picture, layout.view, left + 0.25, edge, looks.edge, mouth and (mouth[0] - 3, mouth[1] + 3))
    _paint_line(picture, layout.view, right - 0.25, edge, looks.edge)
    for number in range(1, layout.lanes):
        _paint_line(picture, layout.view, left + number * lane, between, WHITE)
        _paint_line(picture, layout.view, right - number * lane, between, WHITE)
    if layout.is_divided:
        _paint_line(picture, layout.view, layout.median[0] - 0.2, edge, looks.edge, gap)
        _paint_line(picture, layout.view, layout.median[1] + 0.2, edge, looks.edge, gap)
    else:
        _paint_line(picture, layout.view, layout.median[0] - 0.15, middle, looks.edge)
    if mouth and edge != "none":
        fill(picture, layout.view.strip(mouth, (left - 0.7, left - 0.4)), WHITE)


def _paint_line(
    picture: Pixels, view: View, across: float, style: str, colour: Colour, opening: Span | None = None
) -> None:
    sides = (across - 0.08, across + 0.08)
    if style == "solid":
        for piece in _pieces(opening):
            fill(picture, view.strip(piece, sides), colour)
    elif style == "broken":
        starts = np.arange(-30, 80, 9.0)
        if opening is not None:
            starts = starts[(starts > opening[1]) | (starts + 3 < opening[0])]
        fill(picture, view.pieces(starts, 3.0, sides), colour)


def _paint_median(picture: Pixels, layout: Layout, gap: Span | None) -> None:
    view, looks, (left, right, top) = layout.view, layout.looks, layout.median
    kerb = shaded(YELLOW if looks.edge[2] < 120 else WHITE, 0.9)
    for start, end in reversed(_pieces(gap)):
        for side in (right, left):
            fill(picture, view.strip((start, end), (side, side), (0, top)), kerb)
        if looks.is_striped:
            _paint_stripes(picture, layout, (start, end))
        fill(picture, view.strip((start, end), (left, right), (top, top)), kerb)
        fill(picture, view.strip((start + 0.3, end - 0.3), (left + 0.2, right - 0.2), (top, top)), looks.median)
        if start > _BEHIND:
            fill(picture, view.pixels([start] * 4, [left, right, right, left], [0, 0, top, top]), kerb)


def _paint_stripes(picture: Pixels, layout: Layout, piece: Span) -> None:
    view, (left, _, top) = layout.view, layout.median
    starts = np.arange(-30, 60, 2.0)
    starts = starts[(starts > piece[0]) & (starts + 1 < piece[1])]
    fill(picture, view.pieces(starts, 1.0, (left, left), (0, top)), _DARK)


def _paint_rails(picture: Pixels, layout: Layout, mouth: Span | None) -> None:
    view, off = layout.view, layout.shoulder + 0.3
    sides = ((layout.edges[0] - off, mouth and (mouth[0] - 3, mouth[1] + 3)), (layout.edges[1] + off, None))
    for (across, opening), is_railed in zip(sides, layout.rails, strict=True):
        for start, end in _pieces(opening) if is_railed else ():
            posts = np.arange(-30, 50, 3.0)
            posts = posts[(posts > start) & (posts < end)]
            fill(picture, view.pieces(posts, 0.15, (across, across), (0, 0.7)), _DARK)
            fill(picture, view.strip((start, end), (across, across), (0.45, 0.75)), (165, 168, 170))


def _pieces(opening: Span | None) -> Sequence[Span]:
    """The road without an opening, near to far."""
    return [(_BEHIND, FAR)] if opening is None else [(_BEHIND, opening[0]), (opening[1], FAR)]


def _lit(picture: Pixels, light: Light, horizon: float, generator: np.random.Generator) -> Pixels:
    """The picture in a light, with coarse texture and fine noise; haze is thickest at the horizon."""
    depth = np.exp(-np.abs(np.arange(HEIGHT) - horizon) / 60)[:, None, None]
    haze = (light.haze * depth).astype(np.float32)
    gains = np.array(light.tint, np.float32) * light.gain
    coarse = cv2.resize(generator.standard_normal((16, 28), np.float32) * 4, (WIDTH, HEIGHT))
    fine = generator.integers(-128, 128, (HEIGHT, WIDTH), np.int8)
    grain = coarse + fine * np.float32(light.noise * 12**0.5 / 256)  # a uniform distribution's standard deviation
    lit = picture * (gains * (1 - haze))
    lit += 205 * gains * haze
    if light.blur > 0.3:
        lit = cv2.GaussianBlur(lit, (5, 5), light.blur)
    return cv2.add(lit, cv2.merge([grain] * 3), dtype=cv2.CV_8U)
