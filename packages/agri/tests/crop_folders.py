"""Folders of made-up crops: a speckled blot on black, another one for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter


def crop(seed: int, side: int = 40) -> NDArray[np.uint8]:
    """A round thing with a pattern of its own."""
    generator = np.random.default_rng(seed)
    pattern = gaussian_filter(generator.normal(size=(side, side)), 1.5)
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    inside = (rows / 0.9) ** 2 + (columns / generator.uniform(0.6, 0.9)) ** 2 < (side / 2) ** 2
    grey = np.clip(150 + 250 * pattern, 60, 255) * inside
    return np.stack([grey, 0.8 * grey, 0.5 * grey], 2).astype(np.uint8)


def save(path: Path, pixels: NDArray[np.uint8], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def crops(folder: Path, counts: dict[str, dict[str, int]], seed: int = 0) -> Path:
    """A folder with so many different crops of each photograph in each class, ``CLASS/PHOTOGRAPH_NUMBER.png``."""
    for label, photographs in counts.items():
        for photograph, count in photographs.items():
            for _ in range(count):
                seed += 1
                save(folder / label / f"{photograph}_{seed}.png", crop(seed))
    return folder
