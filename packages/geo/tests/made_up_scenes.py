"""Small scenes whose units are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shaded_scene(seed: int, side: int = 90) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three units whose spectra differ little, on slopes whose light differs much: reflectance and units."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(3), side // 3)[:, None].repeat(side, axis=1)
    spectra = np.array([[0.20, 0.30, 0.40, 0.35], [0.20, 0.32, 0.40, 0.33], [0.22, 0.30, 0.38, 0.36]])
    light = rng.uniform(0.5, 1.5, (side // 2, side // 2)).repeat(2, axis=0).repeat(2, axis=1)
    scene = spectra[units].transpose(2, 0, 1) * light + rng.normal(0, 0.002, (4, side, side))
    return scene.astype(np.float32), units
