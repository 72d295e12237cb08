"""Spectra of a made-up desert in ten bands of Sentinel-2, several units of rock under changing light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WAVELENGTHS = (492.0, 560.0, 665.0, 704.0, 740.0, 783.0, 833.0, 865.0, 1614.0, 2202.0)
_UNITS = np.array(
    [
        [0.35, 0.40, 0.43, 0.45, 0.46, 0.47, 0.47, 0.47, 0.48, 0.42],  # limestone
        [0.07, 0.08, 0.09, 0.095, 0.10, 0.10, 0.10, 0.10, 0.12, 0.11],  # basalt
        [0.08, 0.13, 0.26, 0.29, 0.31, 0.32, 0.32, 0.33, 0.42, 0.38],  # red sandstone
        [0.14, 0.18, 0.22, 0.24, 0.25, 0.26, 0.26, 0.27, 0.34, 0.26],  # shale
        [0.22, 0.26, 0.30, 0.31, 0.32, 0.33, 0.33, 0.33, 0.37, 0.34],  # granite
        [0.16, 0.21, 0.27, 0.29, 0.30, 0.31, 0.32, 0.32, 0.41, 0.37],  # alluvium
        [0.45, 0.50, 0.53, 0.54, 0.55, 0.55, 0.55, 0.55, 0.45, 0.28],  # playa
        [0.03, 0.06, 0.04, 0.10, 0.30, 0.38, 0.40, 0.41, 0.22, 0.10],  # shrubs
    ]
)
_PARTS = (0.15, 0.12, 0.15, 0.15, 0.15, 0.15, 0.05, 0.08)
_OVERGROWN = (3, 4, 5)
_SHRUBS = 7


def made_up_spectra(count: int, seed: int) -> NDArray[np.float32]:
    """Reflectances, (N, 10): units, some overgrown in part, times light and shade, with 2 % of variation and noise."""
    generator = np.random.default_rng(seed)
    units = generator.choice(len(_UNITS), count, p=_PARTS)
    cover = np.where(np.isin(units, _OVERGROWN), generator.beta(1, 6, count), 0)[:, None]
    mixed = (1 - cover) * _UNITS[units] + cover * _UNITS[_SHRUBS]
    light = np.exp(generator.normal(0, 0.2, (count, 1)))
    noisy = mixed * light * generator.normal(1, 0.02, mixed.shape) + generator.normal(0, 0.003, mixed.shape)
    return noisy.clip(1e-3).astype(np.float32)
