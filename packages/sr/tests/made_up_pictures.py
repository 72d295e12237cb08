"""Pictures that bicubic enlargement blurs and a network can learn: sharp discs, bars and stripes in flat colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def made_up_picture(seed: int, height: int = 48, width: int = 60) -> NDArray[np.uint8]:
    """Discs and half planes on one another, :math:`(H, W, 3)`; drawn fine and made small, so that edges are smooth."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : 4 * height, 0 : 4 * width] / 4
    pixels = np.zeros((4 * height, 4 * width, 3)) + generator.integers(0, 256, 3)
    for shape in range(12):
        y, x = generator.uniform(0, height), generator.uniform(0, width)
        if shape % 2:
            inside = np.hypot(rows - y, columns - x) < generator.uniform(3, 12)
        else:
            angle = generator.uniform(0, np.pi)
            inside = np.abs(np.cos(angle) * (rows - y) + np.sin(angle) * (columns - x)) < generator.uniform(1, 4)
        pixels[inside] = generator.integers(0, 256, 3)
    fine = pixels.reshape(height, 4, width, 4, 3).mean((1, 3))
    return fine.round().astype(np.uint8)


def save_pictures(folder: Path, count: int, first_seed: int = 0, height: int = 48, width: int = 60) -> Path:
    """A folder of such pictures as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first_seed, first_seed + count):
        Image.fromarray(made_up_picture(seed, height, width)).save(folder / f"{seed:03}.png")
    return folder
