"""Made-up crops: a speckled blot on black, another one for each seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def blot(seed: int, side: int = 40) -> NDArray[np.uint8]:
    """A round thing with a pattern of its own, RGB, :math:`(S, S, 3)`."""
    generator = np.random.default_rng(seed)
    pattern = gaussian_filter(generator.normal(size=(side, side)), 1.5)
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    inside = (rows / 0.9) ** 2 + (columns / generator.uniform(0.6, 0.9)) ** 2 < (side / 2) ** 2
    grey = np.clip(150 + 250 * pattern, 60, 255) * inside
    return np.stack([grey, 0.8 * grey, 0.5 * grey], 2).astype(np.uint8)
