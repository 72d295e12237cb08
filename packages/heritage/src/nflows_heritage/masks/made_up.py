"""Made-up damage, whose place is known: cracks that branch, and losses, drawn over pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nflows_core.drawing import Polygon, Stroke, bezier, drawn, wandering

Floats = NDArray[np.float32]
Points = NDArray[np.float64]

MARKED = 0.04
"""A pixel is damaged if its colour has changed by so much, of 1: the rim too, but not what had that colour already."""


@dataclass(frozen=True)
class Damage:
    """A picture that was damaged.

    Arguments:
        picture: The picture :math:`(H, W, C)` in [0, 1].
        mask: Where it is damaged, :math:`(H, W)`.
    """

    picture: Floats
    mask: NDArray[np.bool_]


def crack_shares(
    height: int, width: int, count: int, random: np.random.Generator, widths: tuple[float, float] = (0.8, 4.0)
) -> Floats:
    """The share of each pixel that cracks cover.

    Arguments:
        height: The height in pixels.
        width: The width.
        count: The number of cracks; each has up to three branches.
        random: What they are drawn from.
        widths: How wide they begin, at least and at most, in pixels.
    """
    strokes: list[Stroke] = []
    for _ in range(count):
        trunk = _stroke(_trunk(height, width, random), random.uniform(*widths), random)
        strokes += [trunk, *(_branch(trunk, random) for _ in range(int(random.integers(0, 4))))]
    return drawn(strokes, height, width)


def loss_shares(
    height: int, width: int, count: int, radius: tuple[float, float], random: np.random.Generator
) -> Floats:
    """The share of each pixel that flaked spots cover, round ones with a wavy outline.

    Arguments:
        height: The height in pixels.
        width: The width.
        count: The number of spots.
        radius: The least and the greatest of their radii, in pixels.
        random: What they are drawn from.
    """
    return drawn([_spot(height, width, radius, random) for _ in range(count)], height, width)


def painted(picture: Floats, shares: Floats, light: bool, random: np.random.Generator) -> Damage:
    """A picture with damage of a colour of its own, dark as a gap or light as bare ground, soft or sharp, faint or not.

    Arguments:
        picture: The picture :math:`(H, W, C)` in [0, 1].
        shares: The share of each pixel that is damaged.
        light: Whether the damage is light.
        random: What its colour, strength and softness are drawn from.
    """
    soft = gaussian_filter(shares, random.uniform(0, 0.7))
    tone = random.uniform(0.8, 1.0) if light else random.uniform(0.0, 0.2)
    tint = np.array([1.0, 0.97, 0.92]) ** random.uniform(-1, 3)
    colour = np.clip(tone * tint[: picture.shape[2]], 0, 1)
    opacity = random.uniform(0.6, 1.0) * soft[..., None]
    change = opacity * (colour - picture)
    grain = opacity * random.normal(0, random.uniform(0, 0.03), picture.shape)
    result = np.clip(picture + change + grain, 0, 1).astype(np.float32)
    return Damage(result, np.abs(change).max(2) >= MARKED)


def bare(picture: Floats, shares: Floats, light: bool, random: np.random.Generator) -> Damage:
    """A picture with damage through which nothing shows: one even tone, white or black or nearly so, with soft rims.

    Arguments:
        picture: The picture :math:`(H, W, C)` in [0, 1].
        shares: The share of each pixel that is damaged.
        light: Whether the damage is light.
        random: What its tone and softness are drawn from.
    """
    soft = gaussian_filter(shares, random.uniform(0, 1.2))[..., None]
    depth = random.choice([0.0, random.uniform(0, 0.15)])
    change = soft * ((1 - depth if light else depth) - picture)
    return Damage((picture + change).astype(np.float32), np.abs(change).max(2) >= MARKED)


def weathered(picture: Floats, shares: Floats, light: bool, random: np.random.Generator) -> Damage:
    """A picture with cracks as old paint has them: darker or lighter than what is beside them by a part only, soft,
    here strong and there faint, and with a worn rim.

    Arguments:
        picture: The picture :math:`(H, W, C)` in [0, 1].
        shares: The share of each pixel that is cracked.
        light: Whether the cracks are lighter.
        random: What their tone, strength and softness are drawn from.
    """
    soft = gaussian_filter(shares, random.uniform(0.3, 0.9))
    waves = gaussian_filter(random.normal(0, 1, shares.shape), random.uniform(3, 12))
    opacity = soft / (1 + np.exp(-2 * waves / (waves.std() + 1e-9) - random.uniform(0, 3)))
    ground = gaussian_filter(picture, (4, 4, 0))
    end, way = (1.0 if light else 0.0), random.uniform(0.35, 0.95)
    tint = np.exp(random.uniform(-0.1, 0.1, picture.shape[2]))
    change = opacity[..., None] * (np.clip((ground + way * (end - ground)) * tint, 0, 1) - picture)
    rim = np.clip(gaussian_filter(shares, 1.5) - soft, 0, 1)[..., None] * random.uniform(-0.2, 0.3)
    result = np.clip(picture + change + rim * (1 - picture), 0, 1).astype(np.float32)
    return Damage(result, np.abs(change).max(2) >= MARKED)


def _trunk(height: int, width: int, random: np.random.Generator) -> Points:
    """A curve of Bézier, or a line that wanders."""
    sides = np.array([width, height], np.float64)
    start = random.uniform(0, 1, 2) * sides
    length = random.uniform(0.2, 0.9) * float(sides.min())
    angle = random.uniform(0, 2 * math.pi)
    if random.random() < 0.5:
        return wandering(start, angle, length, random.uniform(0.05, 0.4), random)
    way = length * np.array([math.cos(angle), math.sin(angle)])
    controls = start + np.linspace(0, 1, 5)[:, None] * way + random.normal(0, 0.15 * length, (5, 2))
    points = bezier(controls, max(round(length), 2))
    return points + np.cumsum(random.normal(0, 0.15, points.shape), axis=0)


def _stroke(points: Points, width: float, random: np.random.Generator) -> Stroke:
    """Wide at its start, and thin at its end, with a width that varies on the way."""
    taper = np.linspace(1, random.uniform(0.2, 1), len(points))
    waves = np.exp(gaussian_filter(random.normal(0, 1, len(points)), 3, mode="nearest"))
    return Stroke(points, np.clip(width * taper * waves, 0.6, 1.5 * width))


def _branch(trunk: Stroke, random: np.random.Generator) -> Stroke:
    index = int(random.integers(0, len(trunk.points) - 1))
    way = trunk.points[index + 1] - trunk.points[index]
    angle = math.atan2(way[1], way[0]) + random.choice([-1, 1]) * random.uniform(0.3, 1.4)
    length = random.uniform(0.2, 0.7) * len(trunk.points)
    points = wandering(trunk.points[index], angle, length, random.uniform(0.05, 0.4), random)
    return _stroke(points, random.uniform(0.5, 0.9) * float(trunk.widths[index]), random)


def _spot(height: int, width: int, radius: tuple[float, float], random: np.random.Generator) -> Polygon:
    angles = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    waves = sum(random.normal(0, 0.25 / k) * np.cos(k * angles + random.uniform(0, 2 * math.pi)) for k in range(1, 6))
    lengths = random.uniform(*radius) * np.exp(waves)
    middle = random.uniform(0, 1, 2) * [width, height]
    return Polygon(middle + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))
