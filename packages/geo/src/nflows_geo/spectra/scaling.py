r"""Reflectance scaled to the unit interval, and ends for what is far outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True)
class PercentileScaling:
    r"""Maps each band to :math:`[-r, 1 + r]`, :math:`(x - l) / (h - l)`, clipped.

    The ends are percentiles of a sample, so that a few clouds or shadows do not decide the scale of all others.

    Arguments:
        low: :math:`l`, in the unit of the spectra, :math:`(C,)`.
        high: :math:`h`, :math:`(C,)`.
        reach: :math:`r`, how far beyond the ends values count as they are. Where they are cut off at the ends
            themselves, a fiftieth of the pixels lies on the faces of a box, which a density takes for units.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    reach: float = 0.0

    @classmethod
    def fit(cls, spectra: NDArray[np.float32], reach: float = 0.0) -> Self:
        """Takes the ends from a sample of spectra, :math:`(N, C)`.

        Raises:
            ValueError: A band is constant.
        """
        low, high = np.percentile(spectra, PERCENTILES, axis=0).astype(np.float32)
        refuse_constant_bands(high - low)
        return cls(low, high, reach)

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scales spectra, :math:`(N, C)`."""
        scaled = (spectra - self.low) / (self.high - self.low)
        return np.clip(scaled, np.float32(-self.reach), np.float32(1 + self.reach), out=scaled)

    def describe(self) -> dict[str, Any]:
        """The ends, for a report."""
        ends = {"low": self.low.tolist(), "high": self.high.tolist()}
        return {"percentiles": list(PERCENTILES), **ends, "reach": self.reach}


def refuse_constant_bands(spread: NDArray[np.floating[Any]]) -> None:
    """Refuses bands without spread, which tell nothing and can not be scaled."""
    if (spread <= 0).all():
        raise ValueError("all bands are constant in nearly all of the scene, so there is nothing to tell apart")
    if constant := [str(band + 1) for band in np.flatnonzero(spread <= 0)]:
        raise ValueError(
            f"band {', '.join(constant)} is constant in nearly all of the scene; leave it out: `exclude_bands`"
        )
