"""What spectra are reduced to before they are clustered, each method by its name.

A reduction takes reflectance as it is: what scaling it needs is its own, fitted with it and described with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nflows_geo.reductions.ica import ICA
from nflows_geo.reductions.local_whitening import LocalWhitening
from nflows_geo.reductions.noise_fractions import NoiseFractions
from nflows_geo.reductions.pca import PCA, LeadingPCA, WhitenedPCA
from nflows_geo.spectra import Sample

__all__ = [
    "DEFAULT",
    "ICA",
    "PCA",
    "REDUCTIONS",
    "LeadingPCA",
    "LocalWhitening",
    "Method",
    "NoiseFractions",
    "Reduction",
    "WhitenedPCA",
]


class Reduction(Protocol):
    """A map from spectra to fewer or better numbers, fitted to a sample of a scene."""

    def transform(self, spectra: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps spectra, :math:`(N, C)`, to features, :math:`(N, D)`."""

    def describe(self) -> dict[str, Any]:
        """What was fitted, as numbers for a report."""


@dataclass(frozen=True)
class Method:
    """How a reduction is used.

    Arguments:
        fit: Makes it from a sample and a seed.
        why: What speaks for it, in words for a report.
        clustering: What its features are clustered by if nothing else is asked for, one of `CLUSTERINGS`.
        blur: Standard deviation in pixels of the Gaussian by which scenes are blurred before, for the fit and after.
        log_elbow: Whether the number of classes is where the logarithm of the within-cluster sum of squares has its
            elbow, rather than the sum itself, unless the clustering has a criterion of its own.
    """

    fit: Callable[[Sample, int], Reduction]
    why: str
    clustering: str = "k-means"
    blur: float = 0.0
    log_elbow: bool = False


def _autoencoder(sample: Sample, seed: int) -> Reduction:
    from nflows_geo.reductions.autoencoder import Autoencoder

    return Autoencoder.fit(sample, seed)


def _stacked_paper(sample: Sample, seed: int) -> Reduction:
    from nflows_geo.reductions.stacked import PAPER, StackedAutoencoder

    return StackedAutoencoder.fit(sample, seed, PAPER)


def _stacked_notebook(sample: Sample, seed: int) -> Reduction:
    from nflows_geo.reductions.stacked import NOTEBOOK, StackedAutoencoder

    return StackedAutoencoder.fit(sample, seed, NOTEBOOK)


def _flow(sample: Sample, seed: int) -> Reduction:
    from nflows_geo.reductions.flow import FlowFeatures

    return FlowFeatures.fit(sample, seed)


DEFAULT = "leading-pca"
_THESIS = "as in the thesis, to compare with"
REDUCTIONS = {
    "leading-pca": Method(
        LeadingPCA.fit,
        "the components that hold 99 % of the variance are mostly signal; a mixture of Gaussians gives each unit "
        "its own shape, so a unit may be long where the light on it varies and narrow where its minerals are",
        clustering="gmm",
    ),
    "local-whitening": Method(
        LocalWhitening.fit,
        "spectra of one rock differ mostly by shade and mixing, which is seen between a pixel and its surroundings; "
        "k-means measures all directions alike, so they are scaled by that, and what remains tells rocks apart",
        blur=1.0,
        log_elbow=True,
    ),
    "mnf": Method(
        NoiseFractions.fit,
        "components in the order of their signal-to-noise ratio, the field's standard for spectrometers; noise is what "
        "differs between pixels side by side",
        clustering="gmm",
    ),
    "ica": Method(ICA.fit, "each component may be one material's, to look at; clusters are those of leading-pca"),
    "pca": Method(PCA.fit, f"{_THESIS}; the first component is mostly the illumination"),
    "whitened-pca": Method(WhitenedPCA.fit, "the small components tell rocks apart, the large one is the illumination"),
    "autoencoder": Method(_autoencoder, _THESIS),
    "stacked-paper": Method(_stacked_paper, _THESIS),
    "stacked-notebook": Method(_stacked_notebook, f"{_THESIS}, whose notebook differs from its text"),
    # A latent gives all directions of the spectra the same weight, the noise of the sensor too: hence the blur.
    "flow": Method(_flow, "a latent of independent Gaussians, which no rescaling could improve", blur=1.0),
}
