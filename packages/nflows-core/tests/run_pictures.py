"""Folders of pictures for tests of runs, and the settings of trainings of seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

TINY = ("--levels", "1", "--depth", "1", "--width", "4", "--epochs", "1", "--batch-size", "10")


def noise(folder: Path, n: int = 60, seed: int = 0, side: int = 8, most: int = 256) -> Path:
    """Grey pictures of noise, named by their numbers."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(n):
        Image.fromarray(generator.integers(0, most, (side, side), np.uint8)).save(folder / f"{index:03d}.png")
    return folder
