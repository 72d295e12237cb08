"""Folders of made-up crops: a speckled blot on black, another one for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nflows_core.testing.blots import blot


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
                save(folder / label / f"{photograph}_{seed}.png", blot(seed))
    return folder
