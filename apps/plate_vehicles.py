"""Where made-up plates are: in holders, in panels of vehicles, with what hides a part of them."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from plate_letters import put_text, random_font, word

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]


def mounted(plate: Pixels, generator: np.random.Generator) -> tuple[Pixels, Box]:
    """A plate as it is on a vehicle: alone, in a holder, in a panel of a car's body; and where it is in that."""
    kind = generator.choice(3, p=[0.15, 0.25, 0.6])
    plate = _blemished(plate, generator)
    height, width = plate.shape[:2]
    edge = int(generator.integers(2, 9)) if kind else 0
    lower = edge + (int(generator.integers(0, 16)) if kind and generator.random() < 0.5 else 0)
    colour = int(generator.integers(5, 60)) if generator.random() < 0.8 else int(generator.integers(120, 230))
    held = np.full((height + edge + lower, width + 2 * edge, 3), colour, np.uint8)
    held[edge : edge + height, edge : edge + width] = plate
    inner = (float(edge), float(edge), float(edge + width), float(edge + height))
    if kind < 2:
        return opaque(held), inner
    panel, corner = body(held.shape[1], held.shape[0], generator)
    panel[corner[1] : corner[1] + held.shape[0], corner[0] : corner[0] + held.shape[1], :3] = held
    return panel, (inner[0] + corner[0], inner[1] + corner[1], inner[2] + corner[0], inner[3] + corner[1])


def _blemished(plate: Pixels, generator: np.random.Generator) -> Pixels:
    """Maybe with a ball of a coupling, a bar or a branch before it."""
    if generator.random() > 0.12:
        return plate
    image = Image.fromarray(plate)
    draw, colour = ImageDraw.Draw(image), tuple(generator.integers(0, 120, 3).tolist())
    x, y = generator.uniform(0, plate.shape[1]), generator.uniform(0.3, 1) * plate.shape[0]
    radius = generator.uniform(0.15, 0.4) * plate.shape[0]
    if generator.random() < 0.5:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    else:
        end = generator.uniform(0, plate.shape[1])
        draw.line((x, plate.shape[0], end, 0), fill=colour, width=max(2, int(radius / 2)))
    return np.asarray(image)


def body(width: int, height: int, generator: np.random.Generator) -> tuple[Pixels, tuple[int, int]]:
    """The rear or front of a vehicle about a holder of this size, RGB and alpha, and the holder's corner in it."""
    across, down = int(width * generator.uniform(1.3, 3.6)), int(height * generator.uniform(1.6, 5))
    across, down = max(across, width + 8), max(down, height + 8)
    base = generator.uniform(0, 255, 3) if generator.random() < 0.35 else np.full(3, generator.uniform(10, 245))
    rows = np.interp(np.arange(down), np.sort(generator.uniform(0, down, 5)), generator.normal(0, 28, 5))
    shade = np.clip(base + rows[:, None], 0, 255).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(shade[:, None], (down, across, 3)).copy())
    corner = (
        int(generator.normal((across - width) / 2, width * 0.05)),
        int(generator.uniform(0.15, 0.85) * (down - height)),
    )
    corner = min(max(corner[0], 2), across - width - 2), min(max(corner[1], 2), down - height - 2)
    _details(image, (*corner, corner[0] + width, corner[1] + height), generator)
    alpha = Image.new("L", image.size)
    ImageDraw.Draw(alpha).rounded_rectangle((0, 0, across - 1, down - 1), int(0.15 * down), fill=255)
    return np.dstack([np.asarray(image), np.asarray(alpha)]), corner


def _details(image: Image.Image, holder: Sequence[int], generator: np.random.Generator) -> None:
    """A recess about the plate, gaps, a grille, lamps, and the maker's badge."""
    draw, (width, height) = ImageDraw.Draw(image), image.size
    dark = tuple([int(generator.integers(5, 60))] * 3)
    if generator.random() < 0.5:
        grown = [int(generator.integers(4, 40)) for _ in range(4)]
        recess = (holder[0] - grown[0], holder[1] - grown[1], holder[2] + grown[2], holder[3] + grown[3])
        draw.rounded_rectangle(
            recess, 8, fill=tuple(generator.integers(0, 200, 3).tolist()) if generator.random() < 0.3 else dark
        )
    for _ in range(int(generator.integers(0, 4))):
        y = int(generator.integers(height))
        draw.line((0, y, width, y + int(generator.normal(0, 3))), fill=dark, width=int(generator.integers(1, 5)))
    if generator.random() < 0.25:
        for y in range(int(generator.integers(8)), height, int(generator.integers(8, 24))):
            draw.line((0, y, width, y), fill=dark, width=4)
    if generator.random() < 0.5:
        size = generator.uniform(0.08, 0.22) * width, generator.uniform(0.2, 0.5) * height
        upper, red = generator.uniform(0, height - size[1]), (int(generator.integers(120, 250)), 20, 25)
        lamp = red if generator.random() < 0.7 else (230, 230, 225)
        for left in (0.0, width - size[0]):
            draw.rounded_rectangle(
                (left, upper, left + size[0], upper + size[1]), 10, fill=lamp, outline=(200, 200, 200)
            )
    if generator.random() < 0.3:
        text = word(generator, string.ascii_letters, int(generator.integers(2, 8)))
        across, down = generator.uniform(0, 0.7), generator.uniform(0, 0.8)
        shade = int(generator.integers(150, 250))
        put_text(
            image,
            text,
            (across, down, across + 0.25, down + 0.12),
            (shade, shade, shade),
            random_font(generator),
            squeeze=False,
        )


def opaque(pixels: Pixels) -> Pixels:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
