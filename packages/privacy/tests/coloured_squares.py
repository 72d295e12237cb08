"""Pictures of coloured squares on noise, with a table of their boxes: learned in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.report import write_csv
from nflows_privacy.annotations.table import rows_of
from nflows_privacy.regions import Box, Region

COLOURS = {"blue": (40, 60, 230), "red": (230, 40, 40)}
SIDE = 96


def squares(seed: int) -> tuple[NDArray[np.uint8], list[Region]]:
    """A picture, and the squares in it."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
    regions = []
    for column, (kind, colour) in enumerate(COLOURS.items()):
        side = int(generator.integers(16, 40))
        left, top = 48 * column + int(generator.integers(0, 48 - side + 1)), int(generator.integers(0, SIDE - side))
        pixels[top : top + side, left : left + side] = colour
        regions.append(Region(Box(left, top, left + side, top + side), kind))
    return pixels, regions


def save_squares(folder: Path, count: int, first: int = 0) -> Path:
    """The table of so many pictures, which lie beside it; the last of them has no boxes and shows none."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(count):
        pixels, regions = squares(first + index)
        name = f"{index:03}.png"
        Image.fromarray(pixels).save(folder / name)
        rows += rows_of(name, regions)
    Image.fromarray(np.full((SIDE, SIDE, 3), 110, np.uint8)).save(folder / "empty.png")
    write_csv(folder / "boxes.csv", [*rows, *rows_of("empty.png", [])])
    return folder / "boxes.csv"
