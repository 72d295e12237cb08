"""Pictures that applications are trained on in tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def save_pictures(folder: Path, count: int, side: int = 84) -> Path:
    """Blurred noise in colour."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (side // 3, side // 3, 3), np.uint8))
        coarse.resize((side, side)).save(folder / f"{index}.png")
    return folder
