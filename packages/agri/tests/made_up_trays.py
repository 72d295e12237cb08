"""Trays made up, so that every seed is known: textured ellipses that touch, under uneven light, stored as JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Floats = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Kind:
    """What lies on what.

    Arguments:
        background: The colour of the tray, sRGB in [0, 255].
        seeds: The colours of the seeds; each has one of them.
        weave: The contrast of the threads of a cloth, as a share of its brightness.
        shadow: How much of the light a seed takes from what lies below and right of it.
    """

    background: Colour
    seeds: tuple[Colour, ...]
    weave: float = 0.0
    shadow: float = 0.3


KINDS = {
    "dark on white paper": Kind((236, 233, 226), ((62, 44, 32),)),
    "black on grey paper": Kind((150, 150, 148), ((32, 31, 33),), shadow=0.2),
    "wheat on white paper": Kind((232, 230, 224), ((176, 132, 78),)),
    "wheat on green": Kind((12, 178, 38), ((190, 150, 96),), shadow=0.6),
    "wheat on black film": Kind((14, 14, 17), ((186, 148, 98),)),
    "pale on dark cloth": Kind((40, 42, 58), ((214, 202, 168),), weave=0.35),
    "rice on blue": Kind((38, 72, 150), ((226, 224, 214),)),
    "lentils on grey cloth": Kind((128, 128, 126), ((186, 92, 50),), weave=0.2),
    "peas on brown": Kind((120, 84, 58), ((132, 162, 70),)),
    "two sorts on grey": Kind((128, 130, 132), ((226, 216, 190), (48, 36, 30)), shadow=0.2),
}


@dataclass(frozen=True)
class Tray:
    """A photograph, :math:`(H, W, 3)` uint8, and which seed each of its pixels shows, :math:`(H, W)`; 0 is none."""

    pixels: NDArray[np.uint8]
    truth: NDArray[np.int32]

    @property
    def count(self) -> int:
        return int(self.truth.max())


def make_tray(
    kind: Kind,
    seed: int,
    *,
    count: int = 24,
    minor: float = 24.0,
    size: tuple[int, int] = (480, 640),
    touching: float = 0.3,
    light: float = 0.35,
    noise: float = 4.0,
    quality: int | None = 88,
) -> Tray:
    """A tray whose seeds lie apart, but for those that touch another one.

    Arguments:
        kind: What lies on what.
        seed: The seed of all that is random.
        count: The most seeds; fewer, where there is no room.
        minor: The median width of a seed in pixels; widths differ by a sixth, lengths are 1.3 to 2.2 widths.
        size: The height and width of the photograph.
        touching: The share of seeds that are laid against an earlier one.
        light: How much darker the darkest corner is, as a share.
        noise: The standard deviation of the camera's noise, in 255ths.
        quality: The quality of JPEG; none without.
    """
    generator = np.random.default_rng(seed)
    truth = np.zeros(size, np.int32)
    colour = np.broadcast_to(np.array(kind.background, float), (*size, 3)).copy()
    colour *= 1 + kind.weave * _weave(size, generator)[..., None] + 0.02 * _blotches(size, 3.0, generator)[..., None]
    placed: list[tuple[float, float]] = []
    for number in range(count):
        _lay(truth, colour, kind, minor, touching if placed else 0.0, placed, number, generator)
    shade = _shadow(truth > 0, 0.35 * minor, kind.shadow) * _light(size, light, generator)
    pixels = ndimage.gaussian_filter(colour * shade[..., None], (0.8, 0.8, 0))
    pixels += generator.normal(0, noise, pixels.shape)
    return Tray(_stored(pixels.clip(0, 255).round().astype(np.uint8), quality), truth)


def _lay(
    truth: NDArray[np.int32],
    colour: Floats,
    kind: Kind,
    minor: float,
    touching: float,
    placed: list[tuple[float, float]],
    number: int,
    generator: np.random.Generator,
) -> None:
    """Lays one seed where there is room, after some tries; one that touches is pushed against an earlier one."""
    touches = generator.random() < touching
    for _ in range(60):
        shape = _shape(minor, generator)
        reach = len(shape) // 2
        if touches:
            anchor = placed[generator.integers(len(placed))]
            centre = _pushed(truth, shape, anchor, generator.uniform(0, 2 * np.pi))
        else:
            centre = generator.uniform(0, truth.shape[0]), generator.uniform(0, truth.shape[1])
        if centre is None or not _fits(truth, shape, centre, 0 if touches else max(3, round(0.2 * minor))):
            continue
        rows, columns, inside = _window(truth.shape, shape, centre)
        truth[rows, columns][inside] = truth.max() + 1
        base = np.array(kind.seeds[number % len(kind.seeds)]) * generator.uniform(0.85, 1.12)
        look = _look(shape, base, generator)
        top, left = round(centre[0]) - reach, round(centre[1]) - reach
        part = look[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        colour[rows, columns][inside] = part[inside]
        placed.append(centre)
        return


def _shape(minor: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """An ellipse, a little irregular, turned at random."""
    half = minor / 2 * generator.uniform(5 / 6, 7 / 6)
    long = half * generator.uniform(1.3, 2.2)
    reach = int(long * 1.2) + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turn = generator.uniform(0, np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(v / half, u / long)
    edge = 1 + sum(generator.normal(0, 0.02) * np.cos(k * angle + generator.uniform(0, 6.3)) for k in (2, 3, 4))
    return np.asarray(np.hypot(u / long, v / half) <= edge)


def _look(shape: NDArray[np.bool_], base: Floats, generator: np.random.Generator) -> Floats:
    """The colours of a seed: rounded by its shading, spotted, with a dark germ at a place of it."""
    depth = ndimage.distance_transform_edt(shape)
    rounded = 0.78 + 0.3 * np.sqrt(depth / depth.max())
    spots = 1 + 0.08 * _blotches(shape.shape, 1.5, generator)
    y, x = np.mgrid[: len(shape), : len(shape)] - len(shape) // 2
    at = generator.normal(0, 0.25 * len(shape), 2)
    germ = 1 - 0.3 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (0.08 * depth.max() ** 2 * 8))
    return np.asarray(base * (rounded * spots * germ)[..., None])


def _window(
    size: tuple[int, ...], shape: NDArray[np.bool_], centre: tuple[float, float], grow: int = 0
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Where in the tray a shape lies, and the part of it that is in the photograph."""
    shape = ndimage.binary_dilation(np.pad(shape, grow), iterations=grow) if grow else shape
    reach = len(shape) // 2
    top, left = round(centre[0]) - reach, round(centre[1]) - reach
    rows = slice(max(0, top), max(0, min(size[0], top + len(shape))))
    columns = slice(max(0, left), max(0, min(size[1], left + len(shape))))
    return rows, columns, shape[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _fits(truth: NDArray[np.int32], shape: NDArray[np.bool_], centre: tuple[float, float], gap: int) -> bool:
    """Whether the place is free, and most of the seed is in the photograph."""
    rows, columns, inside = _window(truth.shape, shape, centre)
    if inside.sum() < 0.5 * shape.sum():
        return False
    rows, columns, inside = _window(truth.shape, shape, centre, gap)
    return not truth[rows, columns][inside].any()


def _pushed(
    truth: NDArray[np.int32], shape: NDArray[np.bool_], anchor: tuple[float, float], turn: float
) -> tuple[float, float] | None:
    """The nearest place to another seed, in one direction, that is free."""
    for step in range(1, 2 * len(shape)):
        centre = anchor[0] + step * np.sin(turn), anchor[1] + step * np.cos(turn)
        rows, columns, inside = _window(truth.shape, shape, centre)
        if inside.size and not truth[rows, columns][inside].any():
            return centre
    return None


def _light(size: tuple[int, int], light: float, generator: np.random.Generator) -> Floats:
    """A lamp on one side: a slope, and a fall towards the corners."""
    y, x = (np.linspace(-1, 1, length) for length in size)
    turn = generator.uniform(0, 2 * np.pi)
    field = 0.35 * (np.sin(turn) * y[:, None] + np.cos(turn) * x) - 0.25 * (y[:, None] ** 2 + x**2)
    return np.asarray(1 - light * (field.max() - field) / np.ptp(field))


def _shadow(mask: NDArray[np.bool_], offset: float, depth: float) -> Floats:
    """The light that is left beside seeds; they themselves get all of it."""
    cast = ndimage.shift(mask.astype(float), (offset, 0.6 * offset), order=1)
    soft = ndimage.gaussian_filter(cast, 0.3 * offset)
    return np.where(mask, 1.0, 1 - depth * soft)


def _weave(size: tuple[int, int], generator: np.random.Generator) -> Floats:
    y, x = np.mgrid[: size[0], : size[1]]
    threads = 0.5 * (np.sin(2 * np.pi * y / 5.3) + np.sin(2 * np.pi * x / 4.7))
    return np.asarray(threads * 0.5 + 0.4 * _blotches(size, 1.2, generator))


def _blotches(size: tuple[int, ...], scale: float, generator: np.random.Generator) -> Floats:
    """Smooth noise of unit variance."""
    field = ndimage.gaussian_filter(generator.normal(size=size), scale)
    return np.asarray(field / field.std())


def _stored(pixels: NDArray[np.uint8], quality: int | None) -> NDArray[np.uint8]:
    if quality is None:
        return pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
