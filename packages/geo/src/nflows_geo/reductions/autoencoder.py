r"""The canonical autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_geo.reductions.training import EPOCHS, Encoder, train_autoencoder
from nflows_geo.spectra import PercentileScaling, Sample


@dataclass(frozen=True)
class Autoencoder:
    """The code of an autoencoder with one hidden layer, half as wide as the scene has bands, of ReLUs.

    The output is a sigmoid, the loss the mean squared error of the scaled bands; Adam, ten epochs.

    Arguments:
        scaling: The scaling of the bands.
        encoder: What makes the code of scaled bands.
        error: The mean squared error of the scaled bands.

    Source: Nagar, Farahbakhsh, Awange and Chandra, Adv. Space Res. 74 (2024). They do not give the width.
    """

    scaling: PercentileScaling
    encoder: Encoder
    error: float

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """Trains it on a sample."""
        scaling = PercentileScaling.fit(sample.spectra)
        width = max(2, sample.spectra.shape[1] // 2)
        return cls(scaling, *train_autoencoder(scaling.transform(sample.spectra), [width], seed))

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`, to codes, :math:`(N, D)`."""
        return self.encoder(self.scaling.transform(spectra))

    def describe(self) -> dict[str, Any]:
        """The scaling, the width of the code and the error, for a report."""
        return {
            "scaling": self.scaling.describe(),
            "components": len(self.encoder.weights[-1][1]),
            "epochs": EPOCHS,
            "mean_squared_error": self.error,
        }
