r"""The latent of a normalizing flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nflows_core.training import EngineConfig
from nflows_geo.spectra import Sample
from nflows_geo.spectra.density import STEPS, TRAINING, WIDTH, SpectralFlow
from nflows_geo.tiling import one_thread


@dataclass(frozen=True)
class FlowFeatures:
    r"""Spectra as noise, :math:`z = f((x - \mu) W)`: whitened, and then bent until they are standard normal.

    What `WhitenedPCA` does to the covariance of the spectra, the flow does to their whole distribution. Its limit
    should be known: the better the flow, the rounder the cloud, and a perfect one leaves a Gaussian without any groups.
    Units that were apart then touch, and k-means cuts where it must rather than where they end.

    Arguments:
        model: The flow, as it is trained for the density of spectra.
        log_density: Mean over the sample, in nats.

    Source: Dinh, Krueger and Bengio, NICE (2015), section 2, for the latent as features.
    """

    model: SpectralFlow
    log_density: float

    @classmethod
    def fit(cls, sample: Sample, seed: int, training: EngineConfig = TRAINING) -> Self:
        """Trains the flow on a sample, with settings as for `SpectralFlow`.

        Raises:
            ValueError: There are too few spectra, or a band is constant or determined by others.
        """
        # Whoever limits the threads before torch is loaded, as `learn` may, does not limit torch's.
        with one_thread():
            model = SpectralFlow.fit(sample.spectra, seed, training)
        return cls(model, float(model.log_prob(sample.spectra).mean(dtype=np.float64)))

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra of a blurred scene, :math:`(N, C)`, to latents of the same shape."""
        return self.model.transform(spectra)

    def describe(self) -> dict[str, Any]:
        """The flow and how well it fits, for a report."""
        return {
            "components": self.model.bands,
            "steps": STEPS,
            "width": WIDTH,
            "mean_log_density_nats": self.log_density,
        }
